"""The step is the best for the worst-off task within its ball."""

import pytest
import torch
from scipy.optimize import minimize

from polymodal.balancing import CAGrad
from tests.balancing.reference import CONFLICT, drawn, given, step


@pytest.mark.parametrize("c", [0.1, 0.4, 0.9, 2.0])
@pytest.mark.parametrize("tasks", [2, 3, 6])
def test_nothing_in_the_ball_is_better_for_the_worst_off(c, tasks):
    rows = drawn(tasks, tasks, 10.0)
    mean = rows.mean(0)
    found = step(CAGrad(c), rows) * (1 + c) / tasks
    assert (found - mean).norm() <= c * mean.norm() * (1 + 1e-6)
    shares = [1 / tasks] * tasks

    def dual(shares):
        mixed = torch.from_numpy(shares) @ rows
        return float(mixed @ mean + c * mean.norm() * mixed.norm())

    whole = {"type": "eq", "fun": lambda shares: shares.sum() - 1}
    bound = minimize(dual, shares, bounds=[(0, 1)] * tasks, constraints=whole, options={"ftol": 1e-12}).fun
    assert float((rows @ found).min()) == pytest.approx(bound, rel=1e-4, abs=1e-6)


def test_without_room_it_is_the_sum():
    assert given(CAGrad(0.0), CONFLICT).tolist() == [1, 1]
    assert given(CAGrad(), torch.tensor([[1.0, 0.0], [-1.0, 0.0]]).double()).tolist() == [1, 1]
