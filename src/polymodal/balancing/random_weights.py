"""Each task is weighed by chance."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from polymodal.balancing.base import Balancer
from polymodal.balancing.solvers import mean_one, over_known
from polymodal.core.seeding import numpy_generator
from polymodal.core.shapes import Losses

__all__ = ["RandomWeights"]


class RandomWeights(Balancer):
    """Weights drawn anew at each step: a floor that every cleverer method has to beat (Lin et al. 2022, RLW).

    The softmax of standard normal numbers (section 3.1), scaled to a mean of 1. What is drawn depends on `seed` and on
    the number of steps taken.
    """

    claims: ClassVar[frozenset[str]] = frozenset({"non_negative", "linear_under_scaling"})

    def __init__(self, seed: int = 0) -> None:
        self.seed, self.step = seed, 0

    def weights(self, losses: Losses, gramian: Tensor | None) -> Tensor:
        """(tasks,) random weights of mean 1; 0 for a task without labels."""
        drawn = numpy_generator(self.seed, "random_weights", self.step).standard_normal(len(losses))
        self.step += 1
        return over_known(losses, np.ones(len(losses), dtype=bool), lambda places: mean_one(np.exp(drawn[places])))

    def state(self) -> dict[str, Any]:
        """The number of steps taken."""
        return {"step": self.step}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on after these steps."""
        self.step = int(state["step"])
