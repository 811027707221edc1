"""Each task is weighed by how uncertain it is."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from polymodal.balancing.base import Balancer
from polymodal.core.shapes import Losses

__all__ = ["Uncertainty"]


class Uncertainty(Balancer):
    """Noisy tasks are weighed down by their own estimated noise (Kendall, Gal and Cipolla 2018, eq. 10).

    The method minimises sum_i exp(-s_i) L_i + s_i. Its minimum over s is s_i = log L_i, so the running mean of each
    loss gives the weight 1 / L_i; weights are scaled to a mean of 1, so that the learning rate keeps its meaning.
    `memory` is the share of the running mean that a step keeps.
    """

    claims: ClassVar[frozenset[str]] = frozenset({"permutation_invariant", "scale_invariant"})

    def __init__(self, memory: Annotated[float, Field(ge=0, lt=1)] = 0.98) -> None:
        self.memory = memory
        self.running: Tensor | None = None

    def weights(self, losses: Losses, gramian: Tensor | None) -> Tensor:
        """(tasks,) inverse running losses with mean 1 over the tasks seen so far; 0 for a task without labels here."""
        here = ~losses.isnan()
        fresh = losses.detach().double().clamp(min=1e-12)
        old = torch.full_like(fresh, math.nan) if self.running is None else self.running
        mixed = torch.where(old.isnan(), fresh, self.memory * old + (1 - self.memory) * fresh)
        self.running = torch.where(here, mixed, old)
        inverse = torch.where(self.running.isnan(), 0.0, 1 / self.running)
        scaled = inverse * (~self.running.isnan()).sum() / inverse.sum().clamp(min=1e-300)
        return torch.where(here, scaled, 0.0).to(losses.dtype)

    def state(self) -> dict[str, Any]:
        """The running losses."""
        running = None if self.running is None else [None if math.isnan(x) else x for x in self.running.tolist()]
        return {"running": running}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take the running losses over."""
        running = state["running"]
        self.running = (
            None
            if running is None
            else torch.tensor([math.nan if x is None else x for x in running], dtype=torch.float64)
        )
