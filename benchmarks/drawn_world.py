"""Drawn world (synthetic): is the caption of a picture found among 1,000, of combinations never seen, too?

Question: 1,000 test pictures and their captions, each true of one picture only; half of them show a pair of colour and
shape that is in no training picture and no training sentence. Retrieval both ways, by InfoNCE on the training pairs.
Bar: recall at 1 of at least .90 both ways. Read by: recall at 1 on all, on those seen and on those unseen; the interval
of 1,000 rows is about ± 2 points.

    OMP_NUM_THREADS=1 python benchmarks/drawn_world.py [EPOCHS [SEEDS]]
"""

import sys
from pathlib import Path
from tempfile import gettempdir

import numpy as np
from compare import compare_fold, named_division
from record import write

from polymodal.recipes import Kitchen
from polymodal.run.tables import Source, open_source
from polymodal.training.predicting import answers, outputs

__all__ = ["main"]

# What is where matters: a transformer knows the place of each patch before it takes the mean.
PICTURE = {
    "type": "image",
    "column": "picture",
    "size": 48,
    "augment": 0,
    "encoder": "patches",
    "patch": 8,
    "layers": 3,
}
MODALITIES = {
    "picture": PICTURE,
    "caption": {"type": "text", "columns": ["caption"], "encoder": "transformer", "drop": 0.0},
}
TASKS = {"find": {"type": "retrieval", "between": ["picture", "caption"]}}


def scenes(epochs: int, folder: Path) -> Source:
    """The set's table of scenes."""
    train = {"epochs": epochs, "members": 1, "modality_dropout": 0.0}
    change = {"data": {"group": None}, "modalities": MODALITIES, "tasks": TASKS, "train": train}
    return open_source(Kitchen(folder).spec("drawn_world", change, "scenes.parquet"), folder)


def main(epochs: int = 15, seeds: int = 1) -> None:
    """The table is written after each seed."""
    source, rows = scenes(epochs, Path(gettempdir())), []
    for seed in range(seeds):
        fold = compare_fold(source, named_division(source), seed=seed, floors=False)
        fitted, test = fold.fitted, fold.fitted.split.test
        made = outputs(fitted.model, fitted.samples, test)
        decoded, truth, _ = answers(fitted.model, fitted.samples, test, made)["find"]
        unseen = source.table.column("unseen").to_numpy().astype(bool)[test]
        for aspect in fitted.model.tasks["find"].aspects(decoded, truth):
            first = np.asarray(aspect.decoded.prediction) <= 1
            parts = {"recall_at_1": first, "seen": first[~unseen], "unseen": first[unseen]}
            row = {"seed": seed, "epochs": epochs, "way": aspect.name, "n": len(first)}
            row |= {name: float(part.mean()) for name, part in parts.items()}
            rows.append(row | {"seconds": round(fold.seconds), "bar_met": bool(first.mean() >= 0.9)})
            print(rows[-1], flush=True)
        write("drawn_world", rows, seed)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
