"""All tasks share one step of the product of their losses."""

from typing import ClassVar

import numpy as np
from torch import Tensor

from polymodal.balancing.base import Balancer
from polymodal.balancing.solvers import mean_one, over_known
from polymodal.core.shapes import Losses

__all__ = ["GeometricMean"]


class GeometricMean(Balancer):
    """The geometric mean of the losses: what counts is by which share a loss falls (Chennupati et al. 2019).

    Its gradient is that of the sum of log losses but for a factor: each task weighs 1 / loss, scaled to a mean of 1. No
    memory, so that a single lucky batch of a task weighs much; `Uncertainty` is the calmer relative.
    """

    claims: ClassVar[frozenset[str]] = frozenset({"permutation_invariant", "scale_invariant", "non_negative"})

    def weights(self, losses: Losses, gramian: Tensor | None) -> Tensor:
        """(tasks,) inverse losses of mean 1; 0 for a task without labels, 1 where a loss is not above zero."""
        now = losses.detach().double().cpu().numpy()
        return over_known(
            losses, np.isfinite(now) & (now > 0), lambda places: mean_one(now[places].min() / now[places])
        )
