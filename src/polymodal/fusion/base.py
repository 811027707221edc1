"""What a fusion must offer: tokens of whatever is present in, one representation out."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polymodal.core import Combine, Representation, Tokens
from polymodal.core.masking import keep, masked_mean
from polymodal.encoders.positions import sine_cosine

__all__ = ["Blocks", "Fusion", "averaged", "joined", "last_matrix", "looked", "marked", "parted"]

ON_A_PLANE = 2.0
"""Weight of positions on a plane. What encoders of sequences give tells of order already; where a cell of a picture is,
only its position tells, and at weight 1 a question for it is answered by chance for long."""


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


def marked(tokens: Mapping[str, Tokens], names: Sequence[str], marks: Tensor) -> dict[str, Tokens]:
    """The tokens of the modalities that are given, in the order of `names`, each with its mark (names, width)."""
    return {name: mark_tokens(tokens[name], marks[place]) for place, name in enumerate(names) if name in tokens}


def mark_tokens(tokens: Tokens, mark: Tensor) -> Tokens:
    """Tokens of one length that carry the mark of their modality (width,) and, as sines and cosines, their positions.

    Without a common length a modality whose encoder speaks loudly would drown the positions and the other modalities.
    """
    values = F.layer_norm(keep(tokens.values, tokens.mask), mark.shape) + mark
    if tokens.positions is not None:
        weight = 1.0 if tokens.positions.shape[-1] == 1 else ON_A_PLANE
        # What does not divide among the axes (three, of a volume) stays as it is.
        left = values.shape[-1] % (2 * tokens.positions.shape[-1])
        places = sine_cosine(tokens.positions.to(values.dtype), values.shape[-1] - left)
        values = values + weight * F.pad(places, (0, left))
    return Tokens(keep(values, tokens.mask), tokens.mask, tokens.positions)


def joined(parts: Mapping[str, Tokens]) -> Tokens:
    """All tokens of all modalities as one sequence."""
    values, masks = [part.values for part in parts.values()], [part.mask for part in parts.values()]
    return Tokens(torch.cat(values, dim=1), torch.cat(masks, dim=1))


def parted(values: Tensor, parts: Mapping[str, Tokens]) -> dict[str, Tokens]:
    """What became of joined tokens, (rows, tokens, width), laid out by modality again."""
    pieces = values.split([part.mask.shape[1] for part in parts.values()], 1)
    return {
        name: Tokens(own, part.mask, part.positions) for own, (name, part) in zip(pieces, parts.items(), strict=True)
    }


def looked(block: nn.Module, name: str, parts: Mapping[str, Tokens], partners: Sequence[str]) -> Tokens:
    """The tokens of one modality after they looked at those of its partners, as far as these are given."""
    own, others = parts[name], {other: parts[other] for other in partners if other in parts and other != name}
    if others:
        whole = joined(others)
        seen, mask = whole.values, whole.mask
    else:
        seen, mask = own.values[:, :1], torch.zeros_like(own.mask[:, :1])
    return Tokens(keep(block(own.values, seen, mask), own.mask), own.mask, own.positions)


def averaged(parts: Mapping[str, Tokens], unfused: Mapping[str, Tokens], norm: nn.Module) -> Representation:
    """One view: the mean over the modalities that are there of the mean of their normed tokens."""
    fused = {
        name: Tokens(keep(norm(part.values), part.mask), part.mask, part.positions) for name, part in parts.items()
    }
    present = torch.stack([part.present for part in fused.values()], dim=1)
    means = torch.stack([masked_mean(part.values, part.mask) for part in fused.values()], dim=1)
    pooled = masked_mean(means, present).unsqueeze(1)
    return Representation(pooled, present.any(1, keepdim=True), "single", fused, unfused)
