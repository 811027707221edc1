"""Does it help to forget the voices that one knows? Digits by speakers nobody has heard, with a second net or without.

Question: each of the six speakers of fsdd is held out in turn, all takes; the others' takes teach and say when to stop
as in the set's own split. The same net learns digits plainly, and against a second net that reads the speaker
(`adversarial`, weight .5 as in the recipe `speech_scrubbed`). Bar: digits of unheard speakers are told better for it.
Read by: the share of digits that are right by speaker, their mean, and the mean gain with its interval over speakers
(Student's t: six people are what is drawn). Speakers that are in the results are not run again.

    OMP_NUM_THREADS=1 python benchmarks/unheard.py [SPEAKER ...] [--seed N]
"""

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from compare import named_division, open_set, score
from record import read, write
from scipy import stats

from polymodal.evaluation.runs import answered
from polymodal.run.division import Division
from polymodal.run.fitting import fit_parts
from polymodal.run.tables import Source
from polymodal.spec import Spec

__all__ = ["main"]

WAYS = ("plain", "adversarial")
SETTINGS = ("model.width=64", "train.members=1", "train.epochs=90")


def asked(source: Source, way: str, seed: int) -> Spec:
    """The set's spec as the recipe changes it."""
    spec = source.spec.override(*SETTINGS, f"train.seed={seed}")
    if way == "plain":
        return spec
    hidden = {"hidden": {"type": "adversarial", "column": "speaker", "weight": 0.5}}
    return spec.replaced(spec.to_dict() | {"objectives": hidden})


def without(division: Division, held: np.ndarray) -> Division:
    """The same division, with the rows `held` (rows,) for the test and out of everything else."""
    rows = np.flatnonzero(held)
    train, validation = (np.setdiff1d(part, rows) for part in (division.split.train, division.split.validation))
    return replace(division, split=type(division.split)(train, validation, rows))


def main() -> None:
    """Both ways for each speaker; writes benchmarks/results/unheard.csv after each."""
    torch.set_num_threads(1)
    words = argparse.ArgumentParser(description="Digits by unheard speakers.")
    words.add_argument("speakers", nargs="*", help="who is held out; all of them unless named")
    words.add_argument("--seed", type=int, default=0)
    given = words.parse_args()
    seed = given.seed
    source = open_set("fsdd")
    division, speakers = named_division(source), source.table.frame["speaker"].to_numpy(dtype=str)
    rows = read("unheard")
    for speaker in given.speakers or np.unique(speakers):
        for way in WAYS:
            if any((row["speaker"], row["way"], int(row["seed"])) == (speaker, way, seed) for row in rows):
                continue
            began = time.process_time()
            parts = asked(source, way, seed).build()
            fitted = fit_parts(source.table, parts, without(division, speakers == speaker))
            right = score(answered(fitted, fitted.split.test)["digit"].answers, "accuracy")
            spent = round(time.process_time() - began)
            row = {"speaker": speaker, "way": way, "accuracy": right, "n": len(fitted.split.test), "cpu_seconds": spent}
            print(row, flush=True)
            rows.append(row | {"seed": seed})
            write("unheard", rows, seed)
    tell(rows, seed)


def tell(rows: Sequence[Mapping[str, Any]], seed: int) -> None:
    """The means over speakers who were held out both ways, and the gain with its interval."""
    told = {(row["speaker"], row["way"]): row["accuracy"] for row in rows if int(row["seed"]) == seed}
    names = sorted({name for name, _ in told})
    gains = np.array([told[name, WAYS[1]] - told[name, WAYS[0]] for name in names])
    reach = stats.t.ppf(0.975, len(gains) - 1) * gains.std(ddof=1) / len(gains) ** 0.5
    print({way: float(np.mean([told[name, way] for name in names])) for way in WAYS})
    print(f"gain {gains.mean():+.3f} ({gains.mean() - reach:+.3f} to {gains.mean() + reach:+.3f})")


if __name__ == "__main__":
    main()
