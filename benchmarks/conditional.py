"""Drawn world (synthetic): what is lost where half of the layers work on 60 % of the tokens?

Question: what a picture shows (its pairs of colour and shape, as labels, and how many objects), read by four layers of
early fusion over 36 patches; in one arm every second layer chooses 60 % of the patches and skips the rest. Same seeds,
pictures and epochs; the 1,000 test pictures, half of which show pairs never seen in training.
Bar: at most one point lost. Read by: exact match of the labels and accuracy of the count with and without, the paired
difference over the test pictures (bootstrap, 95 %), and the processor time of training. A picture of a pair that
training never showed has no right set of labels and is not asked for them; it is for the count.

    OMP_NUM_THREADS=1 python benchmarks/conditional.py [EPOCHS [SEEDS]]
"""

import sys
import time
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from compare import compare_fold, gap, named_division, score
from record import write

from polymodal.recipes import Kitchen
from polymodal.run.tables import Source, open_source

__all__ = ["main"]

PICTURE = {"type": "image", "column": "picture", "size": 48, "augment": 0}
PATCHES = {"encoder": "patches", "patch": 8, "layers": 1, "tokens": "grid"}
TASKS = {
    "shown": {"type": "multilabel", "target": "combination"},
    "count": {"type": "multiclass", "target": "objects"},
}
METRICS = {"shown": "exact_match", "count": "accuracy"}
SHARES = (1.0, 0.6)


def scenes(epochs: int, folder: Path) -> Source:
    """The set's table of scenes."""
    train = {"epochs": epochs, "members": 1, "modality_dropout": 0.0}
    change = {"data": {"group": None}, "modalities": {"picture": PICTURE | PATCHES}, "tasks": TASKS, "train": train}
    return open_source(Kitchen(folder).spec("drawn_world", change, "scenes.parquet"), folder)


def main(epochs: int = 12, seeds: int = 2) -> None:
    """The table is written after each seed."""
    rows: list[dict[str, Any]] = []
    source = scenes(epochs, Path(gettempdir()))
    for seed in range(seeds):
        made, spent = {}, {}
        for share in SHARES:
            began = time.process_time()
            over = (f"model.fusion={{type: early, layers: 4, share: {share}}}",)
            made[share] = compare_fold(source, named_division(source), seed=seed, overrides=over, floors=False)
            spent[share] = time.process_time() - began
        whole, skipping = (made[share].ours() for share in SHARES)
        for task, metric in METRICS.items():
            found = gap(skipping[task], whole[task], metric)
            row = {"task": task, "metric": metric, "seed": seed, "epochs": epochs, "n": len(whole[task])}
            row |= {"whole": score(whole[task], metric), "skipping": score(skipping[task], metric)}
            row |= {"difference": found.difference, "low": found.low, "high": found.high}
            rows.append(row | {"seconds_whole": spent[1.0], "seconds_skipping": spent[0.6]})
            print(row, flush=True)
        write("conditional", rows, seed)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
