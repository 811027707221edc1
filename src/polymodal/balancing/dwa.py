"""Tasks that fall behind get more weight."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field, PositiveFloat
from torch import Tensor

from polymodal.balancing.base import Balancer
from polymodal.balancing.memory import listed, unlisted
from polymodal.balancing.solvers import Vector, mean_one, over_known
from polymodal.core.shapes import Losses

__all__ = ["DWA"]


class DWA(Balancer):
    """A loss that falls slowly weighs more (dynamic weight average, Liu, Johns and Davison 2019, eq. 7).

    The weights are the softmax of r / `temperature`, scaled to a mean of 1, where r is a task's mean loss over the last
    finished window of `window` steps over that of the window before it. The paper takes an epoch for a window; a
    balancer does not know of epochs. Until a task was seen in two windows its r is 1, as in the paper.
    """

    claims: ClassVar[frozenset[str]] = frozenset({"permutation_invariant", "non_negative", "linear_under_scaling"})

    def __init__(self, temperature: PositiveFloat = 2.0, window: Annotated[int, Field(ge=1)] = 100) -> None:
        self.temperature, self.window = temperature, window
        self.step = 0
        self.sums: Vector | None = None
        self.counts: Vector | None = None
        self.last: Vector | None = None
        self.ratios: Vector | None = None

    def weights(self, losses: Losses, gramian: Tensor | None) -> Tensor:
        """(tasks,) weights of mean 1 by how slowly each loss fell; 0 for a task without labels."""
        now = losses.detach().double().cpu().numpy()
        if self.sums is None or self.counts is None or self.ratios is None:
            self.sums, self.counts, self.ratios = np.zeros(len(now)), np.zeros(len(now)), np.ones(len(now))
        ratios, temperature = self.ratios, self.temperature
        seen = np.isfinite(now)
        self.sums, self.counts = self.sums + np.where(seen, now, 0.0), self.counts + seen
        self.step += 1
        if self.step % self.window == 0:
            self._close(self.sums, self.counts)

        def solve(places: np.ndarray) -> Vector:
            heights = ratios[places] / temperature
            return mean_one(np.exp(heights - heights.max()))

        return over_known(losses, np.ones(len(now), dtype=bool), solve)

    def _close(self, sums: Vector, counts: Vector) -> None:
        """The window is over: compare its mean losses with those of the window before."""
        means = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
        last = np.full(len(means), np.nan) if self.last is None else self.last
        comparable = (means > 0) & (last > 0)
        self.ratios = np.where(comparable, means / np.where(comparable, last, 1.0), 1.0)
        self.last = np.where(np.isnan(means), last, means)
        self.sums, self.counts = np.zeros(len(means)), np.zeros(len(means))

    def state(self) -> dict[str, Any]:
        """The open window, the mean losses of the last one, and the ratios in use."""
        held = {"sums": self.sums, "counts": self.counts, "last": self.last, "ratios": self.ratios}
        return {"step": self.step} | {name: listed(values) for name, values in held.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take the windows over."""
        self.step = int(state["step"])
        self.sums, self.counts = unlisted(state["sums"]), unlisted(state["counts"])
        self.last, self.ratios = unlisted(state["last"]), unlisted(state["ratios"])
