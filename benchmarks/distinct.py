"""Distinct values once: what a step on pairs costs when each protein and each drug in it is encoded once.

Question: Davis, 4,096 pairs in a step, read by two nets: `recipe` (graph and fingerprint, counts of pieces of the
sequence) and `convolution` (graph, and a convolution over residues); against the same net and pairs where every row
brings a copy of its own, which is what a step costs without the index of a batch. `blocks` are pairs as `train:
{together: chain}` draws them (about 60 sequences, all 68 drugs), `shuffled` are rows as they come (nearly all 379).
Bar: at least 5 times the rows a second; outputs equal in evaluation.
Read by: training rows a second (forward, loss, backward) of both sides, the median of paired ratios, processor time,
one thread, sides taking turns in one process; the greatest difference of the outputs of a net that is not in training.
A copied step of the convolution takes minutes and gigabytes: it is measured once.

    OMP_NUM_THREADS=1 python benchmarks/distinct.py [PAIRS]
"""

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from compare import compare_fold, named_division, open_set
from record import write

from polymodal.core import Batch, Values
from polymodal.model import Model
from polymodal.training.batches import Plan
from polymodal.training.gradients import task_losses

__all__ = ["main"]

ROWS = 4096
OVER = ("train.epochs=1", "train.members=1", f"train.batch_size={ROWS}", "model.fusion={type: early, layers: 2}")
NETS = {
    "recipe": ("modalities.drug.encoder=both", "modalities.kinase.encoder=pieces"),
    "convolution": ("modalities.drug.encoder=graph", "modalities.kinase.encoder=convolution"),
}
KINDS = {"blocks": "chain", "shuffled": None}


def copied(batch: Batch) -> Batch:
    """The same rows, each with values of its own."""
    inputs = {
        name: Values({part: each[values.index] for part, each in values.data.items()}, torch.arange(len(values.index)))
        for name, values in batch.inputs.items()
    }
    return replace(batch, inputs=inputs)


def stepping(model: Model, batch: Batch) -> Callable[[], None]:
    """Forward, loss and backward."""

    def step() -> None:
        model.zero_grad(set_to_none=True)
        task_losses(model, model(batch), batch).sum().backward()

    return step


def seconds(step: Callable[[], None]) -> float:
    """Processor time of one step."""
    began = time.process_time()
    step()
    return time.process_time() - began


def measured(net: str, kind: str, pairs: int) -> dict[str, Any]:
    """One row of the table."""
    source = open_set("davis")
    together = () if KINDS[kind] is None else (f"train.together={KINDS[kind]}",)
    fitted = compare_fold(source, named_division(source), overrides=OVER + NETS[net] + together, floors=False).fitted
    model: Model = fitted.model.members[0]
    batch = Plan(fitted.samples, fitted.split.train, ROWS, seed=0)[0]
    whole, held = copied(batch), {name: values.count for name, values in batch.inputs.items()}
    with torch.no_grad():
        one, other = (model.eval()(each)["binding"] for each in (batch, whole))
    model.train()
    sides = stepping(model, batch), stepping(model, whole)
    warm = 0 if pairs == 1 else 1
    times = [[seconds(side) for side in sides] for _ in range(pairs + warm)][warm:]
    ratio = statistics.median(theirs / ours for ours, theirs in times)
    row = {"net": net, "kind": kind, "rows": ROWS, **held, "difference": float((one - other).abs().max())}
    for name, place in (("rows_per_s", 0), ("rows_per_s_copied", 1)):
        row[name] = ROWS / statistics.median(each[place] for each in times)
    return row | {"ratio": ratio, "pairs": pairs, "bar": 5.0, "bar_met": ratio >= 5.0}


def main(pairs: int = 5) -> None:
    """The table is written after each row."""
    rows: list[dict[str, Any]] = []
    for net, many in (("recipe", pairs), ("convolution", 1)):
        for kind in KINDS:
            rows.append(measured(net, kind, many))
            print(rows[-1], flush=True)
            write("distinct", rows, 0)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
