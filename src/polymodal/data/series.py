"""Columns that hold series of measurements: sensors, forces, electrodes, activity; of any length, gaps allowed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch

from polymodal.core import DataError, Refusal, Values
from polymodal.core.seeding import numpy_generator
from polymodal.data.base import Cells, Column, DataTable, Rows
from polymodal.data.cells import absent, dense, is_number, numbers_of
from polymodal.data.files import Folder, Limits
from polymodal.data.plain import Plain, plain_numbers
from polymodal.data.selection import expand_columns
from polymodal.data.traces import from_bytes, from_cell

__all__ = ["FARTHEST", "Layout", "SeriesCells", "SeriesColumn", "SeriesScale", "filled", "scaled", "side_by_side"]

Layout = Literal["channels", "steps"]

FARTHEST = 10.0
"""Standard deviations from the mean beyond which a value is cut off: one broken sensor must not decide alone."""

SAMPLE = 2000
"""How many training rows are looked at."""

PLAIN_VALUES = 256
"""Up to so many values a plain model gets a series as it stands; of longer ones, a summary of each channel."""


@dataclass(frozen=True)
class SeriesScale:
    """What was learned: `mean` and `spread` of each channel, the middle and the greatest number of steps, and rows."""

    mean: Sequence[float]
    spread: Sequence[float]
    steps: int = 1
    longest: int = 1
    training_rows: int = 0

    @property
    def channels(self) -> int:
        """How many channels there are."""
        return len(self.mean)


@dataclass(frozen=True)
class SeriesCells(Cells):
    """The cells of some columns. `columns` as they stand; `matrix` (rows, columns) where all cells are numbers."""

    columns: Mapping[str, pd.Series]
    there: np.ndarray
    matrix: np.ndarray | None
    folder: Folder | None


class SeriesColumn(Column[SeriesCells]):
    """Series (steps, channels) from columns of numbers, from cells that hold series, or from files.

    Columns of single numbers are the channels of one step, or the steps of one channel, as `layout` says. Where cells
    hold series, each column is a channel; a lone column may hold all of them, (steps, channels). With the layout
    "vector", all numbers of a row are channels of one step. With `files`, cells name files (.npy, or text). The part is
    "series" (n, steps, channels) float32 in standard deviations of the training rows, NaN where nothing was measured
    and behind the end of a shorter series. One that has more than `longest` steps is averaged down to fewer.
    """

    def __init__(
        self,
        columns: Sequence[str],
        layout: Layout | Literal["vector"] = "channels",
        files: bool = False,
        longest: int = 4096,
        limits: Limits | None = None,
    ) -> None:
        self.names, self.layout, self.longest = list(columns), layout, longest
        self.limits = limits or Limits()
        self.holds_files = files  # type: ignore[misc]
        self.learned = SeriesScale([0.0], [1.0])
        self.chosen: list[str] = []

    def fit(self, table: DataTable, rows: Rows) -> None:
        """Learn channels, their means and spreads, and how long series are, from up to 2,000 training rows.

        Raises DataError where there are some and none can be used, or where they differ in their channels.
        """
        self.chosen = expand_columns(self.names, list(map(str, table.frame.columns)), where=table.source)
        cells = self.read(table)
        there = np.sort(rows[cells.present[rows]])
        self.learned = SeriesScale([0.0], [1.0], training_rows=len(there))
        if len(there) == 0:
            return
        few = numpy_generator(0, "series sample").choice(there, min(SAMPLE, len(there)), replace=False)
        usable, problems = [], []
        for row in np.sort(few):
            try:
                usable.append(self._raw(cells, int(row)))
            except DataError as error:
                problems.append((table.place(int(row), ", ".join(self.chosen[:3])), error))
        if not usable:
            raise _none_usable("vectors" if self.layout == "vector" else "series", len(problems), *problems[0])
        counts = [series.shape[1] for series in usable]
        channels = max(set(counts), key=counts.count)
        usable = [series for series in usable if series.shape[1] == channels]
        self.learned = replace(scaled(usable), training_rows=len(there))

    def read(self, table: DataTable) -> SeriesCells:
        """Which rows have a series; numbers are parsed, files stay closed."""
        columns = {name: dense(table.column(name)) for name in self.chosen or self.names}
        there = np.stack([filled(series, table.missing) for series in columns.values()], axis=1)
        single = all(is_number(series) for series in columns.values()) and not self.holds_files
        matrix = np.stack([numbers_of(series) for series in columns.values()], axis=1) if single else None
        if matrix is not None:
            matrix = np.where(there & np.isfinite(matrix), matrix, np.nan)
            there = ~np.isnan(matrix)
        folder = Folder(table.files) if self.holds_files and table.files is not None else None
        return SeriesCells(np.asarray(there.any(axis=1)), columns, there, matrix, folder)

    def collate(self, cells: SeriesCells, rows: Rows) -> tuple[Values, list[Refusal]]:
        """The series of these rows, filled up with NaN to the longest of them."""
        made: list[np.ndarray] = []
        index, refusals = torch.full((len(rows),), -1, dtype=torch.int64), []
        for place, row in enumerate(map(int, rows)):
            if not cells.present[row]:
                continue
            try:
                series = self._standardised(self._raw(cells, row))
            except DataError as error:
                refusals.append(Refusal(row, ", ".join(cells.columns), error.found, self._path(cells, row)))
                continue
            index[place] = len(made)
            made.append(series)
        return Values({"series": torch.from_numpy(side_by_side(made, self.learned.channels))}, index), refusals

    def state(self) -> dict[str, Any]:
        """What was learned."""
        return {**asdict(self.learned), "columns": self.chosen}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become the column that gave this state."""
        known = dict(state)
        self.chosen = list(known.pop("columns"))
        self.learned = SeriesScale(**known)

    def plain(self, cells: SeriesCells, rows: Rows) -> list[Plain]:
        """Short series of one length as they stand; of others mean, spread, extremes, ends and restlessness."""
        learned = self.learned
        short = learned.steps == learned.longest and learned.longest * learned.channels <= PLAIN_VALUES
        width = learned.longest * learned.channels if short else 7 * learned.channels
        table = np.full((len(rows), width), np.nan)
        for start in range(0, len(rows), 1000):
            values, _ = self.collate(cells, rows[start : start + 1000])
            for place in np.flatnonzero(values.present.numpy()):
                series = values.data["series"][values.index[place]].numpy()
                told = series[: learned.longest].ravel() if short else _summary(series)
                table[start + place, : len(told)] = told
        return [plain_numbers(table)]

    def _raw(self, cells: SeriesCells, row: int) -> np.ndarray:
        """(steps, channels) in the units of the table. Raises DataError where the row cannot be used."""
        if cells.matrix is not None:
            return cells.matrix[row].reshape((-1, 1) if self.layout == "steps" else (1, -1))
        held = [
            self._cell(series.iloc[row], cells) if known else None
            for series, known in zip(cells.columns.values(), cells.there[row], strict=True)
        ]
        if len(held) == 1 and held[0] is not None:
            if self.layout == "vector":
                return _as_vector(held[0])
            return held[0] if held[0].ndim == 2 else held[0][:, None]
        if all(part is None or part.size == 1 for part in held):
            single = np.array([np.nan if part is None else part.item() for part in held])
            return single.reshape((-1, 1) if self.layout == "steps" else (1, -1))
        if self.layout == "vector":
            raise _unlike(f"holds vectors in {len(held)} columns; each such column is a modality of its own")
        return _columns_of(held)

    def _cell(self, value: object, cells: SeriesCells) -> np.ndarray:
        if not self.holds_files:
            return from_cell(value)
        if cells.folder is None:
            raise _no_folder()
        return from_bytes(cells.folder.read(str(value), self.limits))

    def _path(self, cells: SeriesCells, row: int) -> str:
        return str(next(iter(cells.columns.values())).iloc[row]) if self.holds_files else ""

    def _standardised(self, series: np.ndarray) -> np.ndarray:
        learned = self.learned
        if series.shape[1] != learned.channels and self.layout == "vector":
            raise _unlike(f"holds {series.shape[1]:,} numbers, training rows hold {learned.channels:,}")
        if series.shape[1] != learned.channels:
            raise _misfit(f"has {series.shape[1]} channels, training rows have {learned.channels}")
        series = _shortened(series, self.longest)
        scaled = (series - np.asarray(learned.mean)) / np.asarray(learned.spread)
        return np.clip(scaled, -FARTHEST, FARTHEST).astype(np.float32)


def filled(series: pd.Series, missing: Sequence[str]) -> np.ndarray:
    """(n,) True where a cell holds something: a number, text that is no mark of absence, a list that is not empty."""
    if series.dtype != object:
        return ~absent(series, missing)
    marks = {"", *(mark.strip() for mark in missing)}
    return np.array([not _nothing(value, marks) for value in series], dtype=bool)


def _nothing(value: object, marks: set[str]) -> bool:
    if isinstance(value, str):
        return value.strip() in marks
    if isinstance(value, list | tuple | np.ndarray):
        return len(np.atleast_1d(np.asarray(value, dtype=object))) == 0
    return bool(pd.isna(value))


def side_by_side(made: Sequence[np.ndarray], channels: int) -> np.ndarray:
    """(n, steps, channels) float32 of series (steps, channels), filled up with NaN to the longest of them."""
    joined = np.full((len(made), max(map(len, made), default=1), channels), np.nan, dtype=np.float32)
    for place, series in enumerate(made):
        joined[place, : len(series)] = series
    return joined


def _columns_of(held: Sequence[np.ndarray | None]) -> np.ndarray:
    """Channels of one row as columns; a channel that is absent is NaN throughout."""
    steps = {len(part) for part in held if part is not None}
    if any(part is not None and part.ndim == 2 and part.shape[1] > 1 for part in held):
        raise _misfit("has several channels in one of several columns")
    if len(steps) > 1:
        raise _misfit(f"has channels of {min(steps)} and of {max(steps)} steps")
    blank = np.full(steps.pop(), np.nan)
    return np.stack([blank if part is None else part.reshape(-1) for part in held], axis=1)


def scaled(usable: Sequence[np.ndarray]) -> SeriesScale:
    """Mean and spread of each channel over all steps of all rows, and the lengths."""
    joined = np.concatenate(usable)
    known = ~np.isnan(joined)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, joined, 0.0).sum(axis=0) / count
    spread = np.sqrt((np.where(known, joined - mean, 0.0) ** 2).sum(axis=0) / count)
    # A channel that never changes is only centred.
    spread = np.where(spread > 1e-9 * np.maximum(1.0, np.abs(mean)), spread, 1.0)
    lengths = [len(series) for series in usable]
    return SeriesScale(mean.tolist(), spread.tolist(), int(np.median(lengths)), max(lengths))


def _shortened(series: np.ndarray, longest: int) -> np.ndarray:
    """At most `longest` steps: means of as few neighbours as it takes, over what was measured."""
    if len(series) <= longest:
        return series
    few = -(-len(series) // longest)
    padded = np.pad(series, ((0, -len(series) % few), (0, 0)), constant_values=np.nan).reshape(-1, few, series.shape[1])
    known = ~np.isnan(padded)
    total = np.where(known, padded, 0.0).sum(axis=1)
    return np.where(known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), np.nan)


def _summary(series: np.ndarray) -> np.ndarray:
    """(7 · channels,) mean, spread, least, greatest, first, last, and mean step of what was measured."""
    told = []
    for channel in series.T:
        known = channel[~np.isnan(channel)].astype(np.float64)
        if len(known) == 0:
            told.append([np.nan] * 7)
            continue
        moved = float(np.abs(np.diff(known)).mean()) if len(known) > 1 else 0.0
        told.append([known.mean(), known.std(), known.min(), known.max(), known[0], known[-1], moved])
    return np.array(told).ravel()


def _misfit(found: str) -> DataError:
    return DataError(
        "series-misfit",
        where="series",
        expected="the channels of the training rows, all of one length",
        found=found,
        remedy="write the series again, or leave the cell empty",
    )


def _as_vector(held: np.ndarray) -> np.ndarray:
    """(1, length) of a cell (length,) or (1, length)."""
    if held.ndim == 2 and min(held.shape) > 1:
        raise _unlike(f"holds {' × '.join(map(str, held.shape))} numbers")
    return held.reshape(1, -1)


def _unlike(found: str) -> DataError:
    return DataError(
        "vector-misfit",
        where="vector",
        expected="one vector, as long as those of the training rows",
        found=found,
        remedy="compute the vectors of all rows by the same model, or leave the cell empty",
    )


def _no_folder() -> DataError:
    return DataError(
        "file-folder-unknown",
        where="series",
        expected="a folder that file names are relative to",
        found="names a file, and no data folder was given",
        remedy="say where the files are (data.files in a spec, files= in Python)",
    )


def _none_usable(what: str, count: int, place: str, first: DataError) -> DataError:
    return DataError(
        f"no-usable-{what}",
        where=place,
        expected=f"numbers, cells that hold {what} of numbers, or names of files that do (files: true)",
        found=f"none of the {count} rows looked at can be used; this one {first.found}",
        remedy=first.remedy if what == "series" else "name a column that holds vectors, or leave the cell empty",
    )
