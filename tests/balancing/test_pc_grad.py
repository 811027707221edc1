"""Projections by inner products are those of the gradients themselves."""

import pytest
import torch

from polymodal.balancing import PCGrad
from polymodal.core.seeding import numpy_generator
from tests.balancing.reference import CONFLICT, drawn, step


def test_the_reference_value():
    torch.testing.assert_close(
        step(PCGrad(), CONFLICT), torch.tensor([0.5848, 3.8012, 3.8012]).double(), atol=5e-5, rtol=0
    )


@pytest.mark.parametrize("tasks", [2, 3, 6])
def test_it_is_the_algorithm_on_gradients(tasks):
    rows, draw, total = drawn(0, tasks, 30.0), numpy_generator(5, "pc_grad", 0), 0
    for own in range(tasks):
        moved = rows[own].clone()
        for other in draw.permutation(tasks):
            if other != own and moved @ rows[other] < 0:
                moved = moved - (moved @ rows[other]) / (rows[other] @ rows[other]) * rows[other]
        total = total + moved
    torch.testing.assert_close(step(PCGrad(seed=5), rows), total)


def test_without_conflict_it_is_the_sum_and_the_order_changes_from_step_to_step():
    assert step(PCGrad(), torch.eye(3).double()).tolist() == [1, 1, 1]
    rows, balancer = drawn(2, 6), PCGrad()
    rows[2:4] -= rows[:2]
    steps = torch.stack([step(balancer, rows) for _ in range(8)])
    assert len({tuple(found) for found in steps.tolist()}) > 1
