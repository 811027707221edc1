"""Gradients of equal size, and larger ones for tasks that lag."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field, NonNegativeFloat
from torch import Tensor

from polymodal.balancing.base import Balancer
from polymodal.balancing.memory import listed, unlisted
from polymodal.balancing.solvers import Vector, mean_one, over_known
from polymodal.core.shapes import Losses

__all__ = ["GradNorm"]


class GradNorm(Balancer):
    """Each task pulls alike, and one that learns slowly pulls more (Chen et al. 2018, section 3).

    A weighted gradient should be as long as the mean one times r to the power `alpha`, where r is a task's loss over
    its first loss, divided by the mean of that over tasks. The paper moves the weights there by gradient steps; their
    sum being fixed, the place is known: weights in proportion to r^alpha / length of the gradient. `memory` is the
    share of the running means of losses and lengths that a step keeps, in place of the small steps.
    """

    needs_gramian: ClassVar[bool] = True
    claims: ClassVar[frozenset[str]] = frozenset({"permutation_invariant", "scale_invariant", "non_negative"})

    def __init__(self, alpha: NonNegativeFloat = 1.5, memory: Annotated[float, Field(ge=0, lt=1)] = 0.98) -> None:
        self.alpha, self.memory = alpha, memory
        self.first: Vector | None = None
        self.losses: Vector | None = None
        self.lengths: Vector | None = None

    def weights(self, losses: Losses, gramian: Tensor | None) -> Tensor:
        """(tasks,) weights of mean 1; 0 for a task without labels, 1 where gradient or loss is zero."""
        if gramian is None:
            raise ValueError("this method needs the Gramian of the task gradients, found None")
        now = losses.detach().double().cpu().numpy()
        length = np.sqrt(np.maximum(gramian.detach().double().diagonal().cpu().numpy(), 0.0))
        usable = np.isfinite(now) & (now > 0) & np.isfinite(length) & (length > 0)
        nothing = np.full(len(now), np.nan)
        first = nothing if self.first is None else self.first
        self.first = np.where(usable & np.isnan(first), now, first)
        self.losses = self._mixed(self.losses, now, usable)
        self.lengths = self._mixed(self.lengths, length, usable)
        rates, lengths = self.losses / self.first, self.lengths

        def solve(places: np.ndarray) -> Vector:
            behind = rates[places] / rates[places].mean()
            return mean_one(behind**self.alpha * (lengths[places].min() / lengths[places]))

        return over_known(losses, usable, solve)

    def _mixed(self, old: Vector | None, fresh: Vector, usable: np.ndarray) -> Vector:
        """The running mean, moved where there is something new."""
        if old is None:
            return np.where(usable, fresh, np.nan)
        mixed = np.where(np.isnan(old), fresh, self.memory * old + (1 - self.memory) * fresh)
        return np.where(usable, mixed, old)

    def state(self) -> dict[str, Any]:
        """The first losses, and the running losses and lengths."""
        return {"first": listed(self.first), "losses": listed(self.losses), "lengths": listed(self.lengths)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take them over."""
        self.first, self.losses, self.lengths = (unlisted(state[name]) for name in ("first", "losses", "lengths"))
