"""Grades: answers fall from step to step, and the predicted grade is the one nearest to the expected."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from polymodal.tasks import Ordinal
from tests.tasks.asked import asked, first_answer

CELLS = ["1"] * 4 + ["2"] * 3 + ["3"] * 2 + ["10"]


def test_grades_are_ordered_by_size_or_as_told():
    assert asked(Ordinal("y"), CELLS).classes == ["1", "2", "3", "10"]
    told = Ordinal("y", order=["poor", "fair", "good"])
    assert asked(told, ["good", "poor", "good"]).classes == ["poor", "fair", "good"]


def test_knowing_nothing_it_says_the_frequencies():
    task = asked(Ordinal("y"), CELLS)
    np.testing.assert_allclose(task.decode(first_answer(task)).chances, [[5 / 14, 4 / 14, 3 / 14, 2 / 14]], atol=1e-6)


@given(st.lists(st.tuples(*[st.floats(-40, 40)] * 3), min_size=1, max_size=8))
def test_chances_are_chances_and_the_grade_is_near_the_expected_one(rows: list):
    task = asked(Ordinal("y"), CELLS)
    decoded = task.decode(torch.tensor(rows, dtype=torch.float64))
    assert (decoded.chances >= 0).all()
    np.testing.assert_allclose(decoded.chances.sum(axis=1), 1)
    expected = decoded.chances @ np.arange(4)
    chosen = np.array([decoded.classes.index(label) for label in decoded.prediction])
    assert (np.abs(expected - chosen) <= 0.5 + 1e-9).all()


def test_a_farther_miss_costs_more():
    task = asked(Ordinal("y"), CELLS)
    sure = torch.tensor([[-6.0, -6.0, -6.0]]).expand(4, 3)
    losses = task.losses(sure, torch.arange(4))
    assert (losses.diff() > 0).all()
