"""Maps that say something of each place of a picture, as a target: they lie on that picture, whatever their size."""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field

from polymodal.core import DataError, Refusal, Values
from polymodal.core.seeding import numpy_generator
from polymodal.data.base import Cells, Column, DataTable, Rows
from polymodal.data.calibration import SMALLEST
from polymodal.data.canvas import Canvas, Painted, inner_size
from polymodal.data.files import Limits, none_usable
from polymodal.data.gallery import Gallery, each_once, hang
from polymodal.data.imaging import ImageColumn
from polymodal.data.pictures import measure, stored_numbers, unusable
from polymodal.data.plain import Plain

__all__ = ["MapCells", "MapColumn", "MapKind", "MapSize"]

MapSize = (
    Annotated[int, Field(ge=4, le=2048)]
    | tuple[Annotated[int, Field(ge=4, le=2048)], Annotated[int, Field(ge=4, le=2048)]]
    | Literal["auto"]
)

LARGEST = 256
"""The longest side in pixels that size "auto" gives."""

SAMPLE = 200
"""How many training maps are looked at."""

CACHE = 256 * 2**20
"""Bytes of finished maps that stay in memory for each table."""

UNLIKE = 0.05
"""How much the proportions of a map may differ from those of its picture, for rounded sides."""


class MapKind(ABC):
    """What the numbers of a map mean."""

    unknown: np.generic
    """What stands where nothing is known, in the type of the part."""

    @abstractmethod
    def learn(self, maps: Iterator[np.ndarray], where: str) -> None:
        """Look at the numbers of a sample of the training maps. Raises DataError where nothing can be learned."""

    @abstractmethod
    def coded(self, numbers: np.ndarray) -> np.ndarray:
        """The stored numbers (h, w) as the part holds them. Raises DataError where they are none of this kind."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """What was learned, as JSON data."""

    @abstractmethod
    def restore(self, state: Mapping[str, Any]) -> None:
        """Take it over."""


@dataclass(frozen=True)
class MapCells(Cells):
    """The cells of a column of maps, and of the pictures that they lie on, if any are known."""

    gallery: Gallery
    canvas: Canvas
    of: tuple[Column[Any], Cells] | None = None


class MapColumn(Column[MapCells]):
    """Maps of one kind, by file name below the data folder, or as bytes or arrays (height, width) in the table itself.

    The part "target" is (n, height, width): each map brought to one size by the nearest of its own places, and padded
    where the pictures are. A map that cannot be used, or has other proportions than its picture, is refused; a row
    without a picture has no target.
    """

    holds_files = True

    def __init__(self, target: str, of: str, size: MapSize, kind: MapKind) -> None:
        self.names, self.target, self.of, self.wish, self.kind = [target], target, of, size, kind
        self.limits = Limits()
        self.height, self.width = _as_asked(size, LARGEST, LARGEST)

    def fit(self, table: DataTable, rows: Rows) -> None:
        """Learn the size and the numbers from a sample of the training maps. Raises DataError where none is usable."""
        gallery = hang(table, self.target, 0)
        there = np.sort(rows[gallery.present[rows]])
        if len(there) > SAMPLE:
            there = np.sort(numpy_generator(0, "map sample").choice(there, SAMPLE, replace=False))
        values = [value for _, value in gallery.ask(there)]
        sizes, problems = [], []
        for value in values:
            try:
                sizes.append(stored_numbers(gallery.picture(value, self.limits), self.limits).shape)
            except DataError as error:
                problems.append((value, error))
        if not sizes and problems:
            raise none_usable("map", "maps of numbers, or names of their files", self.target, problems)
        if sizes:
            self.height, self.width = _as_asked(self.wish, *np.median(sizes, axis=0).tolist())
        self.kind.learn(self._looked_at(gallery, values), f'{table.source}, column "{self.target}"')

    def read(self, table: DataTable) -> MapCells:
        """Which rows name or hold a map."""
        gallery = hang(table, self.target, CACHE)
        return MapCells(gallery.present, gallery, self._canvas(False))

    def beside(self, cells: MapCells, inputs: Mapping[str, tuple[Column[Any], Cells]]) -> MapCells:
        """The same cells with the pictures that they lie on. Raises DataError where padding shapes them differently."""
        if self.of not in inputs:
            return cells
        column, others = inputs[self.of]
        padded = isinstance(column, ImageColumn) and column.learned.canvas.padded
        if isinstance(column, ImageColumn) and padded:
            canvas = column.learned.canvas
            if _unlike((self.height, self.width), (canvas.height, canvas.width)):
                raise _misfit(self, canvas)
        present = cells.present & others.present
        return replace(cells, present=present, canvas=self._canvas(padded), of=(column, others))

    def collate(self, cells: MapCells, rows: Rows) -> tuple[Values, list[Refusal]]:
        """The distinct maps of these rows under the name "target"; the files are opened here."""
        asked, shown = cells.gallery.ask(rows), self._shown(cells, rows)
        questions: list[tuple[Hashable | None, object]] = [
            ((key, seen), (value, picture)) if there and key is not None else (None, None)
            for (key, value), (seen, picture), there in zip(asked, shown, cells.present[rows], strict=True)
        ]
        laid, index, refusals = each_once(
            questions, rows, self.target, lambda pair, cell: self._laid(pair, cell, cells)
        )
        maps = np.stack(laid) if laid else np.zeros((0, self.height, self.width), dtype=self.kind.unknown.dtype)
        names = {int(row): key for row, (key, _) in zip(rows, asked, strict=True) if isinstance(key, str)}
        named = [replace(refusal, path=names.get(refusal.row, "")) for refusal in refusals]
        return Values({"target": torch.from_numpy(maps)}, index), named

    def plain(self, cells: MapCells, rows: Rows) -> list[Plain]:
        """Nothing: a target is never a feature."""
        return []

    def state(self) -> dict[str, Any]:
        """The size of all maps, and what their kind has learned."""
        return {"height": self.height, "width": self.width, "kind": self.kind.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take it over."""
        self.height, self.width = int(state["height"]), int(state["width"])
        self.kind.restore(state["kind"])

    def _canvas(self, padded: bool) -> Canvas:
        return Canvas(self.height, self.width, 1, padded=padded)

    def _looked_at(self, gallery: Gallery, values: Sequence[object]) -> Iterator[np.ndarray]:
        for value in values:
            with suppress(DataError):
                yield self._sized(stored_numbers(gallery.picture(value, self.limits), self.limits), self._canvas(False))

    def _shown(self, cells: MapCells, rows: Rows) -> list[tuple[Hashable | None, object]]:
        """For each row what its picture is known by, and its cell; None where that is no column of pictures."""
        if cells.of is None or not isinstance(cells.of[1], Gallery):
            return [(None, None)] * len(rows)
        return cells.of[1].ask(rows)

    def _laid(self, pair: Hashable, cell: object, cells: MapCells) -> np.ndarray:
        """The map on its canvas; `cell` holds those of the map and of its picture."""
        kept = cells.gallery.shelf.held.get(pair)
        if kept is None and isinstance(cell, tuple):
            numbers = stored_numbers(cells.gallery.picture(cell[0], self.limits), self.limits)
            self._compare(numbers, cell[1], cells)
            kept = Painted(
                _centred(self.kind.coded(self._sized(numbers, cells.canvas)), cells.canvas, self.kind.unknown)
            )
            cells.gallery.shelf.put(pair, kept)
        if kept is None:
            raise TypeError("a pair of cells is asked for")
        return kept.pixels

    def _compare(self, numbers: np.ndarray, picture: object, cells: MapCells) -> None:
        """Refuse a map of another shape than its picture; a picture that cannot be read is refused on its own."""
        if cells.of is None or not isinstance(cells.of[1], Gallery) or picture is None:
            return
        try:
            seen = measure(cells.of[1].picture(picture, self.limits), self.limits)
        except DataError:
            return
        if _unlike(numbers.shape, (seen.height, seen.width)):
            found = f"is {numbers.shape[1]} × {numbers.shape[0]}, where its picture is {seen.width} × {seen.height}"
            raise unusable("map-shape", found, "store maps with the proportions of their pictures")

    @staticmethod
    def _sized(numbers: np.ndarray, canvas: Canvas) -> np.ndarray:
        """Each place takes the nearest number."""
        height, width = inner_size(numbers.shape[0], numbers.shape[1], canvas)
        if numbers.shape == (height, width):
            return numbers
        y = ((np.arange(height) + 0.5) * numbers.shape[0] / height).astype(np.int64)
        x = ((np.arange(width) + 0.5) * numbers.shape[1] / width).astype(np.int64)
        return numbers[y[:, None], x]


def _as_asked(size: MapSize, height: float, width: float) -> tuple[int, int]:
    """As asked; else this size, shrunk until it is no larger than `LARGEST`."""
    if isinstance(size, int):
        return size, size
    if not isinstance(size, str):
        return size[0], size[1]
    scale = min(1.0, LARGEST / max(height, width))
    return max(SMALLEST, round(height * scale)), max(SMALLEST, round(width * scale))


def _unlike(one: Sequence[int], other: Sequence[int]) -> bool:
    """Whether two (height, width) have other proportions."""
    return abs(one[0] * other[1] / (one[1] * other[0]) - 1) > UNLIKE + 1 / min(*one, *other)


def _centred(coded: np.ndarray, canvas: Canvas, unknown: np.generic) -> np.ndarray:
    """A map in the middle of its canvas, as its picture is."""
    height, width = coded.shape
    if (height, width) == (canvas.height, canvas.width):
        return coded
    whole = np.full((canvas.height, canvas.width), unknown)
    top, left = (canvas.height - height) // 2, (canvas.width - width) // 2
    whole[top : top + height, left : left + width] = coded
    return whole


def _misfit(column: MapColumn, canvas: Canvas) -> DataError:
    return DataError(
        "maps-misfit",
        where=f'column "{column.target}"',
        expected=f"maps with the proportions of the padded pictures, {canvas.height} × {canvas.width}",
        found=f"maps of {column.height} × {column.width}",
        remedy="give both the same size, or do not pad the pictures (padded: false)",
    )
