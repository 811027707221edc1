"""A table as it was read, and the contract of everything that turns its columns into a batch."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import pandas as pd

from polymodal.core import DataError, Refusal, Values, did_you_mean
from polymodal.data.plain import Plain

__all__ = ["Cells", "CellsT", "Column", "DataTable", "Piece", "Rows"]

Rows = np.ndarray
"""Row numbers of a table, int64 (n,)."""


@dataclass(frozen=True)
class Piece:
    """A table among those that were put under one another: the row where it starts, and what it is called.

    `first_line` is the line number of its first row, where it came from a text file.
    """

    start: int
    source: str
    first_line: int | None = None


@dataclass(frozen=True)
class DataTable:
    """Rows as they came from a file or a DataFrame, before anything was learned from them.

    `frame` has the index 0 … n-1. Columns read from text files hold strings; typed files and DataFrames keep their
    types. `missing` are the strings that mean "no value" beside a true null. `files` is the folder that file columns
    are relative to. `source` names the table in messages. `first_line` is the line number of row 0 where the table came
    from a text file. `notes` are sentences about what reading had to decide (an encoding that was not UTF-8, say).
    `pieces` are the tables that it was put together of, in the order of their rows, where it was.
    """

    frame: pd.DataFrame
    source: str = "table"
    missing: tuple[str, ...] = ("",)
    files: Path | None = None
    first_line: int | None = None
    notes: tuple[str, ...] = ()
    pieces: tuple[Piece, ...] = ()

    def __len__(self) -> int:
        return len(self.frame)

    def column(self, name: str) -> pd.Series:
        """One column. Raises DataError, with the nearest name, where there is none."""
        if name not in self.frame.columns:
            raise DataError(
                "unknown-column",
                where=self.source,
                expected=f'a column "{name}"',
                found=f"{len(self.frame.columns)} columns without it",
                remedy=did_you_mean(name, map(str, self.frame.columns)),
            )
        return self.frame[name]

    def take(self, rows: Rows) -> "DataTable":
        """The given rows as a table of its own, numbered anew."""
        return replace(self, frame=self.frame.iloc[rows].reset_index(drop=True), first_line=None, pieces=())

    def place(self, row: int, column: str = "") -> str:
        """Where a row stands, as a person would look it up."""
        own = Piece(0, self.source, self.first_line)
        piece = next((piece for piece in reversed(self.pieces) if piece.start <= row), own)
        row -= piece.start
        at = f"{piece.source}, row {row}" if piece.first_line is None else f"{piece.source}:{piece.first_line + row}"
        return f'{at}, column "{column}"' if column else at


@dataclass(frozen=True)
class Cells:
    """What a column read from one table: `present` (rows,) tells which rows have a value; `refusals`, what was bad."""

    present: np.ndarray
    refusals: Sequence[Refusal] = field(default=(), kw_only=True)


CellsT = TypeVar("CellsT", bound=Cells)


class Column(ABC, Generic[CellsT]):
    """How some columns of a table become one modality's (or one target's) values.

    The order of calls is fit → read → collate. `fit` is the only one that learns, and it learns from the training rows
    alone; `state` and `restore` carry what was learned as plain JSON data. `names` are the columns that it reads;
    `holds_files` says that their cells are names of files.
    """

    names: Sequence[str]
    holds_files: ClassVar[bool] = False

    @abstractmethod
    def fit(self, table: DataTable, rows: Rows) -> None:
        """Learn scales, vocabularies and kinds from these rows and from nothing else."""

    @abstractmethod
    def read(self, table: DataTable) -> CellsT:
        """Parse any table with what was learned. Files are not opened here."""

    @abstractmethod
    def collate(self, cells: CellsT, rows: Rows) -> tuple[Values, list[Refusal]]:
        """The distinct values of these rows as tensors; files are opened here, and only here."""

    def lengths(self, cells: CellsT, rows: Rows) -> np.ndarray | None:
        """(n,) how many things these rows hold that become tokens: spots, residues; -1 where a row has no value.

        None where tokens stand for no such things.
        """
        return None

    def beside(self, cells: CellsT, inputs: Mapping[str, tuple["Column[Any]", Cells]]) -> CellsT:
        """The same cells, of a target that has to know what was read of the modalities of these rows."""
        return cells

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """What was learned, as JSON data."""

    @abstractmethod
    def restore(self, state: Mapping[str, Any]) -> None:
        """Become the column that gave this state."""

    @abstractmethod
    def plain(self, cells: CellsT, rows: Rows) -> list[Plain]:
        """What a plain scikit-learn model would be given for these rows, before any scaling or weighting.

        The blocks depend on the rows' own cells alone, so that a baseline can fit its scales on training rows.
        """
