"""Wide tables of genes: which of them vary, on what scale, and which belong together."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch

from polymodal.core import DataError, Refusal, Values
from polymodal.core.seeding import numpy_generator
from polymodal.data.base import Cells, Column, DataTable, Rows
from polymodal.data.cells import is_number
from polymodal.data.gene_sets import read_sets, symbols
from polymodal.data.kinds import Kind, infer_kind, parse_numbers
from polymodal.data.plain import Plain, plain_numbers
from polymodal.data.selection import expand_columns
from polymodal.data.series import FARTHEST, filled
from polymodal.data.tabular import Scale
from polymodal.data.traces import from_cell

__all__ = ["PER_CELL", "GeneCells", "GeneColumn", "GeneScale", "Measure", "dispersion"]

Measure = Literal["counts", "logged", "scaled"]

SAMPLE = 5000
"""How many training rows are looked at."""

PER_CELL = 1e4
"""Counts are told as if each row had so many of them."""

KNOTS = 16
"""Pieces of the line that a gene is scaled by; with 128, as numbers of a table have, glioma is told no better."""

GROUPS = 20
"""Groups of genes of similar mean, within which counts are compared in how they vary."""


@dataclass(frozen=True)
class GeneScale:
    """What was learned of each gene that is kept: its name, and the broken line that it is scaled by, if it is.

    `places` are those of the columns that they come from, or in the vectors of one column, of `length` in all.
    """

    names: Sequence[str] = ()
    places: Sequence[int] = ()
    lines: Sequence[tuple[Sequence[float], Sequence[float]]] = ()
    length: int = 0
    training_rows: int = 0


@dataclass(frozen=True)
class GeneCells(Cells):
    """`numbers` (rows, genes) float32 in standard deviations of the training rows, NaN where not known."""

    numbers: np.ndarray


class GeneColumn(Column[GeneCells]):
    """Measures of many genes, each in a column of its own, or all as a vector in the cells of one column.

    `values` says what they are: "counts" become log(1 + parts in ten thousand) of their row; "logged" measures are
    taken as they are; both are then scaled by the quantiles of the training rows, as numbers of a table are, so that
    wild values cannot dominate. "scaled" ones are only cut at ten. Of more than `genes` those are kept that vary most
    in the training rows; None keeps all. The part is "genes" (n, genes) float32, NaN where a gene was not measured. A
    row with a count below zero, or without any, is refused. `sets` is a file with a set of genes in each line (GMT),
    below the data folder.
    """

    def __init__(
        self, columns: Sequence[str], values: Measure = "logged", genes: int | None = 2000, sets: str | None = None
    ) -> None:
        self.names, self.values, self.genes, self.sets = list(columns), values, genes, sets
        self.chosen: list[str] = []
        self.commas: list[str] = []
        self.vectors = False
        self.learned = GeneScale()
        self.members: dict[str, list[int]] = {}

    def fit(self, table: DataTable, rows: Rows) -> None:
        """Learn which genes vary, their scales, and which of them each set has. Raises DataError where none does."""
        self.chosen = expand_columns(self.names, [str(name) for name in table.frame.columns], where=table.source)
        part = table.take(rows)
        kinds = {name: _kind(part.column(name), table.missing) for name in self.chosen}
        self.vectors = len(self.chosen) == 1 and kinds[self.chosen[0]].name not in ("number", "boolean", "constant")
        self.commas = [] if self.vectors else [name for name, kind in kinds.items() if kind.decimal == ","]
        self.learned, self.members = GeneScale(), {}
        if len(rows) > SAMPLE:
            part = part.take(np.sort(numpy_generator(0, "genes").choice(len(part), SAMPLE, replace=False)))
        measured, present, _ = self._measured(part)
        self.learned = self._scale(measured[present], len(rows), table.source)
        if self.sets is not None:
            self.members = self._members(read_sets(table, self.sets))

    def read(self, table: DataTable) -> GeneCells:
        """The genes that are kept, scaled; what is no number is refused and that gene is not known."""
        measured, present, refusals = self._measured(table)
        learned = self.learned
        kept = measured[:, list(learned.places)]
        if self.values == "scaled":
            scaled = np.clip(kept, -FARTHEST, FARTHEST)
        else:
            lines = (Scale(list(levels), list(places)) for levels, places in learned.lines)
            scaled = np.stack([line(part) for line, part in zip(lines, kept.T.astype(np.float64), strict=True)], axis=1)
        present = present & ~np.isnan(scaled).all(axis=1)
        return GeneCells(present, np.where(present[:, None], scaled, np.nan), refusals=refusals)

    def collate(self, cells: GeneCells, rows: Rows) -> tuple[Values, list[Refusal]]:
        """The part "genes" of the rows in which any gene is known."""
        present = cells.present[rows]
        index = np.where(present, np.cumsum(present) - 1, -1).astype(np.int64)
        return Values({"genes": torch.from_numpy(cells.numbers[rows[present]])}, torch.from_numpy(index)), []

    def plain(self, cells: GeneCells, rows: Rows) -> list[Plain]:
        """The genes as they stand."""
        return [plain_numbers(cells.numbers[rows])]

    def state(self) -> dict[str, Any]:
        """Columns, scales and sets."""
        return {
            "columns": self.chosen,
            "commas": self.commas,
            "vectors": self.vectors,
            "learned": asdict(self.learned),
            "members": self.members,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take them over."""
        self.chosen, self.commas, self.vectors = list(state["columns"]), list(state["commas"]), bool(state["vectors"])
        self.learned = GeneScale(**state["learned"])
        self.members = {name: list(places) for name, places in state["members"].items()}

    def _measured(self, table: DataTable) -> tuple[np.ndarray, np.ndarray, list[Refusal]]:
        """(rows, all genes) float32 after counts became logarithms; (rows,) which have any; and what was refused."""
        refusals: list[Refusal] = []
        measured = self._vectors(table, refusals) if self.vectors else self._columns(table, refusals)
        present = ~np.isnan(measured).all(axis=1)
        if self.values != "counts":
            return measured, present, refusals
        known = ~np.isnan(measured)
        total = np.where(known, measured, 0.0).sum(axis=1, dtype=np.float64)
        below = (known & (measured < 0)).any(axis=1)
        for row in np.flatnonzero(present & (below | (total <= 0))):
            found = "holds a count below zero" if below[row] else "holds no count above zero"
            refusals.append(Refusal(int(row), ", ".join(self.chosen[:3]), found))
        present &= ~below & (total > 0)
        share = np.where(present, PER_CELL / np.where(present, total, 1.0), np.nan)
        with np.errstate(invalid="ignore"):
            return np.log1p(measured * share[:, None].astype(np.float32)), present, refusals

    def _columns(self, table: DataTable, refusals: list[Refusal]) -> np.ndarray:
        made = np.empty((len(table), len(self.chosen)), dtype=np.float32)
        decimal = set(self.commas)
        for place, name in enumerate(self.chosen):
            series = table.column(name)
            kind = Kind("number", decimal="," if name in decimal else ".")
            made[:, place], bad = parse_numbers(series, kind, table.missing)
            strange = np.flatnonzero(bad)
            refusals += [Refusal(int(row), name, f'"{series.iloc[row]}" is not a finite number') for row in strange]
        return made

    def _vectors(self, table: DataTable, refusals: list[Refusal]) -> np.ndarray:
        name, held = self.chosen[0], {}
        series = table.column(name)
        for row in np.flatnonzero(filled(series, table.missing)).tolist():
            try:
                held[row] = from_cell(series.iloc[row]).ravel()
            except DataError as error:
                refusals.append(Refusal(row, name, error.found))
        lengths = [len(vector) for vector in held.values()]
        length = self.learned.length or max(set(lengths), key=lengths.count, default=0)
        made = np.full((len(table), length), np.nan, dtype=np.float32)
        for row, vector in held.items():
            if len(vector) == length:
                made[row] = np.where(np.isfinite(vector), vector, np.nan)
            else:
                refusals.append(Refusal(row, name, f"holds {len(vector):,} numbers, training rows hold {length:,}"))
        return made

    def _scale(self, measured: np.ndarray, rows: int, source: str) -> GeneScale:
        """The scales of the genes that vary most; those that do not vary are left out."""
        known = np.flatnonzero(~np.isnan(measured).all(axis=0)) if len(measured) else np.zeros(0, dtype=np.int64)
        numbers = measured[:, known].astype(np.float64)
        cut = np.clip(numbers, *_edges(numbers))
        mean, spread = np.nanmean(cut, axis=0), np.nanstd(cut, axis=0)
        varied = spread > 1e-9 * np.maximum(1.0, np.abs(mean))
        if not varied.any():
            raise DataError(
                "no-information",
                where=f"{source}, columns {', '.join(self.names[:3])}",
                expected="at least one gene whose measure differs among the training rows",
                found=f"{len(self.chosen)} columns, {len(measured)} usable training rows",
                remedy="take this modality out of the spec, or name other columns",
            )
        counts = np.expm1(numbers) if self.values == "counts" else numbers
        told = dispersion(np.nanmean(counts, axis=0), np.nanvar(counts, axis=0)) if self.values == "counts" else spread
        score = np.where(varied, told, -np.inf)
        most = int(min(self.genes or len(known), varied.sum()))
        best = np.sort(np.argsort(-score, kind="stable")[:most])
        names = [str(place) for place in known[best]] if self.vectors else [self.chosen[place] for place in known[best]]
        fitted = [] if self.values == "scaled" else [Scale.fitted(numbers[:, gene], KNOTS) for gene in best]
        lines = [(line.levels, line.places) for line in fitted]
        return GeneScale(names, known[best].tolist(), lines, measured.shape[1], rows)

    def _members(self, sets: Mapping[str, Sequence[str]]) -> dict[str, list[int]]:
        """The places among the kept genes that each set has; a set without any is left out."""
        place = dict(zip(symbols(self.learned.names), range(len(self.learned.names)), strict=True))
        place |= {name: number for number, name in enumerate(self.learned.names)}
        found = {name: sorted({place[gene] for gene in genes if gene in place}) for name, genes in sets.items()}
        kept = {name: places for name, places in found.items() if places}
        if kept and not self.vectors:
            return kept
        raise DataError(
            "no-gene-of-a-set",
            where=str(self.sets),
            expected="sets of genes that are named as the columns are",
            found="vectors, whose genes have no names"
            if self.vectors
            else f"{len(sets)} sets without any of the genes",
            remedy="give each gene a column of its own" if self.vectors else "spell genes alike in both files",
        )


def _kind(series: pd.Series, missing: Sequence[str]) -> Kind:
    return Kind("number") if is_number(series) else infer_kind(series, missing)


def _edges(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(genes,) the first and the last hundredth; of a gene that hardly ever differs, the least and the greatest."""
    quantile = np.nanquantile if np.isnan(numbers).any() else np.quantile
    least, low, high, most = quantile(numbers, [0.0, 0.01, 0.99, 1.0], axis=0)
    flat = low == high
    return np.where(flat, least, low), np.where(flat, most, high)


def dispersion(mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """(genes,) how much counts vary for their mean: log(variance / mean), standardised among genes of similar mean.

    The choice of Satija et al. (2015), in twenty groups of equal size.
    """
    mean = np.maximum(mean, 1e-12)
    ratio = np.log(np.maximum(variance / mean, 1e-12))
    group = np.empty(len(mean), dtype=np.int64)
    group[np.argsort(mean, kind="stable")] = np.arange(len(mean)) * min(GROUPS, len(mean)) // len(mean)
    many = np.maximum(np.bincount(group), 1)
    middle = (np.bincount(group, ratio) / many)[group]
    spread = np.sqrt(np.bincount(group, (ratio - middle) ** 2) / many)[group]
    # A gene that is alone in its group is as it should be for its mean.
    return np.asarray((ratio - middle) / np.where(spread > 0, spread, 1.0))
