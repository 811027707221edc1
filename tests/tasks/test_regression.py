"""A number in its own unit, trained in units of its spread."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from polymodal.data.base import DataTable
from polymodal.tasks import Regression
from polymodal.tasks.targets import NumberColumn
from tests.tasks.asked import asked, first_answer

CELLS = ["10", "20", "30", "", "40"]


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8))
def test_outputs_and_targets_meet_where_the_loss_is_nothing(numbers: list[float]):
    task, target = asked(Regression("y"), CELLS), torch.tensor(numbers, dtype=torch.float64)
    outputs = ((target - task.reader.mean) / task.reader.spread).unsqueeze(1)
    assert (task.losses(outputs, target) < 1e-12).all()
    np.testing.assert_allclose(task.decode(outputs).prediction, task.truth(target), rtol=1e-9, atol=1e-6)


def test_knowing_nothing_it_says_the_mean():
    task = asked(Regression("y"), CELLS)
    decoded = task.decode(first_answer(task))
    assert decoded.prediction.tolist() == [25.0]
    assert (len(task.classes), decoded.probabilities, decoded.chances.shape) == (0, None, (1, 0))


@pytest.mark.parametrize(("loss", "cost"), [("squared", 9.0), ("absolute", 3.0), ("huber", 2.5)])
def test_what_a_miss_of_three_spreads_costs(loss: str, cost: float):
    task = asked(Regression("y", loss=loss), CELLS)
    target = torch.tensor([task.reader.mean + 3 * task.reader.spread])
    assert task.losses(torch.zeros(1, 1), target).item() == pytest.approx(cost, rel=1e-5)


def test_the_unit_of_the_target_changes_no_loss():
    metres, feet = asked(Regression("y"), ["1", "2", "4"]), asked(Regression("y"), ["3.28", "6.56", "13.12"])
    outputs = torch.tensor([[0.3]])
    first = metres.losses(outputs, torch.tensor([3.0], dtype=torch.float64))
    second = feet.losses(outputs, torch.tensor([9.84], dtype=torch.float64))
    torch.testing.assert_close(first, second)


@pytest.mark.parametrize(("scale", "middle"), [("linear", 21.0 / 3), ("root", 49.0 / 9), ("log", 4.0)])
def test_on_its_scale_it_says_the_number_whose_place_is_the_mean(scale: str, middle: float):
    task = asked(Regression("y", scale=scale), ["1", "4", "16"])
    assert task.decode(first_answer(task)).prediction == pytest.approx([middle])
    target = torch.tensor([1.0, 4.0, 16.0], dtype=torch.float64)
    places = task.reader.scaled(target)
    np.testing.assert_allclose(task.decode(places.unsqueeze(1)).prediction, target.numpy())
    assert (task.losses(places.unsqueeze(1), target) < 1e-12).all()


@pytest.mark.parametrize(("scale", "refused"), [("linear", []), ("root", [1]), ("log", [1, 2])])
def test_what_has_no_place_on_the_scale_is_refused_by_row(scale: str, refused: list[int]):
    column = NumberColumn("y", scale)
    table = DataTable(pd.DataFrame({"y": ["1", "-3", "0", "4"]}))
    column.fit(table, np.arange(4))
    cells = column.read(table)
    assert [each.row for each in cells.refusals] == refused == np.flatnonzero(~cells.present).tolist()


def test_an_answer_beyond_the_scale_is_its_end():
    root, log = (asked(Regression("y", scale=scale), ["1", "4", "16"]) for scale in ("root", "log"))
    assert root.decode(torch.tensor([[-50.0]])).prediction.tolist() == [0.0]
    assert np.isfinite(log.decode(torch.tensor([[1e9]])).prediction).all()
