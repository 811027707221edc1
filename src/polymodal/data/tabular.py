"""Columns of a table as numbers and categories: what a tabular encoder reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.special import ndtri

from polymodal.core import DataError, Refusal, Values
from polymodal.data.base import Cells, Column, DataTable, Rows
from polymodal.data.kinds import Kind, infer_kind, parse_dates, parse_labels, parse_numbers
from polymodal.data.plain import Plain, plain_categories, plain_numbers
from polymodal.data.selection import expand_columns

__all__ = ["MISSING", "UNKNOWN", "Scale", "TableCells", "TableColumn"]

MISSING, UNKNOWN, KNOWN = 0, 1, 2
"""Codes of a category: 0 = no value, 1 = a rare or never seen value, 2 and up = the values that were learned."""


@dataclass(frozen=True)
class TableCells(Cells):
    """`numbers` (rows, numbers) float32 in scaled units, NaN where missing; `codes` (rows, categories) int32."""

    numbers: np.ndarray
    codes: np.ndarray


@dataclass(frozen=True)
class Scale:
    """How one number is laid out: a broken line from `levels` (training quantiles, rising) to `places`.

    A place is the mean of two readings, both in units of a standard deviation: the normal deviate of the quantile, so
    that outliers and skew cannot dominate, and the distance from the median, so that large differences still show.
    Beyond the seen range the line goes on at half its mean slope, up to 8 units.
    """

    levels: list[float]
    places: list[float]

    @classmethod
    def fitted(cls, numbers: np.ndarray, knots: int = 128) -> "Scale":
        """The scale of the finite ones of these numbers."""
        known = numbers[np.isfinite(numbers)]
        shares = np.linspace(0.0, 1.0, min(knots, max(2, len(known))) + 1)
        drawn = np.quantile(known, shares)
        # Ties take the middle of their stretch of shares, so that a frequent value is no extreme.
        levels, inverse = np.unique(drawn, return_inverse=True)
        middle_share = np.bincount(inverse, shares) / np.bincount(inverse)
        edge = 0.5 / len(shares)
        deviate = ndtri(np.clip(middle_share, edge, 1 - edge))
        linear = np.clip((levels - np.median(known)) / _spread(known), -8.0, 8.0)
        return cls(levels.tolist(), ((deviate + linear) / 2).tolist())

    def __call__(self, numbers: np.ndarray) -> np.ndarray:
        """Scaled numbers, float32; NaN stays NaN."""
        levels, places = np.asarray(self.levels), np.asarray(self.places)
        inside = np.interp(numbers, levels, places)
        slope = (places[-1] - places[0]) / (levels[-1] - levels[0]) / 2
        beyond = (numbers - np.clip(numbers, levels[0], levels[-1])) * slope
        return np.clip(inside + beyond, -8.0, 8.0).astype(np.float32)


class TableColumn(Column[TableCells]):
    """Numbers (dates among them, as days, month and weekday) and categories (booleans among them) of one table.

    `names` are names or patterns with "*". A category value that fewer than `rare` training rows hold is pooled.
    """

    def __init__(self, columns: Sequence[str], rare: int = 2, limit: int = 1000) -> None:
        self.names, self.rare, self.limit = list(columns), rare, limit
        self.kinds: dict[str, Kind] = {}
        self.scales: dict[str, Scale] = {}
        self.vocabularies: dict[str, list[str]] = {}
        self.training_rows = 0
        self.chosen: list[str] = []

    @property
    def numbers(self) -> list[str]:
        """Names of the numbers in the order of `TableCells.numbers`."""
        return list(self.scales)

    @property
    def categories(self) -> list[str]:
        """Names of the categories in the order of `TableCells.codes`."""
        return list(self.vocabularies)

    def fit(self, table: DataTable, rows: Rows) -> None:
        """Learn kinds, quantiles and vocabularies; columns without any information are left out."""
        self.kinds, self.scales, self.vocabularies = {}, {}, {}
        self.training_rows = len(rows)
        have = [str(name) for name in table.frame.columns]
        chosen = set(expand_columns(self.names, have, where=table.source))
        self.chosen = [name for name in have if name in chosen]
        for name in self.chosen:
            part = table.column(name).iloc[rows]
            kind = infer_kind(part, table.missing)
            if kind.name in ("number", "date"):
                self._learn_scales(name, kind, part, table.missing)
            elif kind.name != "constant":
                self._learn_words(name, kind, parse_labels(part, table.missing))
        if not self.kinds:
            raise DataError(
                "no-information",
                where=f"{table.source}, columns {', '.join(self.names)}",
                expected="at least one column whose values differ among the training rows",
                found="none",
                remedy="take this modality out of the spec, or name other columns",
            )

    def read(self, table: DataTable) -> TableCells:
        """Numbers and codes of every row; what cannot be read is refused and that cell is missing."""
        numbers = np.full((len(table), len(self.scales)), np.nan, dtype=np.float32)
        codes = np.zeros((len(table), len(self.vocabularies)), dtype=np.int32)
        refusals: list[Refusal] = []
        place = {label: number for number, label in enumerate(self.scales)}
        column = {name: number for number, name in enumerate(self.vocabularies)}
        for name, kind in self.kinds.items():
            if kind.name in ("number", "date"):
                made = self._numeric(name, kind, table.column(name), table.missing, refusals)
                for label in self.scales.keys() & made.keys():
                    numbers[:, place[label]] = self.scales[label](made[label])
            else:
                codes[:, column[name]] = self._codes(name, table)
        present = np.isfinite(numbers).any(axis=1) | (codes != MISSING).any(axis=1)
        return TableCells(present, numbers, codes, refusals=refusals)

    def collate(self, cells: TableCells, rows: Rows) -> tuple[Values, list[Refusal]]:
        """Parts "numbers" (n, numbers) float32 and "codes" (n, categories) int64 of the rows that have any cell."""
        present = cells.present[rows]
        chosen = rows if present.all() else rows[present]
        index = torch.arange(len(rows)) if len(chosen) == len(rows) else _index(present)
        numbers = torch.from_numpy(cells.numbers[chosen])
        return Values({"numbers": numbers, "codes": torch.from_numpy(cells.codes[chosen].astype(np.int64))}, index), []

    def state(self) -> dict[str, Any]:
        """Kinds, quantiles and vocabularies."""
        return {
            "training_rows": self.training_rows,
            "chosen": self.chosen,
            "kinds": {name: kind.state() for name, kind in self.kinds.items()},
            "scales": {name: [scale.levels, scale.places] for name, scale in self.scales.items()},
            "vocabularies": self.vocabularies,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take them over."""
        self.training_rows = int(state["training_rows"])
        self.chosen = list(state["chosen"])
        self.kinds = {name: Kind.restore(kind) for name, kind in state["kinds"].items()}
        self.scales = {name: Scale(*map(list, scale)) for name, scale in state["scales"].items()}
        self.vocabularies = {name: list(words) for name, words in state["vocabularies"].items()}

    def plain(self, cells: TableCells, rows: Rows) -> list[Plain]:
        """The scaled numbers and the codes."""
        parts = []
        if cells.numbers.shape[1]:
            parts.append(plain_numbers(cells.numbers[rows]))
        if cells.codes.shape[1]:
            parts.append(plain_categories(cells.codes[rows] - 1))
        return parts

    def _learn_scales(self, name: str, kind: Kind, part: pd.Series, missing: Sequence[str]) -> None:
        for label, numbers in self._numeric(name, kind, part, missing).items():
            known = numbers[np.isfinite(numbers)]
            if len(known) and known.min() < known.max():
                self.kinds[name] = kind
                self.scales[label] = Scale.fitted(numbers)

    def _numeric(
        self, name: str, kind: Kind, series: pd.Series, missing: Sequence[str], refusals: list[Refusal] | None = None
    ) -> dict[str, np.ndarray]:
        """The numbers that a column becomes; parts of a date never take the name of a column that is there."""
        made = _numeric(name, kind, series, missing, refusals)
        return {_free(label, self.chosen) if label != name else label: values for label, values in made.items()}

    def _learn_words(self, name: str, kind: Kind, labels: np.ndarray) -> None:
        words, counts = np.unique([label for label in labels if label is not None], return_counts=True)
        common = np.argsort(-counts, kind="stable")[: self.limit]
        self.kinds[name] = kind
        self.vocabularies[name] = [str(words[place]) for place in common if counts[place] >= self.rare]

    def _codes(self, name: str, table: DataTable) -> np.ndarray:
        """(rows,) codes of one category; each distinct label is looked up once."""
        known = {word: KNOWN + place for place, word in enumerate(self.vocabularies[name])}
        labels = parse_labels(table.column(name), table.missing)
        return np.fromiter(
            (MISSING if label is None else known.get(label, UNKNOWN) for label in labels), np.int32, count=len(labels)
        )


def _free(label: str, taken: Sequence[str]) -> str:
    while label in taken:
        label += "'"
    return label


def _spread(known: np.ndarray) -> float:
    """The standard deviation that the middle half would have under the normal law; the range where it has none."""
    low, high = np.quantile(known, [0.25, 0.75])
    return float((high - low) / 1.349) if high > low else float(known.max() - known.min())


def _numeric(
    name: str, kind: Kind, series: pd.Series, missing: Sequence[str], refusals: list[Refusal] | None = None
) -> dict[str, np.ndarray]:
    """The float64 columns that one number or date becomes; what cannot be read is added to the refusals."""
    parse = parse_dates if kind.name == "date" else parse_numbers
    values, bad = parse(series, kind, missing)
    if refusals is not None:
        what = "a date" if kind.name == "date" else "a finite number"
        refusals += [Refusal(int(row), name, f'"{series.iloc[row]}" is not {what}') for row in np.flatnonzero(bad)]
    if kind.name == "number":
        return {name: values}
    known = np.isfinite(values)
    days = np.where(known, values, 0.0).astype("datetime64[D]")
    month = np.where(known, (days.astype("datetime64[M]").astype(np.int64) % 12) + 1.0, np.nan)
    weekday = np.where(known, (np.floor(values) + 3) % 7, np.nan)
    return {name: values, f"{name} (month)": month, f"{name} (weekday)": weekday}


def _index(present: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.where(present, np.cumsum(present) - 1, -1).astype(np.int64))
