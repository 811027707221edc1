"""Columns that hold precomputed vectors: what some other net made of a picture, a text, a gene or a molecule."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from polymodal.core import Refusal, Values
from polymodal.data.base import Column, DataTable, Rows
from polymodal.data.files import Limits
from polymodal.data.plain import Plain, plain_numbers
from polymodal.data.series import SeriesCells, SeriesColumn, SeriesScale

__all__ = ["VectorColumn"]


class VectorColumn(Column[SeriesCells]):
    """Vectors of one length, from columns of numbers, from one column of cells that hold vectors, or from files.

    The part is "vector" (n, length) float32 in standard deviations of the training rows, each place of the vector on
    its own; NaN where a number is not known. They are read as series of a single step are.
    """

    def __init__(self, columns: Sequence[str], files: bool = False, limits: Limits | None = None) -> None:
        self.series = SeriesColumn(columns, "vector", files, longest=1, limits=limits)
        self.names = self.series.names
        self.holds_files = files  # type: ignore[misc]

    @property
    def learned(self) -> SeriesScale:
        """Mean and spread of each place, and how many training rows there were."""
        return self.series.learned

    def fit(self, table: DataTable, rows: Rows) -> None:
        """Learn length, means and spreads. Raises DataError where there are vectors and none can be used."""
        self.series.fit(table, rows)

    def read(self, table: DataTable) -> SeriesCells:
        """Which rows have a vector; files stay closed."""
        return self.series.read(table)

    def collate(self, cells: SeriesCells, rows: Rows) -> tuple[Values, list[Refusal]]:
        """The vectors of these rows; one of another length than those of training is refused."""
        values, refusals = self.series.collate(cells, rows)
        return Values({"vector": values.data["series"][:, 0]}, values.index), refusals

    def state(self) -> dict[str, Any]:
        """What was learned."""
        return self.series.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become the column that gave this state."""
        self.series.restore(state)

    def plain(self, cells: SeriesCells, rows: Rows) -> list[Plain]:
        """The vectors as they stand."""
        values, _ = self.collate(cells, rows)
        there = values.present.numpy()
        table = np.full((len(rows), self.learned.channels), np.nan)
        table[there] = values.data["vector"].numpy()[values.index.numpy()[there]]
        return [plain_numbers(table)]
