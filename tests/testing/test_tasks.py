"""Each way of breaking a task is found, and named."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from polymodal.core import Values
from polymodal.data.base import DataTable
from polymodal.tasks import Multiclass
from polymodal.tasks.base import Decoded
from polymodal.testing import ContractBroken, FakeTask, check_task


def number_with(**methods):
    return type("Changed", (FakeTask,), methods)()


def labels_with(**methods):
    return type("Changed", (Multiclass,), methods)("target")


def decoded_as(change):
    def decode(self, outputs):
        found = Multiclass.decode(self, outputs)
        return Decoded(*change(found.prediction, found.probabilities, found.classes))

    return labels_with(decode=decode)


class Unmasked(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layer = nn.Linear(width, 1)

    def forward(self, representation):
        return self.layer(representation.pooled.nan_to_num(7.0).sum(1))


def unlabelled_as_zero():
    task = FakeTask()

    def collate(self, cells, rows):
        values, refusals = super(type(self), self).collate(cells, rows)
        data = torch.cat([values.data["target"], torch.zeros(1)])
        return Values({"target": data}, torch.where(values.index < 0, len(data) - 1, values.index)), refusals

    task.reader.__class__ = type("Changed", (type(task.reader),), {"collate": collate})
    return task


BROKEN = {
    "nothing is invented": unlabelled_as_zero(),
    "one loss for each sample": number_with(losses=lambda s, o, t: FakeTask.losses(s, o, t).mean()),
    "does not depend on the other samples": number_with(
        losses=lambda s, o, t: FakeTask.losses(s, o, t) / max(len(o), 1)
    ),
    "a labelled sample gives a gradient": number_with(losses=lambda s, o, t: 0 * o[:, 0]),
    "float64 losses": number_with(losses=lambda s, o, t: FakeTask.losses(s, o, t).float()),
    "headline": number_with(headline="accuracy"),
    "beats a random one": number_with(higher_is_better=True),
    "left out, not NaN": number_with(metrics=lambda s, d, t: {"mse": float("nan")}),
    "looks at one row only": number_with(
        decode=lambda s, o: Decoded(np.arange(len(o)) + FakeTask.decode(s, o).prediction)
    ),
    "predicted numbers are finite": number_with(decode=lambda s, o: Decoded(np.exp(1000 * o[:, 0].abs().numpy()))),
    "between 0 and 1": decoded_as(lambda p, q, c: (p, q + np.eye(len(c))[0] - np.eye(len(c))[1], c)),
    "add up to 1": decoded_as(lambda p, q, c: (p, q / 2, c)),
    "one of the classes": decoded_as(lambda p, q, c: (np.full(len(p), "maybe", dtype=object), q, c)),
    "gives their probabilities": decoded_as(lambda p, q, c: (p, None, c)),
    "one prediction for each row": decoded_as(lambda p, q, c: (p[:3], q, c)),
    "absent view": number_with(head=lambda s, views, width, combine: Unmasked(width)),
}


def test_the_fake_keeps_its_contract():
    check_task(FakeTask())


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
@pytest.mark.parametrize("promise", BROKEN)
def test_a_broken_promise_is_named(promise):
    with pytest.raises(ContractBroken, match=promise):
        check_task(BROKEN[promise])


def test_a_task_that_reads_no_example_needs_a_table():
    with pytest.raises(ContractBroken, match="table of its own"):
        check_task(Multiclass("target"), table=DataTable(pd.DataFrame({"target": [""] * 8})))
