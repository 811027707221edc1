"""A net for atoms in space that sees distances alone: turning, moving or renumbering them changes nothing."""

import math
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from polymodal.core import Tokens
from polymodal.core.masking import keep, masked_mean
from polymodal.encoders.dropout import Dropout
from polymodal.encoders.graph import ends_of

__all__ = ["AtomLayer", "AtomNet", "AtomTokens", "RadialBasis"]


GAIN = 1.7
"""By which maps start larger than would keep numbers as they are: a silu leaves about that share of them."""


class RadialBasis(nn.Module):
    """A distance as `count` waves that fit between 0 and the radius, cut off smoothly there.

    (edges,) in Å → (edges, count): √(2/c) sin(nπd/c)/d (Gasteiger et al. 2020, eq. 7), and (edges,) the cutoff
    (cos(πd/c) + 1)/2, zero from c on, which comes in with a slope of zero (Behler 2011, eq. 4).
    """

    waves: Tensor

    def __init__(self, radius: float, count: int) -> None:
        super().__init__()
        self.radius = radius
        self.register_buffer("waves", torch.arange(1, count + 1) * math.pi / radius, persistent=False)

    def forward(self, distances: Tensor) -> tuple[Tensor, Tensor]:
        """Waves, and the cutoff that goes with them."""
        away = distances.unsqueeze(-1)
        waves = math.sqrt(2 / self.radius) * torch.sin(away * self.waves.to(away.dtype)) / away
        falling = (torch.cos(distances * (math.pi / self.radius)) + 1) / 2
        return waves, torch.where(distances < self.radius, falling, torch.zeros_like(falling))


class AtomLayer(nn.Module):
    """Every atom hears its neighbours through a filter that depends on the distance, and changes a little.

    atoms (atoms, width), ends (2, edges) from and to, waves (edges, count), cutoff (edges,) → (atoms, width): the
    continuous-filter convolution of SchNet (Schütt et al. 2017, eq. 2), pre-norm and with LayerScale. `heard` is how
    many neighbours are usual: sums are divided by its root.
    """

    def __init__(self, width: int, count: int, heard: float, dropout: float = 0.0, scale: float = 0.5) -> None:
        super().__init__()
        self.heard = heard
        self.norm = nn.LayerNorm(width)
        self.inward = _linear(width, width)
        self.filters = nn.Sequential(_linear(count, width), nn.SiLU(), _linear(width, width))
        self.outward = nn.Sequential(_linear(2 * width, 2 * width), nn.SiLU(), _linear(2 * width, width))
        self.dropout = Dropout(dropout)
        self.scale = nn.Parameter(torch.full((width,), scale))

    def forward(self, atoms: Tensor, ends: Tensor, waves: Tensor, cutoff: Tensor) -> Tensor:
        """atoms + scale · W2 silu(W1 [x, Σ (W x') ∘ filter(waves) · cutoff]), x normed, x' that of a neighbour."""
        own = self.norm(atoms)
        said = self.inward(own)[ends[0]] * (self.filters(waves) * cutoff.unsqueeze(-1))
        heard = torch.zeros_like(own).index_add(0, ends[1], said) / math.sqrt(self.heard)
        return torch.addcmul(atoms, self.dropout(self.outward(torch.cat([own, heard], dim=-1))), self.scale)


class AtomNet(nn.Module):
    """Structures of any size to one token each, or to one for each atom.

    Reads the parts "numbers" (n, atoms) int64, 0 behind the last atom, "positions" (n, atoms, 3) in Å, and "edges"
    (n, edges, 2). Distances are worked out here, so that whatever is made of the tokens has a gradient at the
    positions. Tokens carry no positions: what follows must not see how a structure lies. The pooled token reads the
    mean over atoms, and their sum divided by `usual`, the atoms of a usual structure, for what grows with size.
    """

    def __init__(
        self,
        codes: int,
        width: int,
        radius: float,
        layers: int = 3,
        waves: int = 20,
        dropout: float = 0.0,
        tokens: Literal["pooled", "atoms"] = "pooled",
        usual: int = 1,
        heard: float = 1.0,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(codes, width)
        self.basis = RadialBasis(radius, waves)
        self.layers = nn.ModuleList(AtomLayer(width, waves, heard, dropout) for _ in range(layers))
        self.told = AtomTokens(width, tokens, usual)

    def forward(self, parts: Mapping[str, Tensor]) -> Tokens:
        """Parts → Tokens (n, 1 or atoms, width), without positions."""
        numbers, mask = parts["numbers"], parts["numbers"] != 0
        _, ends = ends_of(mask, parts["edges"])
        places = parts["positions"].to(self.embedding.weight.dtype)[mask]
        # Atoms that an attack puts at one place still have a slope.
        squares = (places[ends[1]] - places[ends[0]]).square().sum(dim=-1).clamp(min=1e-6)
        waves, cutoff = self.basis(squares.sqrt())
        atoms = self.embedding(numbers[mask])
        for layer in self.layers:
            atoms = layer(atoms, ends, waves, cutoff)
        tokens: Tokens = self.told(atoms, mask)
        return tokens


class AtomTokens(nn.Module):
    """Vectors of atoms (atoms, width), and (n, places) True where an atom is, to one token each, or one for each atom.

    The pooled token reads the mean over atoms, and their sum divided by `usual`, the atoms of a usual structure.
    """

    def __init__(self, width: int, tokens: Literal["pooled", "atoms"], usual: int = 1) -> None:
        super().__init__()
        self.tokens, self.usual = tokens, usual
        self.last = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU())
        self.out = nn.Linear(2 * width if tokens == "pooled" else width, width)

    def forward(self, atoms: Tensor, mask: Tensor) -> Tokens:
        """Tokens (n, 1 or places, width), without positions."""
        blank = atoms.new_zeros(*mask.shape, atoms.shape[-1])
        values = blank.masked_scatter(mask.unsqueeze(-1), self.last(atoms))
        if self.tokens == "atoms":
            return Tokens(keep(self.out(values), mask), mask)
        told = torch.cat([masked_mean(values, mask), values.sum(dim=1) / self.usual], dim=-1).unsqueeze(1)
        present = mask.any(dim=1, keepdim=True)
        return Tokens(keep(self.out(told), present), present)


def _linear(inward: int, outward: int) -> nn.Linear:
    """A linear map that starts larger than usual.

    Otherwise each map shrinks its numbers, and after a filter and three layers a structure in which one atom has moved
    by 0.1 Å differs from the other by a ten-thousandth: too little to begin to learn from.
    """
    made = nn.Linear(inward, outward)
    nn.init.normal_(made.weight, std=GAIN / math.sqrt(inward))
    nn.init.zeros_(made.bias)
    return made
