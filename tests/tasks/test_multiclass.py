"""Which one of several: starts from the frequencies, and picks the most probable."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from polymodal.tasks import Multiclass
from tests.tasks.asked import asked, first_answer

CELLS = ["left"] * 5 + ["right"] * 3 + ["up"]


def test_knowing_nothing_it_says_the_frequencies():
    task = asked(Multiclass("y"), CELLS)
    np.testing.assert_allclose(task.decode(first_answer(task)).probabilities, [[6 / 12, 4 / 12, 2 / 12]], atol=1e-6)
    even = asked(Multiclass("y", class_weight="balanced"), CELLS)
    np.testing.assert_allclose(even.decode(first_answer(even)).probabilities, np.full((1, 3), 1 / 3))


@given(st.lists(st.tuples(*[st.floats(-50, 50)] * 3), min_size=1, max_size=8), st.floats(-100, 100))
def test_probabilities_add_up_and_a_shift_of_all_logits_changes_nothing(rows: list, shift: float):
    task, outputs = asked(Multiclass("y"), CELLS), torch.tensor(rows, dtype=torch.float64)
    decoded = task.decode(outputs)
    np.testing.assert_allclose(decoded.chances.sum(axis=1), 1)
    np.testing.assert_allclose(task.decode(outputs + shift).chances, decoded.chances, atol=1e-9)
    assert [decoded.classes[place] for place in decoded.chances.argmax(axis=1)] == decoded.prediction.tolist()


def test_balancing_makes_all_classes_cost_the_same():
    task = asked(Multiclass("y", class_weight="balanced"), CELLS)
    target = torch.tensor([0] * 5 + [1] * 3 + [2])
    losses = task.losses(torch.zeros(9, 3), target)
    sums = [losses[target == number].sum().item() for number in range(3)]
    assert sums == pytest.approx([sums[0]] * 3)
    assert task.truth(target[[0, 8]]).tolist() == ["left", "up"]
