"""The one who reads what should not be readable, and the layer that turns what it learns against the encoder."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Adversary", "reversed_gradient"]

RATE = 2e-3
"""The adversary's learning rate, the highest of training: it must not be slower than what it runs after."""
MOMENTS = 0.9, 0.999
LEAST = 1e-8
FORGET = 0.03
"""Share of the running mean and covariance that a step renews."""
FLAT = 1e-2
"""What is added to the variance of every direction before it is divided by, as a share of the mean variance."""

SMALLEST = 1e-12
"""The least that is added, where all vectors are the same."""


class Adversary(nn.Module):
    """A net of one hidden layer that reads a nuisance off vectors (rows, width), with an optimiser of its own (Adam).

    All that it knows stands in buffers: neither the optimiser nor the running average of training touches it, and a
    checkpoint holds it. Vectors are whitened by running figures, since an encoder could else hide what it knows in
    directions too small for this net, where a fresh one finds it. It starts from `prior` (outputs,).
    """

    def __init__(self, width: int, hidden: int, prior: Tensor) -> None:
        super().__init__()
        first = nn.init.kaiming_uniform_(torch.empty(hidden, width), nonlinearity="relu")
        start = {
            "first": first,
            "shift": torch.zeros(hidden),
            "last": torch.zeros(len(prior), hidden),
            "prior": prior.float(),
        }
        self.weights = list(start)
        for name, weight in start.items():
            self.register_buffer(name, weight.clone())
            self.register_buffer(f"{name}_slope", torch.zeros_like(weight))
            self.register_buffer(f"{name}_square", torch.zeros_like(weight))
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("covariance", torch.eye(width))
        self.register_buffer("whitening", torch.eye(width))
        self.register_buffer("moves", torch.zeros((), dtype=torch.long))
        self.moves: Tensor

    def forward(self, features: Tensor) -> Tensor:
        """(rows, outputs) what it reads; gradients reach the features and not the net."""
        return self._read(features, [self.get_buffer(name) for name in self.weights])

    def _read(self, features: Tensor, weights: list[Tensor]) -> Tensor:
        first, shift, last, prior = weights
        white = (features - self.get_buffer("mean")) @ self.get_buffer("whitening").T
        return F.linear(F.relu(F.linear(white, first, shift)), last, prior)

    def learn(self, features: Tensor, losses: Callable[[Tensor], Tensor], times: int) -> None:
        """Lower the mean of `losses` of what it reads off these vectors, so many steps of Adam (Kingma and Ba 2015).

        A loss that is not finite teaches nothing.
        """
        features = features.detach()
        self._follow(features)
        for _ in range(times):
            with torch.enable_grad():
                weights = [self.get_buffer(name).clone().requires_grad_() for name in self.weights]
                loss = losses(self._read(features, weights)).mean()
            if not bool(torch.isfinite(loss)):
                return
            self._move(torch.autograd.grad(loss, weights))

    @torch.no_grad()
    def _follow(self, features: Tensor) -> None:
        """Move the running mean and covariance; the first vectors set them."""
        if not bool(torch.isfinite(features).all()):
            return
        mean, covariance = self.get_buffer("mean"), self.get_buffer("covariance")
        share = FORGET if bool(self.moves) else 1.0
        mean.lerp_(features.mean(0), share)
        centred = features - mean
        covariance.lerp_(centred.T @ centred / len(features), share)
        least = (FLAT * covariance.diagonal().mean()).clamp(min=SMALLEST)
        same = torch.eye(len(mean), device=mean.device)
        root = torch.linalg.cholesky((covariance + least * same).double())
        white = torch.linalg.solve_triangular(root, same.double(), upper=False)
        self.get_buffer("whitening").copy_(white)

    @torch.no_grad()
    def _move(self, slopes: tuple[Tensor, ...]) -> None:
        self.moves += 1
        count = float(self.moves)
        for name, slope in zip(self.weights, slopes, strict=True):
            mean, square = self.get_buffer(f"{name}_slope"), self.get_buffer(f"{name}_square")
            mean.lerp_(slope, 1 - MOMENTS[0])
            square.lerp_(slope * slope, 1 - MOMENTS[1])
            size = (square / (1 - MOMENTS[1] ** count)).sqrt() + LEAST
            self.get_buffer(name).sub_(RATE / (1 - MOMENTS[0] ** count) * mean / size)


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, features: Tensor, strength: float) -> Tensor:
        context.strength = strength
        return features.view_as(features)

    @staticmethod
    def backward(context: Any, *slopes: Tensor) -> tuple[Tensor, None]:
        return -context.strength * slopes[0], None


def reversed_gradient(features: Tensor, strength: float) -> Tensor:
    """The same values, whose gradient is turned round on its way back, and `strength` times as long.

    That is eq. 4 to 6 of Ganin and Lempitsky 2015.
    """
    return _Reversal.apply(features, strength)
