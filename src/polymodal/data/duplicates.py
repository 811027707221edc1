"""Rows that are copies of one another, told from rows that are alike by chance."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from polymodal.data.base import DataTable
from polymodal.data.cells import content_codes, holds_objects
from polymodal.data.kinds import absent, parse_labels

__all__ = ["repeated_rows"]

_CHANCE = 0.01  # rows that independent columns would make alike; below it, likeness is no chance
_BITS_PER_LETTER = 0.5  # English has about one bit a letter (Shannon 1951); half of it, to be on the safe side
_LETTERS = 20  # shorter texts are judged by how often they occur


def repeated_rows(table: DataTable, columns: Sequence[str]) -> np.ndarray:
    """(n,) int64: rows that repeat one another in all these columns share a number; every other row has -1.

    Two rows of yes and no are often alike without being copies. So a row counts as repeated only where it says enough:
    were its values drawn independently, each as often as it occurs in its column, fewer than 0.01 rows like it would be
    expected.
    """
    groups = np.full(len(table), -1, dtype=np.int64)
    hashes = _hashes(table, columns)
    alike = np.flatnonzero(pd.Series(hashes).duplicated(keep=False)) if len(columns) else np.empty(0, dtype=np.int64)
    if len(alike) == 0:
        return groups
    bits = sum(_surprise(table, name, alike) for name in columns)
    telling = alike[np.asarray(bits) > np.log2(len(table) / _CHANCE)]
    groups[telling] = pd.factorize(hashes[telling])[0]
    return groups


def _hashes(table: DataTable, columns: Sequence[str]) -> np.ndarray:
    """(n,) a 64-bit hash of each row."""
    total = np.zeros(len(table), dtype=np.uint64)
    for name in columns:
        series = table.column(name)
        own = content_codes(series if holds_objects(series) else _comparable(series))
        total = total * np.uint64(0x9E3779B97F4A7C15) + own
    return total


def _comparable(series: pd.Series) -> pd.Series:
    return series if series.dtype != object else pd.Series(parse_labels(series, missing=()), dtype="string")


def _surprise(table: DataTable, name: str, rows: np.ndarray) -> np.ndarray:
    """(rows,) bits: how much it says that the cell holds what it holds; 0 where it is absent."""
    series = table.column(name)
    if holds_objects(series):
        return np.zeros(len(rows))
    series = _comparable(series)
    part = series.iloc[rows]
    codes, distinct = pd.factorize(part)
    counts = series[series.isin(distinct)].value_counts(sort=False).reindex(distinct).to_numpy(dtype=float)
    counts = np.append(np.nan_to_num(counts, nan=1.0).clip(min=1), len(series))
    bits = -np.log2(counts[codes] / len(series))
    if not pd.api.types.is_numeric_dtype(part.dtype):
        letters = part.astype("string").str.len().fillna(0).to_numpy(dtype=float)
        bits = np.maximum(bits, np.where(letters > _LETTERS, _BITS_PER_LETTER * letters, 0.0))
    bits[absent(part, table.missing)] = 0.0
    return bits
