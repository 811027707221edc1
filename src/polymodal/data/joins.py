"""Tables joined by id, and never by the order of their rows."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from polymodal.core import DataError
from polymodal.data.base import DataTable
from polymodal.data.kinds import parse_labels

__all__ = ["JoinReport", "join"]


@dataclass(frozen=True)
class JoinReport:
    """How a join went: rows of the left table with and without a partner, rows of the right one that nobody asked for.

    `unnamed` rows of the left table have no id at all; they count as unmatched too.
    """

    table: str
    on: str
    matched: int
    unmatched: int
    unnamed: int
    unused: int


def join(left: DataTable, right: DataTable, on: str) -> tuple[DataTable, JoinReport]:
    """Every row of `left`, with the columns of the row of `right` that has the same id; absent where there is none.

    Ids are compared as text, so that 7, 7.0 and "7" are one id, and "007" is another. An id may come several times on
    the left (visits of a patient). Raises DataError where one comes twice on the right, or where a column is in both.
    """
    wanted, offered = (parse_labels(table.column(on), table.missing) for table in (left, right))
    _refuse_repeats(right, on, offered)
    _refuse_clashes(left, right, on)
    place = {label: row for row, label in enumerate(offered) if label is not None}
    found = np.array([place.get(label, -1) for label in wanted], dtype=np.int64)
    added = {name: _taken(right.frame[name], found) for name in right.frame.columns if name != on}
    frame = pd.concat([left.frame, pd.DataFrame(added, index=left.frame.index)], axis=1)
    matched = int((found >= 0).sum())
    unnamed = sum(label is None for label in wanted)
    unused = len(right) - len(np.unique(found[found >= 0]))
    report = JoinReport(right.source, on, matched, len(left) - matched, unnamed, unused)
    return replace(left, frame=frame, notes=(*left.notes, *right.notes)), report


def _refuse_repeats(table: DataTable, on: str, labels: np.ndarray) -> None:
    named = pd.Series(labels, dtype=object).dropna()
    again = named[named.duplicated(keep=False)]
    if again.empty:
        return
    rows = again.index[again == again.iloc[0]]
    raise DataError(
        "repeated-id",
        where=table.place(int(rows[1]), on),
        expected="each id once in a table that is joined to another",
        found=f'"{again.iloc[0]}" {len(rows)} times; {again.nunique()} ids come more than once',
        remedy="keep one row for each id, or make this the main table and join the other one to it",
    )


def _refuse_clashes(left: DataTable, right: DataTable, on: str) -> None:
    both = [name for name in right.frame.columns if name in set(left.frame.columns) and name != on]
    if both:
        raise DataError(
            "repeated-column",
            where=right.source,
            expected=f"columns that {left.source} has not, beside the id",
            found=", ".join(f'"{name}"' for name in both[:5]) + (" …" if len(both) > 5 else ""),
            remedy="rename or drop them in one of the two tables",
        )


def _taken(series: pd.Series, rows: np.ndarray) -> Any:
    """The values at `rows`, null at -1, in a type that can say null without turning whole numbers into floats."""
    if (rows >= 0).all():
        return series.to_numpy()[rows] if isinstance(series.dtype, np.dtype) else series.array.take(rows)
    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "biu":
        series = series.convert_dtypes()
    return pd.api.extensions.take(series.array, rows, allow_fill=True)
