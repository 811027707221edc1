"""Distinct values once: what a step on pairs costs when each protein and each drug in it is encoded once.

Question: Davis, 4,096 pairs as `train: {together: chain}` draws them (about 60 sequences, all 68 drugs), read by a net
of messages along bonds and a convolution over residues; against the same net and pairs where every row brings a copy
of its own, which is what a step costs without the index of a batch. `mixed` is the same with the rows of four steps
shuffled (some 240 sequences in a step).
Bar: at least 5 times the rows a second; outputs equal in evaluation.
Read by: training rows a second (forward, loss, backward) of both sides, the median of paired ratios, processor time,
one thread, sides taking turns in one process; the greatest difference of the outputs of a net that is not in training.

    OMP_NUM_THREADS=1 python benchmarks/distinct.py [PAIRS]
"""

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import torch
from compare import compare_fold, named_division, open_set
from record import write

from polymodal.core import Batch, Values
from polymodal.model import Model
from polymodal.training.batches import Plan
from polymodal.training.gradients import task_losses

__all__ = ["main"]

ROWS = 4096
OVER = (
    "train.epochs=1",
    "train.members=1",
    f"train.batch_size={ROWS}",
    "train.together=chain",
    "modalities.drug.encoder=graph",
    "modalities.kinase.encoder=convolution",
    "model.fusion={type: early}",
)


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


def main(pairs: int = 5) -> None:
    """The table is written at the end."""
    source = open_set("davis")
    fitted = compare_fold(source, named_division(source), overrides=OVER, floors=False).fitted
    model: Model = fitted.model.members[0]
    rows = []
    for kind, mix in (("blocks", 1), ("mixed", 4)):
        batch = Plan(fitted.samples, fitted.split.train, ROWS, seed=0, mix=mix)[0]
        whole, held = copied(batch), {name: values.count for name, values in batch.inputs.items()}
        with torch.no_grad():
            one, other = (model.eval()(each)["binding"] for each in (batch, whole))
        difference = float((one - other).abs().max())
        model.train()
        sides = stepping(model, batch), stepping(model, whole)
        times = [[seconds(side) for side in sides] for _ in range(pairs + 1)][1:]
        ratio = statistics.median(theirs / ours for ours, theirs in times)
        row = {"kind": kind, "rows": ROWS, **held, "difference": difference, "ratio": ratio, "pairs": pairs}
        for name, place in (("rows_per_s", 0), ("rows_per_s_copied", 1)):
            row[name] = ROWS / statistics.median(each[place] for each in times)
        row |= {"bar": 5.0, "bar_met": ratio >= 5.0}
        rows.append(row)
        print(row, flush=True)
    write("distinct", rows, 0)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
