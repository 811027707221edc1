"""What a balancing method must offer: losses, and perhaps their Gramian, in; one weight for each task out.

The learning rate keeps its meaning, whatever the method: the plain sum of the losses has weight 1 for each task, and
every other method is scaled beside it. A method that only says in which direction to go has weights whose sizes have a
mean of 1 over the labelled tasks. A method that also says how far (projections of gradients, such as PCGrad) keeps the
length of its paper, counted as a sum over tasks; where the paper or a library takes the mean over tasks, ours is as
many times longer as there are labelled tasks. A single task has weight 1 either way.

A task without labels in a batch has weight 0, and the others are weighed as if it did not exist. A labelled task of
which a method can make nothing has weight 1, as in the plain sum: one whose gradient is zero where gradients are
compared, or whose loss is not above zero where the method divides by it or takes its logarithm.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor

from polymodal.core.shapes import Losses

__all__ = ["Balancer"]


class Balancer(ABC):
    """Weighs the losses of several tasks at each step.

    `claims` lists the properties that the contract kit tests. `needs_gramian` asks training for the inner products of
    the task gradients. The claims are, for gradients whose sizes differ up to a millionfold:

    - "permutation_invariant": the order of the tasks does not matter;
    - "scale_invariant": the direction of the step stays when a loss is measured in another unit;
    - "linear_under_scaling": the step is linear in the units of the losses (Quinton and Rey 2024);
    - "non_conflicting": no task gets worse, to first order;
    - "non_negative": no weight is below zero;
    - "equal_projections": each task's gradient of unit length has the same projection on the step;
    - "equal_products": each weight times its task's inner product with the step is the same (Nash bargaining);
    - "shortest": the step is as long as the shortest vector in the hull of the gradients, up to a factor.
    """

    needs_gramian: ClassVar[bool] = False
    claims: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def weights(self, losses: Losses, gramian: Tensor | None) -> Tensor:
        """(tasks,) weights for the detached `losses` (tasks,); NaN marks a task without labels here: its weight is 0.

        `gramian` (tasks, tasks) holds the inner products of the task gradients; None unless `needs_gramian`.
        """

    def state(self) -> dict[str, Any]:
        """What must survive an interruption, as JSON data."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become the balancer that gave this state."""
        if state:
            raise ValueError(f"{type(self).__name__} keeps no state, found {sorted(state)}")
