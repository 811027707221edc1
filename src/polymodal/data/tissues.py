"""A column of sections of tissue. Files stay closed until their batch is made."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch

from polymodal.core import DataError, Refusal, Values
from polymodal.core.seeding import numpy_generator
from polymodal.data.base import Cells, Column, DataTable, Rows
from polymodal.data.cells import dense
from polymodal.data.expression import Expression, Spots, logged, some_spots, totals
from polymodal.data.files import Folder, Limits, content_of, none_usable
from polymodal.data.gallery import asked, each_once, filled
from polymodal.data.hierarchies import unusable
from polymodal.data.neighbourhoods import Lattice, lattice_of, patches_of
from polymodal.data.plain import Plain, plain_numbers
from polymodal.data.sections import Room, Section, Wanted, read_section

__all__ = ["COLOURS", "Look", "TissueCells", "TissueColumn"]

USABLE = "sections of tissue in .h5ad or .h5mu files, by name below the data folder or as their bytes"

COLOURS = 3
"""What is told of a spot whose picture is read alone."""
SECTIONS = 50
"""How many training sections are looked at."""
SPOTS = 5000
"""How many of their spots, in equal shares: as many rows as a table of genes learns from."""


@dataclass(frozen=True)
class Look:
    """How a section is read: `genes` that are kept (None: all), main `directions` of these (None: genes themselves).

    With 0 genes the picture is read alone. `neighbours` are the nearest spots that a spot hears. With a picture in
    `wanted`, patches of `patch` pixels a side show the tissue `around` a spot, in spacings.
    """

    values: Literal["counts", "logged"] = "counts"
    genes: int | None = 2000
    directions: int | None = 50
    neighbours: int = 6
    patch: int = 8
    around: float = 2.0
    wanted: Wanted = field(default_factory=Wanted)


@dataclass(frozen=True)
class SpotTable:
    """One section as it goes into a batch; `patches` are (spots, 3, side, side) and `seen` (spots,) if wanted."""

    genes: np.ndarray
    lattice: Lattice
    patches: np.ndarray | None
    seen: np.ndarray

    def colours(self) -> np.ndarray:
        """(spots, 3) the mean of each patch from 0 to 255, NaN where there is none."""
        if self.patches is None:
            return np.full((len(self.genes), COLOURS), np.nan)
        return np.where(self.seen[:, None], self.patches.mean(axis=(2, 3)), np.nan)

    @property
    def size(self) -> int:
        """Bytes."""
        held = self.genes.nbytes + self.lattice.places.nbytes + self.lattice.neighbours.nbytes
        return held + (0 if self.patches is None else self.patches.nbytes)


@dataclass(frozen=True)
class TissueCells(Cells):
    """The cells of one column of sections. `found` keeps finished sections, up to `room` bytes."""

    series: pd.Series
    folder: Folder | None
    room: int = 0
    found: dict[Hashable, SpotTable] = field(default_factory=dict, compare=False)

    def ask(self, rows: Rows) -> list[tuple[Hashable | None, object]]:
        """For each row what its section is known by (None where absent), and its cell."""
        return asked(self.series, self.present, rows)


class TissueColumn(Column[TissueCells]):
    """Sections of tissue by the names of their files, or as bytes; each is one value, whose spots are its tokens.

    Learns from up to 50 training sections which genes vary, and their main directions (see `Expression`). Genes are
    matched by name. The parts are "genes" (n, spots, numbers) float32, NaN where not known and behind the last spot;
    "places" (n, spots, 2) float32, row and column from the middle of the section, in spacings; "spots" (n, spots) True
    where there is one; "neighbours" (n, spots, k) int64, the nearest spots by place, -1 where there are fewer. With
    pictures, "patches" (n, spots, 3, side, side) uint8, and "seen" (n, spots) True where the patch lies in the picture.
    """

    holds_files = True

    def __init__(self, column: str, look: Look, room: Room, cache_bytes: int = 0) -> None:
        self.names, self.name, self.look, self.room, self.cache_bytes = [column], column, look, room, cache_bytes
        self.learned, self.sections, self.middle = Expression(), 0, 1

    def fit(self, table: DataTable, rows: Rows) -> None:
        """Look at up to 50 training sections, one at a time.

        Raises DataError where there are some and none can be used, or where they have no gene in common that varies.
        """
        cells = self.read(table)
        there = np.sort(rows[cells.present[rows]])
        self.learned, self.sections, self.middle = Expression(), len(there), 1
        few = np.sort(numpy_generator(0, "tissue sample").choice(there, min(SECTIONS, len(there)), replace=False))
        held: list[Spots] = []
        sizes, problems = [], []
        for number, (_, value) in enumerate(cells.ask(few)):
            try:
                section = self._section(cells, value)
            except DataError as error:
                problems.append((value, error))
                continue
            held.append((section.genes, some_spots(section.counts, -(-SPOTS // len(few)), number)))
            sizes.append(len(section.barcodes))
        if problems and not held:
            raise none_usable("section", USABLE, self.name, problems)
        if held:
            self.middle = int(np.median(sizes))
        if held and self.look.genes != 0:
            depth = float(np.median(np.concatenate([totals(counts) for _, counts in held]))) or 1.0
            logs = [(genes, logged(counts, self.look.values, depth)) for genes, counts in held]
            self.learned = replace(Expression.learn(logs, self.look.genes, self.look.directions), depth=depth)
            if not self.learned.names:
                raise _nothing_in_common(table.source, self.name, held)

    def read(self, table: DataTable) -> TissueCells:
        """Which rows name or hold a section."""
        series = dense(table.column(self.name))
        folder = None if table.files is None else Folder(table.files)
        return TissueCells(filled(series, table.missing), series, folder, self.cache_bytes)

    def collate(self, cells: TissueCells, rows: Rows) -> tuple[Values, list[Refusal]]:
        """The distinct sections of these rows, filled up to the one of most spots."""
        made, index, refusals = each_once(
            cells.ask(rows), rows, self.name, lambda key, value: self._found(cells, key, value)
        )
        parts = {name: torch.from_numpy(part) for name, part in self._side_by_side(made).items()}
        return Values(parts, index), refusals

    def lengths(self, cells: TissueCells, rows: Rows) -> np.ndarray:
        """(n,) how many spots each section has, -1 where there is none that can be used."""
        known: dict[Hashable | None, int] = {None: -1}
        for key, value in cells.ask(rows):
            if key not in known:
                try:
                    known[key] = len(self._found(cells, key, value).genes)
                except DataError:
                    known[key] = -1
        return np.array([known[key] for key, _ in cells.ask(rows)], dtype=np.int64)

    def state(self) -> dict[str, Any]:
        """What was learned."""
        return {"sections": self.sections, "middle": self.middle, "genes": asdict(self.learned)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become the column that gave this state."""
        self.sections, self.middle = int(state["sections"]), int(state["middle"])
        self.learned = Expression(**state["genes"])

    def plain(self, cells: TissueCells, rows: Rows) -> list[Plain]:
        """Mean and spread of each number over the spots of a section (colours, without genes), and how many it has."""
        told = COLOURS if self.look.genes == 0 else max(1, self.learned.size)
        table = np.full((len(rows), 1 + 2 * told), np.nan)
        for place, (key, value) in enumerate(cells.ask(rows)):
            if key is None:
                continue
            try:
                found = self._found(cells, key, value)
            except DataError:
                continue
            numbers = found.colours() if self.look.genes == 0 else found.genes
            table[place] = np.concatenate([[len(numbers)], *_summary(numbers)])
        return [plain_numbers(table)]

    def _found(self, cells: TissueCells, key: Hashable, value: object) -> SpotTable:
        kept = cells.found.get(key)
        if kept is None:
            kept = self._made(self._section(cells, value))
            if kept.size + sum(each.size for each in cells.found.values()) <= cells.room:
                cells.found[key] = kept
        return kept

    def _section(self, cells: TissueCells, value: object) -> Section:
        content = content_of(value, cells.folder, Limits(bytes=self.room.bytes), "section")
        section = read_section(content, self.look.wanted, self.room)
        if self.look.genes == 0 and section.picture is None:
            raise unusable("section-picture", f'has no "{self.look.wanted.picture}" picture, and nothing else is read')
        return section

    def _expressed(self, section: Section) -> np.ndarray:
        """(spots, numbers) of what was learned. Raises DataError where the section measured none of these genes."""
        if self.look.genes == 0:
            return np.full((len(section.barcodes), 1), np.nan, dtype=np.float32)
        if not self.learned.measures(section.genes):
            found = f"has measured none of the {len(self.learned.names):,} genes that the model knows"
            raise unusable("section-genes", found)
        genes = self.learned.told(section.genes, logged(section.counts, self.look.values, self.learned.depth))
        if self.look.values == "counts":
            genes[np.asarray(section.counts.sum(axis=1)).ravel() == 0] = np.nan  # nothing is known of an empty spot
        return genes

    def _made(self, section: Section) -> SpotTable:
        genes = self._expressed(section)
        lattice = lattice_of(section.places, self.look.neighbours)
        nothing = np.zeros(len(genes), dtype=bool)
        if self.look.wanted.picture is None or section.picture is None:
            return SpotTable(genes, lattice, None, nothing)
        spacing = lattice.spacing * section.scale
        middle = section.places * section.scale
        patches = patches_of(section.picture, middle, self.look.around * spacing, self.look.patch, self.room.pixels)
        return SpotTable(genes, lattice, *patches)

    def _side_by_side(self, made: Sequence[SpotTable]) -> dict[str, np.ndarray]:
        look, most = self.look, max((len(each.genes) for each in made), default=1)
        shape = (len(made), most)
        parts = {
            "genes": np.full((*shape, max(1, self.learned.size)), np.nan, dtype=np.float32),
            "places": np.zeros((*shape, 2), dtype=np.float32),
            "spots": np.zeros(shape, dtype=bool),
            "neighbours": np.full((*shape, look.neighbours), -1, dtype=np.int64),
        }
        if look.wanted.picture is not None:
            parts["patches"] = np.zeros((*shape, 3, look.patch, look.patch), dtype=np.uint8)
            parts["seen"] = np.zeros(shape, dtype=bool)
        for number, each in enumerate(made):
            count = len(each.genes)
            parts["genes"][number, :count] = each.genes
            parts["places"][number, :count] = each.lattice.places
            parts["spots"][number, :count] = True
            parts["neighbours"][number, :count] = each.lattice.neighbours
            if each.patches is not None:
                parts["patches"][number, :count], parts["seen"][number, :count] = each.patches, each.seen
        return parts


def _summary(genes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and spread (numbers,) over the spots of a section, NaN where nothing is known."""
    known = ~np.isnan(genes)
    count = np.where(known.any(axis=0), known.sum(axis=0), np.nan)
    mean = np.where(known, genes, 0.0).sum(axis=0) / count
    return mean, np.sqrt((np.where(known, genes - mean, 0.0) ** 2).sum(axis=0) / count)


def _nothing_in_common(source: str, column: str, sections: Sequence[Spots]) -> DataError:
    return DataError(
        "no-common-genes",
        where=f'{source}, column "{column}"',
        expected="genes that every training section measured and that differ among spots",
        found=f"none in {len(sections)} sections; the first names its genes {', '.join(map(str, sections[0][0][:3]))}",
        remedy="name genes alike in all files (Ensembl ids, say), or leave out sections with other genes",
    )
