"""Experts that all tasks may ask, and some that are a task's own; each task weighs them by itself."""

from collections.abc import Collection, Sequence
from functools import partial
from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from polymodal.core import Representation
from polymodal.encoders.dropout import Dropout
from polymodal.sharing.base import Sharing, changed

__all__ = ["Experts"]


class Experts(Sharing):
    """Each task reads x plus a mixture of what experts make of x, weighed by a gate of the task that looks at x.

    With `experts` that are asked by all and none of their own this is the multi-gate mixture of Ma et al. (2018, eq. 6
    and 7); with `own` experts for each task, the customised gates of Tang et al. (2020, eq. 1 to 4), one level of them.
    An expert is a dense net with one hidden layer twice as wide. Experts begin small, gates even.
    """

    def __init__(
        self,
        experts: Annotated[int, Field(ge=1, le=64)] = 4,
        own: Annotated[int, Field(ge=0, le=16)] = 0,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
    ) -> None:
        super().__init__()
        self.experts, self.own, self.dropout = experts, own, dropout

    def build(self, tasks: Sequence[str], width: int, looking: Collection[str] = ()) -> None:
        """All experts in two matrices each, first those of all, then those of each task; and the gates."""
        self.looking, self.places = frozenset(looking), {name: place for place, name in enumerate(tasks)}
        many = self.experts + self.own * len(tasks)
        self.norm = nn.LayerNorm(width)
        self.inward = nn.Parameter(torch.randn(many, 2 * width, width) * width**-0.5)
        self.outward = nn.Parameter(torch.randn(many, width, 2 * width) * (2 * width) ** -0.5)
        self.scale = nn.Parameter(torch.full((width,), 0.1))
        self.gates = nn.ModuleDict({name: nn.Linear(width, self.experts + self.own) for name in tasks})
        for gate in self.gates.values():
            nn.init.zeros_(gate.get_parameter("weight"))
            nn.init.zeros_(gate.get_parameter("bias"))
        self.drop = Dropout(self.dropout)

    def forward(self, representation: Representation, tasks: Sequence[str]) -> dict[str, Representation]:
        """Each task's own mixture."""
        return {name: changed(representation, partial(self._mixed, task=name), name in self.looking) for name in tasks}

    def shares(self, x: Tensor, task: str) -> Tensor:
        """(..., experts + own) how much a task asks each expert about x (..., width)."""
        asked: Tensor = self.gates[task](self.norm(x))
        return asked.softmax(dim=-1)

    def _mixed(self, x: Tensor, task: str) -> Tensor:
        first = self.experts + self.own * self.places[task]
        chosen = [*range(self.experts), *range(first, first + self.own)]
        inner = F.gelu(torch.einsum("...w,ehw->...eh", self.norm(x), self.inward[chosen]))
        told = torch.einsum("...eh,ewh,...e->...w", inner, self.outward[chosen], self.shares(x, task))
        made: Tensor = x + self.scale * self.drop(told)
        return made
