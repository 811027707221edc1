"""Random weights come from the method's own draws."""

import torch

from polymodal.balancing import RandomWeights
from tests.balancing.reference import NAN


def test_each_step_draws_anew_and_the_seed_decides():
    one, same, other = RandomWeights(3), RandomWeights(3), RandomWeights(4)
    losses = torch.ones(3, dtype=torch.float64)
    torch.manual_seed(0)
    first, second = one.weights(losses, None), one.weights(losses, None)
    torch.manual_seed(1)
    assert torch.equal(same.weights(losses, None), first)
    assert not torch.equal(first, second)
    assert not torch.equal(other.weights(losses, None), first)
    assert same.state() == {"step": 1}


def test_weights_are_a_softmax_of_normal_numbers_over_labelled_tasks():
    balancer, losses = RandomWeights(), torch.tensor([1.0, 1.0, NAN, 1.0], dtype=torch.float64)
    drawn = torch.stack([balancer.weights(losses, None) for _ in range(2000)])
    assert (drawn[:, 2] == 0).all()
    torch.testing.assert_close(drawn.sum(1), torch.full((2000,), 3.0).double())
    gaps = (drawn[:, 0] / drawn[:, 1]).log()  # the difference of two standard normal numbers
    assert abs(gaps.mean()) < 0.15
    assert abs(gaps.std() - 2**0.5) < 0.1
