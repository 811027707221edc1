"""A net for atoms in space whose atoms also hold vectors, which turn as the structure turns."""

import math
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from polymodal.core import Tokens
from polymodal.encoders.atoms import AtomTokens, RadialBasis
from polymodal.encoders.graph import ends_of
from polymodal.encoders.repulsion import Closest, held_back

__all__ = ["Heard", "Mixed", "VectorAtomNet"]

SMALLEST = 1e-6
"""Å², or what vectors are squared in: below it a length has no slope that could be followed."""


class Heard(nn.Module):
    """What atoms hear of their neighbours, as numbers and as vectors (PaiNN, Schütt et al. 2021, eq. 7 and 8).

    numbers (atoms, width), vectors (atoms, 3, width), ends (2, edges) from and to, directions (edges, 3) of length 1,
    waves (edges, count), cutoff (edges,) → the two with what was heard. `heard` is how many neighbours are usual: sums
    are divided by its root. The `first` layer meets no vectors yet.
    """

    def __init__(self, width: int, count: int, heard: float, first: bool) -> None:
        super().__init__()
        self.first, self.scale, self.parts = first, heard**-0.5, 2 if first else 3
        self.said = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, self.parts * width))
        self.filters = nn.Linear(count, self.parts * width)

    def forward(
        self, state: tuple[Tensor, Tensor], ends: Tensor, directions: Tensor, waves: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """s + Σ φ(s')·W, v + Σ v' ∘ φ(s')·W + Σ φ(s')·W ∘ direction; s' and v' are a neighbour's, v' normed."""
        (numbers, vectors), (shape, cutoff) = state, waves
        filters = self.filters(shape) * (cutoff * self.scale).unsqueeze(-1)
        own, along, *carried = (self.said(numbers)[ends[0]] * filters).chunk(self.parts, dim=-1)
        turned = along.unsqueeze(1) * directions.unsqueeze(-1)
        if carried:
            turned = turned + carried[0].unsqueeze(1) * normed(vectors)[ends[0]]
        return numbers.index_add(0, ends[1], own), vectors.index_add(0, ends[1], turned)


class Mixed(nn.Module):
    """An atom's numbers and vectors change each other (PaiNN, eq. 9 and 10); the `last` layer leaves vectors alone."""

    def __init__(self, width: int, last: bool) -> None:
        super().__init__()
        self.last, self.parts = last, 2 if last else 3
        self.maps = nn.Linear(width, 2 * width, bias=False)
        self.gates = nn.Sequential(nn.Linear(2 * width, width), nn.SiLU(), nn.Linear(width, self.parts * width))

    def forward(self, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """s + a + b ∘ ⟨Uv, Vv⟩, v + c ∘ Uv; a, b and c are told by s and |Vv|; v is normed."""
        numbers, vectors = state
        one, other = self.maps(normed(vectors)).chunk(2, dim=-1)
        lengths = (other.square().sum(dim=1) + SMALLEST).sqrt()
        plain, product, *turning = self.gates(torch.cat([numbers, lengths], dim=-1)).chunk(self.parts, dim=-1)
        changed = numbers + plain + product * (one * other).sum(dim=1)
        return changed, vectors + turning[0].unsqueeze(1) * one if turning else vectors


def normed(vectors: Tensor) -> Tensor:
    """Vectors (atoms, 3, width) of which long ones are shortened, all of an atom alike, so that they still turn.

    Products of vectors would otherwise grow from layer to layer without bound, and with them whatever learns.
    """
    return vectors * (1 + vectors.square().sum(dim=1, keepdim=True).mean(dim=-1, keepdim=True)).rsqrt()


class VectorAtomNet(nn.Module):
    """Structures of any size to one token each, or to one for each atom; parts and tokens are those of `AtomNet`.

    Besides numbers, atoms hold vectors, sums of directions to their neighbours, so that angles are seen as well as
    distances. What is made of them for tokens does not change when a structure is turned, moved or mirrored. No step
    anywhere: whatever is made of the tokens has slopes at the positions, and those have slopes, too. After training,
    atoms that are closer than two of their elements ever were in it are taken for hardly closer than that.
    """

    def __init__(
        self,
        codes: int,
        width: int,
        radius: float,
        layers: int = 3,
        waves: int = 20,
        tokens: Literal["pooled", "atoms"] = "pooled",
        usual: int = 1,
        heard: float = 1.0,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(codes, width)
        self.closest = Closest()
        self.basis = RadialBasis(radius, waves)
        # Waves have values of √(2/radius)/distance and less; filters take them at about 1.
        self.gain = math.sqrt(radius)
        self.heard = nn.ModuleList(Heard(width, waves, heard, place == 0) for place in range(layers))
        self.mixed = nn.ModuleList(Mixed(width, place == layers - 1) for place in range(layers))
        self.told = AtomTokens(width, tokens, usual)

    def forward(self, parts: Mapping[str, Tensor]) -> Tokens:
        """Parts → Tokens (n, 1 or atoms, width), without positions."""
        numbers, mask = parts["numbers"], parts["numbers"] != 0
        _, ends = ends_of(mask, parts["edges"])
        places = parts["positions"].to(self.embedding.weight.dtype)[mask]
        away = places[ends[1]] - places[ends[0]]
        distances = away.square().sum(dim=-1).clamp(min=SMALLEST).sqrt()
        elements = numbers[mask]
        closest = self.closest(elements[ends[0]], elements[ends[1]], distances)
        shape, cutoff = self.basis(held_back(distances, closest))
        atoms = self.embedding(elements)
        state = atoms, atoms.new_zeros(len(atoms), 3, atoms.shape[-1])
        directions = away / distances.unsqueeze(-1)
        for heard, mixed in zip(self.heard, self.mixed, strict=True):
            state = mixed(heard(state, ends, directions, (shape * self.gain, cutoff)))
        tokens: Tokens = self.told(state[0], mask)
        return tokens
