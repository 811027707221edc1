"""The adversary learns by itself, and its gradient is turned round on the way to the encoder."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from polymodal.objectives.adversary import FLAT, RATE, Adversary, reversed_gradient


def scene(seed: int = 0) -> tuple[Adversary, Tensor, Tensor]:
    torch.manual_seed(seed)
    features, target = torch.randn(64, 6), torch.arange(64) % 3
    features[:, 0] += 3.0 * target
    return Adversary(6, 16, torch.log(torch.tensor([0.5, 0.25, 0.25]))), features, target


def whitened(features: Tensor) -> Tensor:
    """The features with a covariance of almost one, by the Cholesky root of their own."""
    centred = (features - features.mean(0)).double()
    covariance = centred.T @ centred / len(features)
    covariance += FLAT * covariance.diagonal().mean() * torch.eye(features.shape[1])
    return (centred @ torch.linalg.inv(torch.linalg.cholesky(covariance)).T).float()


def test_a_gradient_comes_back_turned_round():
    plain, turned = (torch.randn(4, 3, generator=torch.Generator().manual_seed(1)).requires_grad_() for _ in "ab")
    (plain**3).sum().backward()
    values = reversed_gradient(turned, 0.25)
    assert torch.equal(values, turned)
    (values**3).sum().backward()
    torch.testing.assert_close(turned.grad, -0.25 * plain.grad)


def test_it_starts_from_what_is_commonest():
    adversary, features, _ = scene()
    torch.testing.assert_close(adversary(features).softmax(1), torch.tensor([[0.5, 0.25, 0.25]]).expand(64, -1))


def test_it_learns_and_no_optimiser_of_training_knows_it():
    adversary, features, target = scene()
    assert not list(adversary.parameters())
    adversary.learn(features, lambda made: F.cross_entropy(made, target, reduction="none"), 200)
    assert (adversary(features).argmax(1) == target).float().mean() > 0.9


def test_its_steps_are_those_of_adam():
    adversary, features, target = scene()
    started = {name: adversary.get_buffer(name).clone().requires_grad_() for name in adversary.weights}
    optimiser = torch.optim.Adam(started.values(), lr=RATE)
    white = whitened(features)
    for _ in range(7):
        hidden = F.relu(F.linear(white, started["first"], started["shift"]))
        optimiser.zero_grad()
        F.cross_entropy(F.linear(hidden, started["last"], started["prior"]), target).backward()
        optimiser.step()
    adversary.learn(features, lambda made: F.cross_entropy(made, target, reduction="none"), 7)
    for name, weight in started.items():
        torch.testing.assert_close(adversary.get_buffer(name), weight.detach(), rtol=1e-4, atol=1e-6)


def test_features_that_shrink_do_not_escape_it():
    read = []
    for size in (1.0, 1e-3):
        adversary, features, target = scene()
        adversary.learn(size * features, lambda made, target=target: F.cross_entropy(made, target), 100)
        read.append(adversary(size * features))
    torch.testing.assert_close(read[0], read[1], rtol=1e-2, atol=1e-2)


def test_what_hides_in_a_small_direction_between_features_is_found():
    draw = torch.Generator().manual_seed(0)
    target, loud = torch.arange(96) % 3, torch.randn(96, 1, generator=draw)
    # Each feature alone is loud noise; their difference, a tenth as large, tells the class.
    features = torch.cat([loud, loud + 0.1 * (target.unsqueeze(1) - 1)], dim=1)
    adversary = Adversary(2, 32, torch.zeros(3))
    adversary.learn(features, lambda made: F.cross_entropy(made, target, reduction="none"), 300)
    assert (adversary(features).argmax(1) == target).float().mean() > 0.9


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_finite_teaches_nothing(bad: float):
    adversary, features, target = scene()
    before = {name: buffer.clone() for name, buffer in adversary.named_buffers()}
    features[3, 2] = bad
    adversary.learn(features, lambda made: F.cross_entropy(made, target), 3)
    assert all(torch.equal(buffer, before[name]) for name, buffer in adversary.named_buffers())


def test_gradients_reach_the_features_alone():
    adversary, features, target = scene()
    adversary.learn(features, lambda made: F.cross_entropy(made, target), 3)
    features.requires_grad_()
    adversary(features).sum().backward()
    assert (features.grad != 0).any()
