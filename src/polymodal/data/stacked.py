"""Several tables of one spec as one: their rows under one another, each with the name of its table."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from polymodal.core import DataError
from polymodal.data.base import DataTable, Piece
from polymodal.data.cells import parse_labels

__all__ = ["TABLE", "names_of_tables", "renamed", "stack"]

TABLE = "(table)"
"""The column that says which table a row is of."""


def stack(
    tables: Mapping[str, DataTable], answers: Mapping[str, Collection[str]], files: Path | None = None
) -> DataTable:
    """One table of all rows, with every column that some table has; a row is without the columns of other tables.

    Columns of one name are one column; where some tables hold text and others numbers in it, all of it is text.
    `answers` names for a column the only tables whose rows keep what they have there: a task that is asked of some
    tables has no labels in others. `files` is the folder that file columns of all tables are relative to. Raises
    DataError where such a table has no such column.
    """
    for column, names in answers.items():
        for name in names:
            tables[name].column(column)
    missing = tuple(dict.fromkeys(mark for table in tables.values() for mark in table.missing))
    columns = list(dict.fromkeys(str(name) for table in tables.values() for name in table.frame.columns))
    mixed = {
        name for name in columns if _mixed([table.frame[name] for table in tables.values() if name in table.frame])
    }
    frames, pieces, start = [], [], 0
    for name, table in tables.items():
        if TABLE in table.frame:
            raise _taken(table)
        as_text = {column: parse_labels(table.frame[column], table.missing) for column in mixed & {*table.frame}}
        others = [column for column, kept in answers.items() if column in table.frame and name not in kept]
        frames.append(table.frame.assign(**as_text).drop(columns=others).assign(**{TABLE: name}))
        pieces.append(Piece(start, table.source, table.first_line))
        start += len(table)
    frame = pd.concat(frames, ignore_index=True).reindex(columns=[*columns, TABLE])
    notes = tuple(note for table in tables.values() for note in table.notes)
    source = ", ".join(table.source for table in tables.values())
    return DataTable(frame, source, missing, files, notes=notes, pieces=tuple(pieces))


def names_of_tables(table: DataTable) -> np.ndarray | None:
    """(rows,) the name of the table that each row is of; None where there is one table only."""
    return table.frame[TABLE].to_numpy(dtype=object) if TABLE in table.frame.columns else None


def renamed(table: DataTable, names: Mapping[str, str]) -> DataTable:
    """The table with other names for some columns. Raises DataError for one that it has not, or has then twice."""
    for name in names:
        table.column(name)
    frame = table.frame.rename(columns=dict(names))
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise DataError(
            "repeated-column",
            where=table.source,
            expected="another name for each column",
            found=f'"{twice[0]}" twice after some are renamed',
            remedy="choose a name that is free",
        )
    return replace(table, frame=frame)


def _mixed(columns: Sequence[pd.Series]) -> bool:
    texts = [pd.api.types.is_string_dtype(column.dtype) for column in columns if not column.isna().all()]
    return any(texts) and not all(texts)


def _taken(table: DataTable) -> DataError:
    return DataError(
        "repeated-column",
        where=table.source,
        expected=f'no column "{TABLE}": that name is for the table that a row is of',
        found="one",
        remedy="rename it",
    )
