"""The weights are those of the gradient of the geometric mean."""

import torch

from polymodal.balancing import GeometricMean
from tests.balancing.reference import NAN


def test_the_direction_is_the_gradient_of_the_geometric_mean():
    losses = torch.tensor([0.2, 3.0, 50.0], dtype=torch.float64, requires_grad=True)
    losses.log().mean().exp().backward()
    found = GeometricMean().weights(losses, None)
    torch.testing.assert_close(found, losses.grad / losses.grad.mean())


def test_a_loss_without_logarithm_keeps_weight_one():
    found = GeometricMean().weights(torch.tensor([1.0, 3.0, 0.0, -2.0, NAN]), None)
    assert found.tolist() == [1.5, 0.5, 1.0, 1.0, 0.0]
