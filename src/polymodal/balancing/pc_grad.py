"""Conflicting gradients are turned out of each other's way, pair by pair."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from polymodal.balancing.base import Balancer
from polymodal.balancing.solvers import Vector, weighed
from polymodal.core.seeding import numpy_generator
from polymodal.core.shapes import Losses

__all__ = ["PCGrad"]


class PCGrad(Balancer):
    """A task's gradient loses what points against another's, one after the other (Yu et al. 2020, algorithm 1).

    Only inner products are needed: each projected gradient is a sum of the gradients, and its weights are followed here
    instead. The step is the sum of the projected gradients, as in the paper. With two tasks it conflicts with
    neither; with more, a later projection may undo an earlier one. The order is drawn for each task anew, and depends
    on `seed` and on the number of steps taken.
    """

    needs_gramian: ClassVar[bool] = True
    claims: ClassVar[frozenset[str]] = frozenset({"non_negative", "linear_under_scaling"})

    def __init__(self, seed: int = 0) -> None:
        self.seed, self.step = seed, 0

    def weights(self, losses: Losses, gramian: Tensor | None) -> Tensor:
        """(tasks,) weights, 1 and more; 0 for a task without labels."""
        draw = numpy_generator(self.seed, "pc_grad", self.step)
        self.step += 1

        def solve(cosines: Vector, sizes: Vector) -> Vector:
            total = np.zeros(len(sizes))
            for own, size in enumerate(sizes):
                made = np.zeros(len(sizes))
                made[own] = size
                for other in draw.permutation(len(sizes)):
                    if other != own:
                        made[other] += max(0.0, -float(made @ cosines[other]))
                total += made
            return total / sizes

        return weighed(losses, gramian, solve)

    def state(self) -> dict[str, Any]:
        """The number of steps taken."""
        return {"step": self.step}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on after these steps."""
        self.step = int(state["step"])
