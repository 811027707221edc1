"""How fair the step shall be is a number."""

from typing import Annotated, ClassVar

from pydantic import Field
from torch import Tensor

from polymodal.balancing.base import Balancer
from polymodal.balancing.solvers import Vector, fair_point, mean_one, weighed
from polymodal.core.shapes import Losses

__all__ = ["FairGrad"]


class FairGrad(Balancer):
    """The step that is fair to the tasks by `alpha`: (Gram matrix · weights)ᵢ = weightᵢ^(−1/alpha) (Ban and Ji 2024).

    `alpha` 1 is Nash bargaining; with more, tasks that gain little count for more, up to the step that helps the
    worst-off task most. The condition is where a convex function has its least value, found by a damped Newton method
    where the paper takes least squares. It gives a direction: weights have a mean of 1.
    """

    needs_gramian: ClassVar[bool] = True
    claims: ClassVar[frozenset[str]] = frozenset({"permutation_invariant", "non_conflicting", "non_negative"})

    def __init__(self, alpha: Annotated[float, Field(ge=0.5, le=16)] = 2.0) -> None:
        self.alpha = alpha

    def weights(self, losses: Losses, gramian: Tensor | None) -> Tensor:
        """(tasks,) positive weights of mean 1; 0 for a task without labels."""
        power = 1.0 / self.alpha

        def solve(cosines: Vector, sizes: Vector) -> Vector:
            return mean_one(fair_point(cosines, sizes ** (power - 1.0), power) / sizes)

        return weighed(losses, gramian, solve)
