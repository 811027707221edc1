"""Tables joined by id, and never by the order of their rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from polymodal.core import DataError
from polymodal.data.base import DataTable
from polymodal.data.kinds import parse_labels
from polymodal.data.stacked import renamed

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


def join(
    left: DataTable, right: DataTable, on: str | Sequence[str], rename: Mapping[str, str] | None = None
) -> tuple[DataTable, JoinReport]:
    """Every row of `left`, with the columns of the row of `right` that has the same id; absent where there is none.

    `on` is the column of the id, or all columns that make one only together (a section and a barcode). Ids are compared
    as text, so that 7, 7.0 and "7" are one id, and "007" is another; without one of its parts an id is no id. It may
    come several times on the left (visits of a patient). `rename` gives columns of `right` other names before that.
    Raises DataError where an id comes twice on the right, or where a column is in both.
    """
    keys = [on] if isinstance(on, str) else list(on)
    right = renamed(right, rename or {})
    wanted, offered = _ids(left, keys), _ids(right, keys)
    _refuse_repeats(right, keys, offered)
    _refuse_clashes(left, right, keys)
    place = {label: row for row, label in enumerate(offered) if label is not None}
    found = np.array([-1 if label is None else place.get(label, -1) for label in wanted], dtype=np.int64)
    added = {name: _taken(right.frame[name], found) for name in right.frame.columns if name not in keys}
    frame = pd.concat([left.frame, pd.DataFrame(added, index=left.frame.index)], axis=1)
    matched = int((found >= 0).sum())
    unnamed = sum(label is None for label in wanted)
    unused = len(right) - len(np.unique(found[found >= 0]))
    report = JoinReport(right.source, ", ".join(keys), matched, len(left) - matched, unnamed, unused)
    return replace(left, frame=frame, notes=(*left.notes, *right.notes)), report


def _ids(table: DataTable, keys: Sequence[str]) -> list[tuple[str, ...] | None]:
    """The id of each row, None where one of its parts is missing."""
    parts = [parse_labels(table.column(key), table.missing) for key in keys]
    return [None if None in labels else labels for labels in zip(*parts, strict=True)]


def _refuse_repeats(table: DataTable, keys: Sequence[str], ids: Sequence[tuple[str, ...] | None]) -> None:
    rows: dict[tuple[str, ...], list[int]] = {}
    for row, label in enumerate(ids):
        if label is not None:
            rows.setdefault(label, []).append(row)
    again = {label: there for label, there in rows.items() if len(there) > 1}
    if not again:
        return
    label, there = next(iter(again.items()))
    raise DataError(
        "repeated-id",
        where=table.place(there[1], ", ".join(keys)),
        expected="each id once in a table that is joined to another",
        found=f'"{", ".join(label)}" {len(there)} times; {len(again)} ids come more than once',
        remedy="name every column that belongs to the id (on: [section, barcode]), keep one row for each id, "
        "or make this the main table and join the other one to it",
    )


def _refuse_clashes(left: DataTable, right: DataTable, keys: Sequence[str]) -> None:
    both = [name for name in right.frame.columns if name in set(left.frame.columns) and name not in keys]
    if both:
        raise DataError(
            "repeated-column",
            where=right.source,
            expected=f"columns that {left.source} has not, beside the id ({', '.join(keys)})",
            found=", ".join(f'"{name}"' for name in both[:5]) + (" …" if len(both) > 5 else ""),
            remedy=f"if it belongs to the id, add it (on: [{', '.join([*keys, both[0]])}]); "
            f"if it is something else, give it another name (rename: {{{both[0]}: …}})",
        )


def _taken(series: pd.Series, rows: np.ndarray) -> Any:
    """The values at `rows`, null at -1, in a type that can say null without turning whole numbers into floats."""
    if (rows >= 0).all():
        return series.to_numpy()[rows] if isinstance(series.dtype, np.dtype) else series.array.take(rows)
    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "biu":
        series = series.convert_dtypes()
    return pd.api.extensions.take(series.array, rows, allow_fill=True)
