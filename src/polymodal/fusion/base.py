"""What a fusion must offer: tokens of whatever is present in, one representation out."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from torch import nn

from polymodal.core import Combine, Representation, Tokens

__all__ = ["Blocks", "Fusion", "last_matrix"]


class Fusion(nn.Module, ABC):
    """Joins the tokens of the modalities that a row has.

    The constructor takes options only and keeps each under its own name; `build` makes the weights once the model knows
    its modalities and width. `views` and `combine` tell the heads what they will read.
    """

    combine: Combine
    experimental: ClassVar[bool] = False

    @abstractmethod
    def build(self, names: Sequence[str], width: int) -> None:
        """Create the weights for these modalities; sets `views`, the number of views that `forward` gives."""

    @property
    @abstractmethod
    def views(self) -> int:
        """How many views `forward` gives."""

    def last_layers(self) -> list[nn.Module]:
        """The layers nearest the heads, where gradients of tasks may be compared; the last with a matrix by default.

        A fusion whose modalities end in layers of their own gives one for each, since a batch may lack a modality.
        """
        return last_matrix(self)

    @abstractmethod
    def forward(self, tokens: Mapping[str, Tokens]) -> Representation:
        """Fuse. Any non-empty subset of the built names may be given; the order of the mapping does not matter."""


class Blocks(nn.ModuleDict):
    """A block for each modality; where they are `tied`, one and the same for all."""

    def __init__(self, names: Sequence[str], make: Callable[[], nn.Module], tied: bool = False) -> None:
        super().__init__({name: make() for name in (["all"] if tied else names)})
        self.tied = tied

    def of(self, name: str) -> nn.Module:
        """The block of a modality."""
        return self.get_submodule("all" if self.tied else name)


def last_matrix(part: nn.Module) -> list[nn.Module]:
    """The last layer inside `part` that holds a matrix, as a list; empty where none does."""
    layers = [layer for layer in part.modules() if any(w.dim() > 1 for w in layer.parameters(recurse=False))]
    return layers[-1:]
