"""Does a column keep its promises: it learns from training rows alone, and can be written down and read again."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from polymodal.core import Values
from polymodal.core.seeding import numpy_generator
from polymodal.data.base import Column, DataTable, Rows
from polymodal.data.plain import Plain
from polymodal.testing.verdict import require, same_bits, same_parts

__all__ = ["check_column"]

Make = Callable[[], Column[Any]]


def check_column(make: Make, table: DataTable, train: Rows) -> None:
    """Hold a column to its contract on a table of which only the rows `train` may be learned from.

    `make` gives a fresh column that was not fitted. Raises ContractBroken.
    """
    column = make()
    column.fit(table, train)
    _check_fitted_on_training_rows(make, column, table, train)
    _check_state(make, column, table)
    _check_collate(column, table)
    _check_reading(column, table, train)
    _check_plain(column, table)


def _check_fitted_on_training_rows(make: Make, column: Column[Any], table: DataTable, train: Rows) -> None:
    wanted = _as_json(column)
    for what, changed, rows in _with_other_rows_changed(table, train):
        again = make()
        again.fit(changed, rows)
        require(
            _as_json(again) == wanted,
            f"{_name(column)}: what is fitted does not change when rows outside training are {what}",
        )


def _with_other_rows_changed(table: DataTable, train: Rows) -> list[tuple[str, DataTable, Rows]]:
    others = np.setdiff1d(np.arange(len(table)), train)
    draw = numpy_generator(0, "other rows")
    order = np.arange(len(table))
    order[others] = draw.integers(len(table), size=len(others))
    changes = [
        ("left out", table.take(train), np.arange(len(train))),
        ("replaced by copies of any row", table.take(order), train),
    ]
    for what, text in (("emptied", ""), ("turned into strange text", "0 zzz ~ 9e9")):
        frame = table.frame.copy()
        for name in frame.columns:
            if pd.api.types.is_string_dtype(frame[name]):
                frame.loc[others, name] = text
        changes.append((what, DataTable(frame, table.source, table.missing, table.files), train))
    return changes


def _check_state(make: Make, column: Column[Any], table: DataTable) -> None:
    restored = make()
    restored.restore(json.loads(_as_json(column)))
    require(_as_json(restored) == _as_json(column), f"{_name(column)}: the state survives being restored")
    rows = np.arange(len(table))
    one, other = (part.collate(part.read(table), rows)[0] for part in (column, restored))
    require(
        same_parts(one.data, other.data) and same_bits(one.index, other.index),
        f"{_name(column)}: a restored column gives the same values as the one that was fitted",
    )


def _check_collate(column: Column[Any], table: DataTable) -> None:
    cells, who = column.read(table), _name(column)
    require(cells.present.shape == (len(table),), f"{who}: `present` has one entry for each row")
    absent = np.flatnonzero(~cells.present)
    for rows in (np.arange(len(table)), np.arange(len(table))[::-1].copy(), np.array([0, 0, 0]), absent, absent[:0]):
        values, refusals = column.collate(cells, rows)
        _check_values(values, rows, who)
        refused = np.isin(rows, [refusal.row for refusal in refusals])
        require(
            bool((values.present.numpy() | refused)[cells.present[rows]].all()),
            f"{who}: a row that was read has a value, or a refusal says why not",
        )
        require(
            not values.present.numpy()[~cells.present[rows]].any(),
            f"{who}: a row without a value stays absent, nothing is invented",
        )


def _check_values(values: Values, rows: Rows, who: str) -> None:
    counts = {name: len(part) for name, part in values.data.items()}
    require(bool(counts), f"{who}: values have at least one part, also where no row has any")
    require(len(set(counts.values())) == 1, f"{who}: all parts hold one entry for each distinct value, found {counts}")
    require(values.index.shape == (len(rows),), f"{who}: `index` has one entry for each row asked for")
    require(values.index.dtype.is_floating_point is False, f"{who}: `index` holds whole numbers")
    fits = bool(((values.index >= -1) & (values.index < values.count)).all())
    require(fits, f"{who}: `index` points at a value, or is -1")
    require(values.count <= len(rows), f"{who}: there are no more distinct values than rows")


def _check_reading(column: Column[Any], table: DataTable, train: Rows) -> None:
    # One row at a time keeps padding the same on both sides.
    whole, part = column.read(table), column.read(table.take(train))
    for place, row in enumerate(train[:8]):
        one, other = column.collate(whole, np.array([row]))[0], column.collate(part, np.array([place]))[0]
        require(
            same_parts(one.data, other.data) and same_bits(one.index, other.index),
            f"{_name(column)}: what a row reads as does not depend on the other rows of its table",
        )


def _check_plain(column: Column[Any], table: DataTable) -> None:
    cells, rows = column.read(table), np.arange(len(table))
    blocks, some = column.plain(cells, rows), rows[::3]
    for block, part in zip(blocks, column.plain(cells, some), strict=True):
        require(len(block) == len(table), f"{_name(column)}: plain features have one row for each row asked for")
        require(
            _same(block.values[some], part.values),
            f"{_name(column)}: plain features of a row do not depend on the other rows",
        )
        require(_is_gap(block, ~cells.present), f"{_name(column)}: plain features of an absent row are absent")


def _same(one: np.ndarray | sparse.csr_matrix, other: np.ndarray | sparse.csr_matrix) -> bool:
    if sparse.issparse(one):
        return bool((one != other).nnz == 0)
    return np.array_equal(one, other, equal_nan=True)


def _is_gap(block: Plain, absent: np.ndarray) -> bool:
    values = block.values[absent]
    if sparse.issparse(values):
        return bool(values.nnz == 0)
    return bool((values == -1).all() if block.kind == "categories" else np.isnan(values).all())


def _as_json(column: Column[Any]) -> str:
    try:
        return json.dumps(column.state(), sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        require(False, f"{_name(column)}: the state is plain JSON data; {error}")
        raise


def _name(column: Column[Any]) -> str:
    return type(column).__name__
