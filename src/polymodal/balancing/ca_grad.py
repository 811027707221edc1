"""Near the plain sum, the step that helps the worst-off task most."""

import math
from typing import ClassVar

import numpy as np
from pydantic import NonNegativeFloat
from scipy.optimize import brentq
from torch import Tensor

from polymodal.balancing.base import Balancer
from polymodal.balancing.solvers import Vector, least, weighed
from polymodal.core.shapes import Losses

__all__ = ["CAGrad"]


class CAGrad(Balancer):
    """Not further from the mean gradient than `c` times its length, the best step for the worst-off task.

    Liu et al. 2021, algorithm 1, divided by 1 + c (one of the scalings that the authors' program offers), so that a
    single task has weight 1, and counted as a sum over tasks. With c = 0 it is the plain sum; from c = 1 on it ends
    where no step helps all.

    The dual problem asks for shares w that lower (mean gradient · g) + reach · |g|, where g is their mix of gradients.
    At the least value g also solves a plain quadratic problem, |g|² / 2 + t (mean gradient · g), for that t at which
    |g| = t · reach; each is solved exactly, and t is where a function of one number changes its sign.
    """

    needs_gramian: ClassVar[bool] = True
    claims: ClassVar[frozenset[str]] = frozenset({"permutation_invariant", "non_negative"})

    def __init__(self, c: NonNegativeFloat = 0.4) -> None:
        self.c = c

    def weights(self, losses: Losses, gramian: Tensor | None) -> Tensor:
        """(tasks,) positive weights; 0 for a task without labels."""
        return weighed(losses, gramian, self._solve)

    def _solve(self, cosines: Vector, sizes: Vector) -> Vector:
        count, mean = len(sizes), sizes / len(sizes)
        slopes = cosines @ mean
        reach = self.c * _length(cosines, mean)

        def mix(t: float) -> Vector:
            return least(cosines, t * slopes, 1.0 / sizes)

        def beyond(t: float) -> float:
            return _length(cosines, mix(t)) - t * reach

        shortest = _length(cosines, mix(0.0))
        if shortest <= 1e-6 * mean.max() or reach <= 1e-12 * mean.max():  # no step helps all, or none is allowed
            return np.ones(count)
        low, high = shortest / reach, 1.01 * float(sizes.max()) / reach
        t = low if beyond(low) <= 0 else float(brentq(beyond, low, high, rtol=1e-10))
        found = mix(t)
        return (1.0 + count * reach / _length(cosines, found) * found / sizes) / (1.0 + self.c)


def _length(cosines: Vector, shares: Vector) -> float:
    return math.sqrt(max(0.0, float(shares @ cosines @ shares)))
