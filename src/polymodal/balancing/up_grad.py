"""Each gradient is changed as little as can be so that it harms no task, and the results are added."""

from typing import ClassVar

from torch import Tensor

from polymodal.balancing.base import Balancer
from polymodal.balancing.solvers import dual_projections, weighed
from polymodal.core.shapes import Losses

__all__ = ["UPGrad"]


class UPGrad(Balancer):
    """The sum of the gradients, each projected on the cone of steps that harm no task (Quinton and Rey 2024).

    Where nothing conflicts it is the plain sum. The projections are solved on gradients of unit length, exactly, so
    that no task is harmed either when gradients differ a millionfold in size. The paper takes the mean of the
    projections; ours is their sum.
    """

    needs_gramian: ClassVar[bool] = True
    claims: ClassVar[frozenset[str]] = frozenset(
        {"permutation_invariant", "linear_under_scaling", "non_conflicting", "non_negative"}
    )

    def weights(self, losses: Losses, gramian: Tensor | None) -> Tensor:
        """(tasks,) weights, 1 and more; 0 for a task without labels."""
        return weighed(losses, gramian, dual_projections)
