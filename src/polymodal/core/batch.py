"""What travels through the house: a batch of distinct values, their tokens, and what fusion makes of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from polymodal.core.masking import keep
from polymodal.core.shapes import Index, Pooled, Positions, TokenMask, TokenValues, ViewMask

__all__ = ["Batch", "Combine", "Grid", "Refusal", "Representation", "Tokens", "Values"]

Combine = Literal["single", "mean", "learned", "product"]


@dataclass(frozen=True)
class Refusal:
    """One value that could not be used, and why: a line of errors.jsonl."""

    row: int
    column: str
    reason: str
    path: str = ""
    action: Literal["masked", "skipped"] = "masked"


@dataclass(frozen=True)
class Values:
    """The distinct values of one modality (or target) in a batch, and which row holds which.

    `data` maps names of parts to tensors of shape (n, ...), one entry per distinct value. `index` (batch,) points into
    them; -1 means that the row has no such value. A value that many rows share is stored, and encoded, once.
    """

    data: Mapping[str, Tensor]
    index: Index

    @property
    def count(self) -> int:
        """How many distinct values there are."""
        return len(next(iter(self.data.values())))

    @cached_property
    def present(self) -> Tensor:
        """(batch,) True where the row has a value."""
        return self.index >= 0

    def part(self, name: str) -> Tensor:
        """One part laid out by row, (batch, ...). Absent rows repeat the first value: mask them with `present`."""
        if self.count == 0:
            return self.data[name].new_zeros(len(self.index), *self.data[name].shape[1:])
        return self.data[name][self.index.clamp(min=0)]

    def without(self, dropped: Tensor) -> "Values":
        """The same values with the rows marked in `dropped` (batch,) turned absent."""
        return replace(self, index=torch.where(dropped, -1, self.index))

    def held(self) -> "Values":
        """Without the values that no row holds: they cost nothing then, and nothing in them can reach a gradient."""
        held = torch.zeros(self.count, dtype=torch.bool, device=self.index.device)
        held[self.index[self.present]] = True
        if held.all():
            return self
        place = held.cumsum(0) - 1
        index = torch.where(self.present, place[self.index.clamp(min=0)], -1)
        return Values({name: part[held] for name, part in self.data.items()}, index)

    def followed(self) -> "Values":
        """One value for each row that has one, none of them shared, whose real numbers ask for a gradient."""
        data = {name: part[self.index[self.present]] for name, part in self.data.items()}
        asked = {
            name: part.requires_grad_() if part.is_floating_point() and not part.requires_grad else part
            for name, part in data.items()
        }
        return Values(asked, torch.where(self.present, self.present.cumsum(0) - 1, -1))

    def to(self, device: torch.device | str) -> "Values":
        """The same values on another device."""
        data = {name: part.to(device, non_blocking=True) for name, part in self.data.items()}
        return Values(data, self.index.to(device, non_blocking=True))


@dataclass(frozen=True)
class Batch:
    """Some rows: what is known of them by modality, what is to be predicted by task, and what had to be refused.

    `rows` (batch,) are row numbers in the table that the batch was made from.
    """

    inputs: Mapping[str, Values]
    targets: Mapping[str, Values]
    rows: Index
    refusals: tuple[Refusal, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.rows)

    def to(self, device: torch.device | str) -> "Batch":
        """The same batch on another device."""
        inputs = {name: values.to(device) for name, values in self.inputs.items()}
        targets = {name: values.to(device) for name, values in self.targets.items()}
        return replace(self, inputs=inputs, targets=targets, rows=self.rows.to(device))

    def only(self, names: set[str] | frozenset[str]) -> "Batch":
        """The same rows with every other modality gone dark."""
        dark = torch.ones(len(self), dtype=torch.bool, device=self.rows.device)
        inputs = {name: values if name in names else values.without(dark) for name, values in self.inputs.items()}
        return replace(self, inputs=inputs)


@dataclass(frozen=True)
class Grid:
    """What tokens that stand in a grid were made of, for a task that answers for each place of a picture.

    The tokens are the cells of `height` × `width`, row by row. `finer` are maps (rows, channels, h, w) of the same
    picture, from coarse to fine, all of half the width of a token (rounded up) in channels. `edges` (rows, EDGES, h, w)
    is a map finer than all of them, in which little more than edges is to be seen; None where none was made.
    """

    height: int
    width: int
    finer: tuple[Tensor, ...] = ()
    edges: Tensor | None = None

    def gather(self, index: Index) -> "Grid":
        """The maps laid out by row; zeros in rows with index -1."""
        held = self.finer if self.edges is None else (*self.finer, self.edges)
        if not held or _counts_up(index, len(held[0])):
            return self
        place, there = index.clamp(min=0), index >= 0
        # Its way back adds whole maps, where that of indexing adds number by number.
        return self._each(lambda part: keep(part.index_select(0, place), there))

    def only(self, rows: Tensor) -> "Grid":
        """The same with maps of zeros in the rows where `rows` (rows,) is False."""
        return self._each(lambda part: keep(part, rows))

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Grid":
        edges = None if self.edges is None else change(self.edges)
        return replace(self, finer=tuple(change(part) for part in self.finer), edges=edges)


def _counts_up(index: Tensor, count: int) -> bool:
    """Whether the rows hold each value once and in order; not asked where asking would hold up a device."""
    if index.device.type != "cpu" or torch.compiler.is_compiling() or len(index) != count:
        return False
    return bool((index == torch.arange(count)).all())


@dataclass(frozen=True)
class Tokens:
    """A set of vectors for each row, `values` (rows, tokens, width), with `mask` (rows, tokens) True where one is real.

    `positions` (rows, tokens, axes), where order or place matters, are in the units that the encoder states. What lies
    under a False mask is zero. `grid` is there where the tokens are the cells of one; fusion leaves it to `unfused`.
    """

    values: TokenValues
    mask: TokenMask
    positions: Positions | None = None
    grid: Grid | None = None

    @property
    def present(self) -> Tensor:
        """(rows,) True where at least one token is real."""
        return self.mask.any(dim=1)

    def gather(self, index: Index) -> "Tokens":
        """Tokens laid out by row; rows with index -1 get a mask that is False throughout."""
        if len(self.values) == 0:
            return Tokens.absent(len(index), self.values.shape[2], like=self.values)
        place = index.clamp(min=0)
        mask = self.mask[place] & (index >= 0).unsqueeze(1)
        positions = None if self.positions is None else keep(self.positions[place], mask)
        grid = None if self.grid is None else self.grid.gather(index)
        return Tokens(keep(self.values[place], mask), mask, positions, grid)

    def only(self, rows: Tensor) -> "Tokens":
        """The same tokens with a mask that is False throughout in the rows where `rows` (rows,) is."""
        mask = self.mask & rows.unsqueeze(1)
        positions = None if self.positions is None else keep(self.positions, mask)
        grid = None if self.grid is None else self.grid.only(rows)
        return Tokens(keep(self.values, mask), mask, positions, grid)

    @classmethod
    def absent(cls, rows: int, width: int, like: Tensor) -> "Tokens":
        """One masked token a row: how a modality looks that nobody in the batch has."""
        return cls(like.new_zeros(rows, 1, width), torch.zeros(rows, 1, dtype=torch.bool, device=like.device))


@dataclass(frozen=True)
class Representation:
    """What fusion hands to the tasks.

    `pooled` (batch, views, width) with `view_mask` (batch, views); `combine` says how the decisions on several views
    become one. `tokens` are the fused tokens of each modality, `unfused` the tokens before any modality saw another.
    `inputs` are the values that all of this was made from, one for each row that has one, of the modalities at which a
    head takes a gradient; of no others.
    """

    pooled: Pooled
    view_mask: ViewMask
    combine: Combine
    tokens: Mapping[str, Tokens]
    unfused: Mapping[str, Tokens]
    inputs: Mapping[str, Values] = field(default_factory=dict)
