"""Which pixel is road: how well a small net tells 11 classes of road scenes apart, and in how much time of a CPU.

Question: the spec of the set camvid (367 frames train, 101 say when to stop, 233 are the test). Bar: miou of at least
.45 over the test frames within ten minutes of one core. Read by drive, too: Seq05VD is a drive that nobody has seen,
0001TP a later part of one that trains. The floor says of each place what it shows most often in training.

    OMP_NUM_THREADS=1 python benchmarks/camvid.py [PART [KEY=VALUE ...]]

PART is test, or val for a look before anything is chosen; KEY=VALUE changes the spec and writes nothing.
"""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from compare import named_division, open_set
from record import write

from polymodal.run.fitting import Fitted, Watch, fit_parts
from polymodal.tasks.metrics import pixel_scores
from polymodal.training.predicting import answers, outputs

__all__ = ["main", "scored"]

TASK = "classes"


def scored(tables: np.ndarray, drives: np.ndarray, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The figures over all frames and by drive; `tables` (n, classes, classes) of truth by answer."""
    for drive in ["all", *np.unique(drives)]:
        some = tables[(drives == drive) | (drive == "all")]
        whole = some.sum(axis=0)
        hits, either = np.diag(whole), whole.sum(axis=0) + whole.sum(axis=1) - np.diag(whole)
        shares = {f"iou_{name}": float(hit / max(1, any_)) for name, hit, any_ in zip(names, hits, either, strict=True)}
        yield {"drive": str(drive), "frames": len(some)} | pixel_scores(some) | shares


def floor(fitted: Fitted, truth: np.ndarray) -> np.ndarray:
    """The commonest class of each place in the training frames, as answers for frames like `truth`."""
    column, cells = fitted.samples.targets[TASK]
    values, _ = column.collate(cells, np.concatenate([fitted.split.train, fitted.split.validation]))
    known = fitted.model.tasks[TASK].truth(values.data["target"])
    counts = np.stack([(known == number).sum(axis=0) for number in range(known.max() + 1)])
    return np.broadcast_to(counts.argmax(axis=0).astype(np.uint8), truth.shape)


def tables_of(fitted: Fitted, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The tables of the model and of the floor for some rows."""
    task = fitted.model.tasks[TASK]
    decoded, truth, _ = answers(fitted.model, fitted.samples, rows, outputs(fitted.model, fitted.samples, rows))[TASK]
    plain = type(decoded)(floor(fitted, truth))
    return tuple(task.aspects(made, truth)[0].decoded.prediction for made in (decoded, plain))


def told(event: Mapping[str, Any]) -> None:
    """Epochs on the screen."""
    if event["event"] == "epoch":
        print({name: value for name, value in event.items() if name in ("epoch", "train", "validation")}, flush=True)


def main() -> None:
    """Fit, judge, print, and write benchmarks/results/camvid.csv for the spec as it stands."""
    torch.set_num_threads(1)
    part, changes = (sys.argv[1] if len(sys.argv) > 1 else "test"), sys.argv[2:]
    source = open_set("camvid")
    parts = source.spec.override(*changes).build()
    began = time.process_time()
    fitted = fit_parts(source.table, parts, named_division(source), watch=Watch(told))
    seconds = time.process_time() - began
    rows = fitted.split.test if part == "test" else fitted.split.validation
    drives = source.table.frame["drive"].to_numpy(dtype=str)[rows]
    names = fitted.model.tasks[TASK].classes
    found = []
    for who, tables in zip(("model", "floor by place"), tables_of(fitted, rows), strict=True):
        found += [{"who": who, "cpu_seconds": seconds} | row for row in scored(tables, drives, names)]
    for row in found:
        print({name: round(value, 3) if isinstance(value, float) else value for name, value in row.items()})
    if not changes and part == "test":
        write("camvid", found, 0)


if __name__ == "__main__":
    main()
