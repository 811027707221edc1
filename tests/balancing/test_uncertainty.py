"""Noisy tasks are weighed down, and an interruption changes nothing."""

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from polymodal.balancing import Uncertainty

NAN = float("nan")
LOSSES = st.lists(st.floats(1e-3, 1e3), min_size=2, max_size=5)


@given(LOSSES)
def test_weights_are_inverse_losses_with_mean_one(drawn: list[float]):
    losses = torch.tensor(drawn, dtype=torch.float64)
    weights = Uncertainty().weights(losses, None)
    torch.testing.assert_close(weights.mean(), torch.tensor(1.0, dtype=torch.float64))
    torch.testing.assert_close(weights * losses, (weights * losses)[:1].expand_as(losses))


@given(LOSSES, st.floats(1e-3, 1e3))
def test_the_unit_of_all_losses_does_not_matter(drawn: list[float], unit: float):
    losses = torch.tensor(drawn, dtype=torch.float64)
    torch.testing.assert_close(Uncertainty().weights(losses * unit, None), Uncertainty().weights(losses, None))


def test_a_task_without_labels_weighs_nothing_and_is_remembered():
    balancer = Uncertainty(memory=0.5)
    balancer.weights(torch.tensor([1.0, 4.0]), None)
    weights = balancer.weights(torch.tensor([NAN, 8.0]), None)
    assert weights[0] == 0
    assert balancer.running is not None
    assert balancer.running.tolist() == [1.0, 6.0]
    assert Uncertainty().weights(torch.tensor([NAN, NAN]), None).tolist() == [0.0, 0.0]
    assert Uncertainty().weights(torch.tensor([3.0]), None).tolist() == [1.0]


@pytest.mark.parametrize("stop", [0, 1, 4])
def test_it_goes_on_where_it_was(stop: int):
    losses = torch.rand(8, 3) + 0.1
    losses[:3, 1] = NAN
    whole, before, after = Uncertainty(), Uncertainty(), Uncertainty()
    expected = [whole.weights(row, None) for row in losses]
    for row in losses[:stop]:
        before.weights(row, None)
    after.restore(json.loads(json.dumps(before.state())))
    made = [after.weights(row, None) for row in losses[stop:]]
    assert all(torch.equal(a, b) for a, b in zip(made, expected[stop:], strict=True))
