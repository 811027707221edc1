"""Columns of atoms in space: atomic numbers and positions in the table, or files. Neighbours are found here."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from polymodal.core import DataError, Refusal, Values
from polymodal.core.seeding import numpy_generator
from polymodal.data.atoms import HEAVIEST, Atoms, checked, from_text, unusable
from polymodal.data.base import Cells, Column, DataTable, Rows
from polymodal.data.cells import dense
from polymodal.data.compounds import is_molfile
from polymodal.data.files import Folder, Limits
from polymodal.data.gallery import asked, each_once, filled
from polymodal.data.plain import Plain, plain_numbers
from polymodal.data.traces import from_cell

__all__ = ["HIDDEN", "Reach", "StructureCells", "StructureColumn", "StructureScale", "neighbours_of"]

HIDDEN = HEAVIEST + 1
"""The code of an atom whose element is hidden from the net."""

SAMPLE = 500
"""How many training structures are looked at."""
DISTANCES = 128
"""Inverse distances that a plain model is given: the largest, in order."""
_ALIKE = 1e-6  # Å; neighbours whose distances differ by less are equally far


@dataclass(frozen=True)
class Reach:
    """Which atoms hear each other: up to `radius` in Å, and of those at most the nearest `neighbours`."""

    radius: float = 5.0
    neighbours: int = 32
    largest: int = 512


@dataclass(frozen=True)
class Structure:
    """One structure: its atoms, and edges (edges, 2) from an atom to one that hears it."""

    atoms: Atoms
    edges: np.ndarray


@dataclass(frozen=True)
class StructureScale:
    """What was learned: rows with a structure, atoms of the middle one, and neighbours of the middle atom."""

    rows: int = 0
    middle: int = 1
    neighbours: float = 1.0


@dataclass(frozen=True)
class StructureCells(Cells):
    """Cells of positions (or files) and of atomic numbers. `found` keeps structures up to `room` bytes."""

    series: pd.Series
    numbers: pd.Series | None
    folder: Folder | None
    room: int = 0
    found: dict[Hashable, Structure] = field(default_factory=dict, compare=False)

    def ask(self, rows: Rows) -> list[tuple[Hashable | None, object]]:
        """For each row what its structure is known by (None where absent), and its cell, or both cells."""
        questions = asked(self.series, self.present, rows)
        if self.numbers is None:
            return questions
        numbers = self.numbers.iloc[rows].tolist()
        return [
            (None if key is None else (key, _known_by(number)), (value, number))
            for (key, value), number in zip(questions, numbers, strict=True)
        ]


class StructureColumn(Column[StructureCells]):
    """Atoms by their positions in `column` and atomic numbers in `numbers`, or by files (xyz, SDF) without the latter.

    A cell may be a molfile itself, as in a table that was read from an SDF.

    Cells hold lists, arrays, or text such as "6 8 1"; positions are (atoms, 3) or as many numbers in a row, in Å. The
    parts are "numbers" (n, atoms) int64, 0 behind the last atom; "positions" (n, atoms, 3) float32, their mean in the
    origin, 0 behind the last; "edges" (n, edges, 2) int64 from an atom to one that hears it, by place, -1 behind the
    last. The edges hold no distances: nets work these out, so that they depend on positions smoothly.
    """

    holds_files = False

    def __init__(self, column: str, numbers: str | None, reach: Reach, limits: Limits, cache_bytes: int = 0) -> None:
        self.name, self.numbers, self.reach = column, numbers, reach
        self.names = [column] if numbers is None else [column, numbers]
        self.limits, self.cache_bytes = limits, cache_bytes
        self.holds_files = numbers is None  # type: ignore[misc]
        self.learned = StructureScale()

    def fit(self, table: DataTable, rows: Rows) -> None:
        """Look at up to 500 training structures. Raises DataError where there are some and none can be used."""
        cells = self.read(table)
        there = np.sort(rows[cells.present[rows]])
        self.learned = StructureScale(len(there))
        few = np.sort(numpy_generator(0, "structure sample").choice(there, min(SAMPLE, len(there)), replace=False))
        usable, problems = [], []
        for row, (key, value) in zip(few, cells.ask(few), strict=True):
            try:
                usable.append(self._found(cells, key, value))
            except DataError as error:
                problems.append((int(row), error))
        if problems and not usable:
            raise _none_usable(table.place(problems[0][0], self.name), len(problems), problems[0][1])
        if usable:
            sizes = [len(each.atoms.numbers) for each in usable]
            heard = float(np.median([len(each.edges) / size for each, size in zip(usable, sizes, strict=True)]))
            self.learned = replace(self.learned, middle=int(np.median(sizes)), neighbours=max(1.0, heard))

    def read(self, table: DataTable) -> StructureCells:
        """Which rows name or hold a structure."""
        series = dense(table.column(self.name))
        present = filled(series, table.missing)
        numbers = None if self.numbers is None else dense(table.column(self.numbers))
        if numbers is not None:
            present = present & filled(numbers, table.missing)
        folder = None if table.files is None else Folder(table.files)
        return StructureCells(present, series, numbers, folder, self.cache_bytes)

    def collate(self, cells: StructureCells, rows: Rows) -> tuple[Values, list[Refusal]]:
        """The distinct structures of these rows, filled up to the largest of them."""
        made, index, refusals = each_once(
            cells.ask(rows), rows, self.name, lambda key, value: self._found(cells, key, value)
        )
        refusals = [replace(each, path=each.path if self.numbers is None else "") for each in refusals]
        return Values(_side_by_side(made), index), refusals

    def values(self, atoms: Sequence[Atoms]) -> Values:
        """Structures that are in memory already, one for each row."""
        made = [Structure(each, neighbours_of(each.positions, self.reach)) for each in atoms]
        return Values(_side_by_side(made), torch.arange(len(made)))

    def lengths(self, cells: StructureCells, rows: Rows) -> np.ndarray:
        """(n,) how many atoms each row has, -1 where there is no structure that can be used."""
        known: dict[Hashable | None, int] = {None: -1}
        for key, value in cells.ask(rows):
            if key not in known:
                try:
                    known[key] = len(self._found(cells, key, value).atoms.numbers)
                except DataError:
                    known[key] = -1
        return np.array([known[key] for key, _ in cells.ask(rows)], dtype=np.int64)

    def state(self) -> dict[str, Any]:
        """What was learned."""
        return asdict(self.learned)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become the column that gave this state."""
        self.learned = StructureScale(**state)

    def plain(self, cells: StructureCells, rows: Rows) -> list[Plain]:
        """How many atoms of each element there are, and the 128 largest inverse distances in order."""
        table = np.full((len(rows), HEAVIEST + DISTANCES), np.nan)
        for place, (key, value) in enumerate(cells.ask(rows)):
            if key is None:
                continue
            try:
                atoms = self._found(cells, key, value).atoms
            except DataError:
                continue
            table[place, :HEAVIEST] = np.bincount(atoms.numbers - 1, minlength=HEAVIEST)
            table[place, HEAVIEST:] = _nearest(atoms.positions)
        return [plain_numbers(table)]

    def _found(self, cells: StructureCells, key: Hashable, value: Any) -> Structure:
        kept = cells.found.get(key)
        if kept is None:
            atoms = self._atoms(cells, value)
            kept = Structure(atoms, neighbours_of(atoms.positions, self.reach))
            size = atoms.positions.nbytes + kept.edges.nbytes
            if size * (len(cells.found) + 1) <= cells.room:
                cells.found[key] = kept
        return kept

    def _atoms(self, cells: StructureCells, value: Any) -> Atoms:
        """Raises DataError where the cell cannot be used."""
        largest = self.reach.largest
        if cells.numbers is not None:
            # pandas reads nested lists of a Parquet file as arrays of arrays
            places = list(value[0]) if isinstance(value[0], np.ndarray) else value[0]
            places, numbers = from_cell(places), from_cell(value[1]).reshape(-1)
            if places.ndim == 1 and places.size == 3 * numbers.size:
                places = places.reshape(-1, 3)
            return checked(numbers, places, largest)
        if isinstance(value, str) and is_molfile(value):
            value = value.encode()
        if isinstance(value, str):
            if cells.folder is None:
                raise unusable("file-folder-unknown", "names a file, and no data folder was given")
            value = cells.folder.read(value, self.limits)
        if not isinstance(value, bytes):
            found = f"is a {type(value).__name__}, not the name of a file; name the column of atomic numbers (numbers)"
            raise unusable("structure-source", found)
        if len(value) > self.limits.bytes:
            raise unusable("structure-size", f"has {len(value):,} bytes, the limit is {self.limits.bytes:,}")
        return from_text(value, largest)


def neighbours_of(positions: np.ndarray, reach: Reach) -> np.ndarray:
    """(edges, 2) int64 from each atom within the radius to the one that hears it, nearest first.

    Of more than the allowed neighbours the nearest are kept; those that are equally far are kept or left out together,
    so that nothing depends on the order of atoms.
    """
    from scipy.spatial import cKDTree

    count = min(reach.neighbours + 2, len(positions))  # the atom itself, and the first that may have to stay out
    away, other = cKDTree(positions).query(positions, count, distance_upper_bound=reach.radius)
    away, other = away.reshape(len(positions), count), other.reshape(len(positions), count)
    within = np.isfinite(away) & (other != np.arange(len(positions))[:, None])
    if count == reach.neighbours + 2:
        beyond = away[:, -1:]
        within &= ~np.isfinite(beyond) | (away < beyond - _ALIKE)
    heard, place = np.nonzero(within)
    return np.stack([other[heard, place], heard], axis=1).astype(np.int64)


def _known_by(number: object) -> Hashable:
    """What a cell of atomic numbers is known by; a lone number by itself, since it is no object that stays."""
    return id(number) if isinstance(number, list | tuple | np.ndarray) else str(number)


def _side_by_side(made: list[Structure]) -> dict[str, Tensor]:
    atoms = max((len(each.atoms.numbers) for each in made), default=1)
    numbers = np.zeros((len(made), atoms), dtype=np.int64)
    positions = np.zeros((len(made), atoms, 3), dtype=np.float32)
    edges = np.full((len(made), max((len(each.edges) for each in made), default=0), 2), -1, dtype=np.int64)
    for place, each in enumerate(made):
        count = len(each.atoms.numbers)
        numbers[place, :count], positions[place, :count] = each.atoms.numbers, each.atoms.positions
        edges[place, : len(each.edges)] = each.edges
    return {name: torch.from_numpy(part) for name, part in
            {"numbers": numbers, "positions": positions, "edges": edges}.items()}  # fmt: skip


def _nearest(positions: np.ndarray) -> np.ndarray:
    """(DISTANCES,) the largest inverse distances in falling order, 0 (infinitely far) behind the last."""
    from scipy.spatial.distance import pdist

    told = np.zeros(DISTANCES)
    inverse = np.sort(1 / pdist(positions))[::-1][:DISTANCES]
    told[: len(inverse)] = inverse
    return told


def _none_usable(place: str, count: int, first: DataError) -> DataError:
    return DataError(
        "no-usable-structure",
        where=place,
        expected="positions of atoms beside a column of atomic numbers, or names of xyz or SDF files",
        found=f"none of the {count} looked at can be used; this one {first.found}",
        remedy=first.remedy,
    )
