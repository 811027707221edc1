"""The step that helps the task which it helps least as much as can be."""

from typing import ClassVar

from torch import Tensor

from polymodal.balancing.base import Balancer
from polymodal.balancing.solvers import mean_one, shortest, weighed
from polymodal.core.shapes import Losses

__all__ = ["MGDA"]


class MGDA(Balancer):
    """The shortest vector in the hull of the task gradients (Désidéri 2012; Sener and Koltun 2018).

    It conflicts with no task, and is zero only where no step helps all. Found exactly, by an active set; the paper
    takes 100 Frank-Wolfe steps. Weights have a mean of 1. The task with the smallest gradient takes nearly all of the
    weight, also where it is merely measured in a small unit or learned already.
    """

    needs_gramian: ClassVar[bool] = True
    claims: ClassVar[frozenset[str]] = frozenset(
        {"permutation_invariant", "non_conflicting", "non_negative", "shortest"}
    )

    def weights(self, losses: Losses, gramian: Tensor | None) -> Tensor:
        """(tasks,) weights of mean 1; 0 for a task without labels, and for one whose gradient is too long to matter."""
        return weighed(losses, gramian, lambda cosines, sizes: mean_one(shortest(cosines, sizes)))
