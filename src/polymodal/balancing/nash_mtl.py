"""The tasks bargain over the step, and none can gain more, by its share, than the others lose."""

from typing import ClassVar

import numpy as np
from torch import Tensor

from polymodal.balancing.base import Balancer
from polymodal.balancing.solvers import Vector, fair_point, mean_one, weighed
from polymodal.core.shapes import Losses

__all__ = ["NashMTL"]


class NashMTL(Balancer):
    """The Nash bargaining solution: (Gram matrix · weights)ᵢ = 1 / weightᵢ (Navon et al. 2022, claim 3.1).

    The paper solves a sequence of convex problems; the condition is also where the convex wᵀGw / 2 − Σ log wᵢ has its
    least value, which a damped Newton method finds to all digits. It gives a direction: weights have a mean of 1.
    """

    needs_gramian: ClassVar[bool] = True
    claims: ClassVar[frozenset[str]] = frozenset(
        {"permutation_invariant", "scale_invariant", "non_conflicting", "non_negative", "equal_products"}
    )

    def weights(self, losses: Losses, gramian: Tensor | None) -> Tensor:
        """(tasks,) positive weights of mean 1; 0 for a task without labels."""

        def solve(cosines: Vector, sizes: Vector) -> Vector:
            return mean_one(fair_point(cosines, np.ones(len(sizes)), 1.0) / sizes)

        return weighed(losses, gramian, solve)
