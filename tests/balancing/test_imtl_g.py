"""Projections on all directions are the same, and no sign turns the step round."""

import torch

from polymodal.balancing import ImtlG
from tests.balancing.reference import CONFLICT, given, step


def test_the_reference_value():
    wanted = torch.tensor([0.0767, 1.0, 1.0]).double()
    torch.testing.assert_close(step(ImtlG(), CONFLICT) / 2, wanted, atol=5e-5, rtol=0)


def test_weights_of_a_negative_sum_do_not_turn_the_step_round():
    """The gradient with a negative weight is the shortest; scaled to a sum of 1, all weights would change sign."""
    rows = torch.tensor([[1.0, 0.0, 0.0], [0.9, 0.1, 0.05], [0.95, 0.5, 0.3]], dtype=torch.float64)
    rows = rows * torch.tensor([[1.0], [0.05], [1.0]])
    found = given(ImtlG(), rows)
    assert float(found.sum()) < 0
    assert (rows @ (found @ rows) > 0).all()


def test_opposite_gradients_leave_no_way():
    assert given(ImtlG(), torch.tensor([[1.0, 0.0], [-2.0, 0.0]]).double()).tolist() == [0, 0]
