"""The step on which every task's direction has the same projection, as long as the tasks agree."""

from typing import ClassVar

import numpy as np
from torch import Tensor

from polymodal.balancing.base import Balancer
from polymodal.balancing.solvers import Vector, bisector, weighed
from polymodal.core.shapes import Losses

__all__ = ["ConFIG"]


class ConFIG(Balancer):
    """Conflict-free, by the inverse of the gradients of unit length (Liu, Chu and Thuerey 2024).

    The direction is that of IMTL-G. The length is the sum of all gradients' projections on it: long where they agree,
    short where they conflict. Where no step helps all tasks alike (opposite gradients) all weights are 0.
    """

    needs_gramian: ClassVar[bool] = True
    claims: ClassVar[frozenset[str]] = frozenset(
        {"permutation_invariant", "scale_invariant", "linear_under_scaling", "non_conflicting", "equal_projections"}
    )

    def weights(self, losses: Losses, gramian: Tensor | None) -> Tensor:
        """(tasks,) weights, of which some may be negative; 0 for a task without labels."""

        def solve(cosines: Vector, sizes: Vector) -> Vector:
            shares = bisector(cosines)
            square = float(shares @ cosines @ shares)
            if square <= 0:
                return np.zeros(len(sizes))
            return shares / sizes * float(sizes @ (cosines @ shares)) / square

        return weighed(losses, gramian, solve)
