"""What a fusion must offer: tokens of whatever is present in, one representation out."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

from torch import nn

from polymodal.core import Combine, Representation, Tokens

__all__ = ["Fusion"]


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

    @abstractmethod
    def forward(self, tokens: Mapping[str, Tokens]) -> Representation:
        """Fuse. Any non-empty subset of the built names may be given; the order of the mapping does not matter."""
