"""Atoms in space: molecules, clusters, frames of a simulation."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat
from torch import Generator, Tensor, nn

from polymodal.core.seeding import numpy_generator
from polymodal.data.atoms import FARTHEST, SYMBOLS
from polymodal.data.base import DataTable
from polymodal.data.files import Limits
from polymodal.data.structures import HIDDEN, Reach, StructureColumn
from polymodal.encoders.atoms import AtomNet
from polymodal.encoders.equivariant import VectorAtomNet
from polymodal.modalities.base import Budget, Content, Modality, Parts

__all__ = ["Structure"]

EXAMPLE = (1, 6, 7, 8)
"""Elements of the example: hydrogen, carbon, nitrogen, oxygen."""


class Structure(Modality):
    """Atomic numbers and positions in Å of molecules, clusters or other structures that do not repeat themselves.

    With `numbers`, that column holds atomic numbers and `column` positions: lists, arrays, or text; positions are
    (atoms, 3) or as many numbers in a row. Without, `column` names files (.xyz, extended xyz, .sdf, .mol) or holds
    their content. A net sees the distances of atoms within `radius` Å alone, and of those the nearest `neighbours`, so
    that turning, moving and counting the atoms differently changes nothing, and can be differentiated by positions; it
    sees no difference between mirror images. Where the limit of neighbours is reached, it has a step there. `encoder`
    is "distances" (what "auto" takes), or a function of the fitted column and the width that gives a module from the
    parts (see `StructureColumn`) to Tokens. `tokens` is "pooled" or "atoms" (one for each). A structure of more than
    `largest` atoms, and a file over `max_megabytes`, is refused. `jitter` is the spread in Å by which a step of
    training moves atoms, `hide` the share of atoms whose element it does without: both change what an energy depends
    on, and are 0 unless asked for. `cache_megabytes` of structures with their neighbours stay in memory.
    """

    reader: StructureColumn

    def __init__(
        self,
        column: str,
        numbers: str | None = None,
        radius: Annotated[float, Field(gt=0.5, le=50)] = 5.0,
        neighbours: Annotated[int, Field(ge=1, le=1024)] = 32,
        encoder: Literal["distances", "vectors", "auto"] | Callable[[Any, int], nn.Module] = "auto",
        tokens: Literal["pooled", "atoms"] = "pooled",
        layers: Annotated[int, Field(ge=1, le=64)] = 3,
        waves: Annotated[int, Field(ge=4, le=256)] = 20,
        largest: Annotated[int, Field(ge=1, le=2**16)] = 512,
        jitter: NonNegativeFloat = 0.0,
        hide: Annotated[float, Field(ge=0, lt=1)] = 0.0,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
        max_megabytes: PositiveFloat = 16.0,
        cache_megabytes: NonNegativeFloat = 256.0,
    ) -> None:
        self.column, self.numbers, self.radius, self.neighbours = column, numbers, radius, neighbours
        self.encoder, self.tokens, self.layers, self.waves = encoder, tokens, layers, waves
        self.largest, self.jitter, self.hide, self.dropout = largest, jitter, hide, dropout
        self.max_megabytes, self.cache_megabytes = max_megabytes, cache_megabytes
        limits, kept = Limits(bytes=int(max_megabytes * 2**20)), int(cache_megabytes * 2**20)
        self.reader = StructureColumn(column, numbers, Reach(radius, neighbours, largest), limits, kept)

    def chosen(self) -> tuple[str, str]:
        """Which encoder is built, and why in a sentence."""
        if callable(self.encoder):
            return "custom", "a function builds it"
        if self.encoder != "auto":
            return self.encoder, "the spec asks for it"
        learned = self.reader.learned
        return "distances", f"{learned.rows:,} structures, {learned.middle:,} atoms in the middle one"

    def build_encoder(self, width: int) -> nn.Module:
        """A net for structures."""
        if callable(self.encoder):
            return self.encoder(self.reader, width)
        learned, shape = self.reader.learned, (HIDDEN + 1, width, self.radius, self.layers, self.waves)
        if self.encoder == "vectors":
            return VectorAtomNet(*shape, self.tokens, learned.middle, learned.neighbours)
        return AtomNet(*shape, self.dropout, self.tokens, learned.middle, learned.neighbours)

    def perturb(self, parts: Parts, generator: Generator) -> Parts:
        """Move every atom a little, and hide the elements of a share of them."""
        if self.hide:
            parts = self.corrupt(parts, self.hide, generator)[0]
        if not self.jitter:
            return parts
        positions, there = parts["positions"], parts["numbers"] != 0
        moved = positions + self.jitter * torch.randn(positions.shape, generator=generator).to(positions)
        return {**parts, "positions": torch.where(there.unsqueeze(-1), moved, positions)}

    def corrupt(self, parts: Parts, rate: float, generator: Generator) -> tuple[Parts, Tensor]:
        """Hide which element some atoms are of; (n, atoms) True where that was done. Their places stay."""
        numbers = parts["numbers"]
        drawn = torch.rand(numbers.shape, generator=generator).to(numbers.device) < rate
        hidden = drawn & (numbers != 0)
        return {**parts, "numbers": numbers.masked_fill(hidden, HIDDEN)}, hidden

    def content(self, parts: Parts) -> Content:
        """Which element each atom is."""
        numbers = parts["numbers"]
        told = torch.where((numbers != 0) & (numbers != HIDDEN), numbers, -1)
        return Content(torch.zeros(len(numbers), 0, 1, device=numbers.device), told)

    def content_size(self) -> tuple[int, int]:
        """No numbers; the elements."""
        return 0, HIDDEN

    def budget(self) -> dict[str, Budget]:
        """Each atom may move by 0.05 Å along each axis, about what it does at room temperature."""
        return {"positions": Budget("linf", 0.05, -FARTHEST, FARTHEST)}

    def example(self, rows: int, seed: int) -> DataTable:
        """Chains of three to nine atoms at bond length, as files or lists; about one row in six has none."""
        draw = numpy_generator(seed, "structure example")
        made = [_chain(draw) for _ in range(rows)]
        empty = draw.random(rows) < 1 / 6
        if rows > 2:
            empty[0], empty[rows // 2] = False, True
        cells: dict[str, list[Any]]
        if self.numbers is None:
            cells = {self.column: [_written(*each) for each in made]}
        else:
            cells = {self.numbers: [numbers for numbers, _ in made], self.column: [places for _, places in made]}
        shown = {
            name: pd.Series([None if gone else cell for cell, gone in zip(column, empty, strict=True)], dtype=object)
            for name, column in cells.items()
        }
        return DataTable(pd.DataFrame(shown), source="structure example")


def _chain(draw: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Atomic numbers and positions of atoms 1.2 Å apart along a line that bends."""
    numbers = draw.choice(EXAMPLE, int(draw.integers(3, 10)))
    steps = draw.normal(size=(len(numbers), 3)) * 0.4 + [1.0, 0.0, 0.0]
    return numbers, np.cumsum(1.2 * steps / np.linalg.norm(steps, axis=1, keepdims=True), axis=0)


def _written(numbers: np.ndarray, positions: np.ndarray) -> bytes:
    """The content of an xyz file."""
    lines = [
        f"{SYMBOLS[number - 1]} {x:.5f} {y:.5f} {z:.5f}" for number, (x, y, z) in zip(numbers, positions, strict=True)
    ]
    return "\n".join([str(len(lines)), "example", *lines, ""]).encode()
