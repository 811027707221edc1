"""What a way of sharing must offer: one representation in, and out of it one for each task."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from torch import Tensor, nn

from polymodal.core import Representation
from polymodal.core.masking import keep

__all__ = ["Sharing", "changed"]


class Sharing(nn.Module, ABC):
    """Stands between the fusion, which all tasks share, and their heads.

    The constructor takes options only and keeps each under its own name; `build` makes the weights once the model knows
    its tasks and width.
    """

    @abstractmethod
    def build(self, tasks: Sequence[str], width: int, looking: Collection[str] = ()) -> None:
        """Create the weights for these tasks. Heads of those that are `looking` read tokens, the others views."""

    @abstractmethod
    def forward(self, representation: Representation, tasks: Sequence[str]) -> dict[str, Representation]:
        """What each of some tasks reads; `unfused` is never changed."""


def changed(representation: Representation, change: Callable[[Tensor], Tensor], tokens: bool) -> Representation:
    """The representation after a change of each vector by itself: (..., width) → (..., width).

    Views always, and fused tokens only where they are read.
    """
    mask = representation.view_mask
    made = replace(representation, pooled=keep(change(keep(representation.pooled, mask)), mask))
    if not tokens:
        return made
    fused = {
        name: replace(part, values=keep(change(keep(part.values, part.mask)), part.mask))
        for name, part in representation.tokens.items()
    }
    return replace(made, tokens=fused)
