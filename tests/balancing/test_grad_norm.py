"""Weighted gradients are equally long at first, and longer for a task that lags."""

import pytest
import torch

from polymodal.balancing import GradNorm
from tests.balancing.reference import NAN, drawn


def test_at_first_all_pull_alike():
    rows = drawn(0, 3, ratio=100.0)
    found = GradNorm().weights(torch.tensor([1.0, 5.0, 2.0]).double(), rows @ rows.T)
    pulls = found * rows.norm(dim=1)
    torch.testing.assert_close(pulls, pulls[:1].expand(3))
    assert float(found.mean()) == pytest.approx(1)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.5])
def test_later_the_pull_grows_with_what_is_left_of_the_first_loss(alpha):
    rows, balancer = drawn(1, 2, ratio=7.0), GradNorm(alpha, memory=0.0)
    balancer.weights(torch.tensor([2.0, 10.0]).double(), rows @ rows.T)
    found = balancer.weights(torch.tensor([1.0, 1.0]).double(), rows @ rows.T)
    pulls = found * rows.norm(dim=1)
    assert float(pulls[0] / pulls[1]) == pytest.approx(5.0**alpha)


def test_a_task_that_comes_later_starts_from_its_own_first_loss():
    rows, balancer = drawn(1, 3), GradNorm()
    bare = rows.clone()
    bare[2] = 0
    assert balancer.weights(torch.tensor([1.0, 1.0, NAN]), bare @ bare.T)[2] == 0
    balancer.weights(torch.tensor([1.0, 1.0, 4.0]), rows @ rows.T)
    assert balancer.state()["first"] == [1, 1, 4]
    with pytest.raises(ValueError, match="Gramian"):
        balancer.weights(torch.ones(3), None)
