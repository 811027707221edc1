"""Every task goes the last steps alone."""

from collections.abc import Collection, Sequence
from typing import Annotated

from pydantic import Field
from torch import nn

from polymodal.core import Representation
from polymodal.encoders.mlp import ResidualBlock
from polymodal.sharing.base import Sharing, changed

__all__ = ["Branches"]


class Branches(Sharing):
    """Each task has `layers` residual blocks of its own between what all share and its head.

    They begin as almost nothing, so that tasks share at first and part where that pays.
    """

    def __init__(
        self, layers: Annotated[int, Field(ge=1, le=16)] = 1, dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    ) -> None:
        super().__init__()
        self.layers, self.dropout = layers, dropout

    def build(self, tasks: Sequence[str], width: int, looking: Collection[str] = ()) -> None:
        """The blocks of each task."""
        self.looking = frozenset(looking)
        self.branches = nn.ModuleDict(
            {
                name: nn.Sequential(*(ResidualBlock(width, dropout=self.dropout) for _ in range(self.layers)))
                for name in tasks
            }
        )

    def forward(self, representation: Representation, tasks: Sequence[str]) -> dict[str, Representation]:
        """Each task's own branch."""
        return {name: changed(representation, self.branches[name], name in self.looking) for name in tasks}
