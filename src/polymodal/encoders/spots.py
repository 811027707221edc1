"""A net for the spots of a section: what each expresses and looks like, and what its neighbours say."""

from collections.abc import Mapping
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polymodal.core import Tokens
from polymodal.core.masking import keep, masked_mean, masked_softmax
from polymodal.encoders.dropout import Dropout

__all__ = ["PatchNet", "SpotLayer", "SpotNet"]

CHANNELS = 16
"""Channels of the first convolution over a patch; the second has twice as many."""
SLOPE = -2.0
"""How steeply neighbours count less with distance at the start (before softplus: 0.13 for each spacing)."""


class SpotLayer(nn.Module):
    """Every spot hears the mean of its neighbours, nearer ones a little more, and changes a little.

    After Hamilton et al. (2017, algorithm 1). spots (spots, width), neighbours (spots, k) by place, -1 = none, away
    (spots, k) in spacings → (spots, width). Pre-norm and LayerScale, so that several layers do not make all spots alike
    at the start. How fast neighbours count less with distance is learned. Takes (spots, k, width) numbers of memory.
    """

    def __init__(self, width: int, dropout: float = 0.1, scale: float = 0.5) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.inner = nn.Sequential(nn.Linear(2 * width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.slope = nn.Parameter(torch.full((), SLOPE))
        self.dropout = Dropout(dropout)
        self.scale = nn.Parameter(torch.full((width,), scale))

    def forward(self, spots: Tensor, neighbours: Tensor, away: Tensor) -> Tensor:
        """spots + scale · MLP([norm(spot), mean of norm(neighbour)])."""
        own = self.norm(spots)
        there = neighbours >= 0
        weights = masked_softmax(-F.softplus(self.slope) * away, there)
        nobody = len(own)  # a row of zeros
        said = torch.cat([own, own.new_zeros(1, own.shape[1])])
        asked = torch.where(there, neighbours, nobody)
        # Not embedding_bag, whose gradients are summed up in an order that depends on what other sections hold.
        heard = torch.bmm(weights.unsqueeze(1), F.embedding(asked, said)).squeeze(1)
        return torch.addcmul(spots, self.dropout(self.inner(torch.cat([own, heard], dim=1))), self.scale)


class PatchNet(nn.Module):
    """The picture about a spot as one vector: (spots, 3, side, side) bytes → (spots, width), by two convolutions."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, CHANNELS, 3, stride=2, padding=1)
        self.second = nn.Conv2d(CHANNELS, 2 * CHANNELS, 3, stride=2, padding=1)
        self.out = nn.Linear(2 * CHANNELS, width)

    def forward(self, patches: Tensor) -> Tensor:
        """Bytes from 0 to 255, read from -1 to 1."""
        values = patches.to(self.out.weight.dtype) / 127.5 - 1.0
        seen: Tensor = self.out(F.gelu(self.second(F.gelu(self.first(values)))).mean(dim=(2, 3)))
        return seen


class SpotNet(nn.Module):
    """Sections of any size to a token for each spot, or to one for the section.

    Reads the parts that `TissueColumn` gives. A spot hears its neighbours in `layers` rounds; without layers it is the
    same net, and blind to space. `joined` says how genes meet the picture: "early", before the first round, or
    "intermediate": each has rounds of its own, and what both say is added up after the last. A section without a
    picture is told by its genes as if there were no net for pictures; of `size` 0 there is no net for genes. Distances
    alone are seen, so that turning and mirroring the section changes no token; the positions of tokens, row and column
    in spacings from the middle, turn along. A spot of which no gene is known still hears its neighbours.
    """

    def __init__(
        self,
        size: int,
        width: int,
        layers: int = 2,
        dropout: float = 0.1,
        picture: bool = False,
        tokens: Literal["spots", "pooled"] = "spots",
        joined: Literal["early", "intermediate"] = "early",
    ) -> None:
        super().__init__()
        self.tokens = tokens
        self.genes = nn.Linear(size + 1, width) if size or not picture else None
        self.patches = PatchNet(width) if picture else None
        self.layers = nn.ModuleList(SpotLayer(width, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.dropout = Dropout(dropout)
        self.out = nn.Linear(2 * width if tokens == "pooled" else width, width)
        both = self.genes is not None and self.patches is not None
        # Made last: under one seed all other weights start alike, however the two are joined.
        apart = layers if both and joined == "intermediate" else 0
        self.apart = nn.ModuleList(SpotLayer(width, dropout) for _ in range(apart))

    def forward(self, parts: Mapping[str, Tensor]) -> Tokens:
        """Parts → Tokens (n, spots or 1, width)."""
        mask, places = parts["spots"], parts["places"].to(self.out.weight.dtype)
        values = F.gelu(self.norm(self._told(parts, mask, places))).view(*mask.shape, -1)
        if self.tokens == "spots":
            return Tokens(keep(self.out(self.dropout(values)), mask), mask, keep(places, mask))
        highest = values.masked_fill(~mask.unsqueeze(-1), -1.0).amax(dim=1)  # gelu is never below -0.17
        pooled = torch.cat([masked_mean(values, mask), highest], dim=-1).unsqueeze(1)
        present = mask.any(dim=1, keepdim=True)
        return Tokens(keep(self.out(self.dropout(pooled)), present), present)

    def _told(self, parts: Mapping[str, Tensor], mask: Tensor, places: Tensor) -> Tensor:
        """(n · spots, width) what is known of each spot by itself and by what its neighbours say."""
        given = [each for each in (self._expressed(parts, mask), self._shown(parts, mask)) if each is not None]
        if not len(self.apart):
            spots = given[0] if len(given) == 1 else given[0] + given[1]
            return _heard(self.layers, spots, parts["neighbours"], places)
        genes, shown = given
        looked = _heard(self.apart, shown, parts["neighbours"], places)
        pictured = (parts["seen"] & mask).any(dim=1, keepdim=True).expand_as(mask).flatten()
        return _heard(self.layers, genes, parts["neighbours"], places) + keep(looked, pictured)

    def _expressed(self, parts: Mapping[str, Tensor], mask: Tensor) -> Tensor | None:
        """(n · spots, width) what each expresses; the share of its genes that is known is told, too."""
        if self.genes is None:
            return None
        genes = parts["genes"].flatten(0, 1).to(self.out.weight.dtype)
        known = ~genes.isnan() & mask.flatten().unsqueeze(1)
        share = known.to(genes.dtype).mean(dim=1, keepdim=True)
        told: Tensor = self.genes(torch.cat([keep(genes, known), share], dim=1))
        return told

    def _shown(self, parts: Mapping[str, Tensor], mask: Tensor) -> Tensor | None:
        """(n · spots, width) what is seen about each, zeros where nothing is."""
        if self.patches is None:
            return None
        return keep(self.patches(parts["patches"].flatten(0, 1)), (parts["seen"] & mask).flatten())


def _heard(layers: nn.ModuleList, spots: Tensor, near: Tensor, places: Tensor) -> Tensor:
    """(n · spots, width) after rounds of messages; near (n, spots, k) by place, places (n, spots, 2) in spacings."""
    if not len(layers):
        return spots
    neighbours, flat = _as_one(near), places.flatten(0, 1)
    squares = (flat[neighbours.clamp(min=0)] - flat.unsqueeze(1)).square().sum(dim=-1)
    away = squares.clamp(min=1e-12).sqrt()  # two spots at one place still have a slope
    for layer in layers:
        spots = layer(spots, neighbours, away)
    return spots


def _as_one(neighbours: Tensor) -> Tensor:
    """(n · spots, k) neighbours by place among the spots of all sections, one after the other; -1 = none."""
    count, spots, _ = neighbours.shape
    start = torch.arange(count, device=neighbours.device).view(-1, 1, 1) * spots
    return torch.where(neighbours >= 0, neighbours + start, -1).flatten(0, 1)
