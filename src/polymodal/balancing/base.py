"""What a balancing method must offer: losses, and perhaps their Gramian, in; one weight for each task out."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor

from polymodal.core.shapes import Losses

__all__ = ["Balancer"]


class Balancer(ABC):
    """Weighs the losses of several tasks at each step.

    `claims` lists the properties that the contract kit tests: "permutation_invariant", "scale_invariant",
    "non_conflicting". `needs_gramian` asks training for the inner products of the task gradients.
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
