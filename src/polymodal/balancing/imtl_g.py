"""The step on which every task's direction has the same projection."""

from typing import ClassVar

import numpy as np
from torch import Tensor

from polymodal.balancing.base import Balancer
from polymodal.balancing.solvers import Vector, bisector, mean_one, weighed
from polymodal.core.shapes import Losses

__all__ = ["ImtlG"]


class ImtlG(Balancer):
    """Impartial: the step has the same projection on every task's gradient of unit length (Liu et al. 2021, IMTL-G).

    The paper scales the weights to a sum of 1. Weights may be negative, and where their sum is, that would turn
    the step round, against every task; ours are scaled to sizes of mean 1, which is the same where none is negative.
    Where no step helps all tasks alike (opposite gradients) all weights are 0.
    """

    needs_gramian: ClassVar[bool] = True
    claims: ClassVar[frozenset[str]] = frozenset(
        {"permutation_invariant", "scale_invariant", "non_conflicting", "equal_projections"}
    )

    def weights(self, losses: Losses, gramian: Tensor | None) -> Tensor:
        """(tasks,) weights whose sizes have a mean of 1; 0 for a task without labels."""

        def solve(cosines: Vector, sizes: Vector) -> Vector:
            return mean_one(np.asarray(bisector(cosines) / sizes))

        return weighed(losses, gramian, solve)
