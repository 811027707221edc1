"""What stands in the cells of a column, whatever its type: the text, the label, and whether anything is there."""

import datetime as dt
import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

__all__ = [
    "absent",
    "content_codes",
    "dense",
    "holds_objects",
    "is_number",
    "is_time",
    "names_or_contents",
    "numbers_of",
    "parse_labels",
    "texts",
]

_FLOAT_WRITTEN_WHOLE = r"^(-?(?:0|[1-9][0-9]*))\.0$"


def dense(series: pd.Series) -> pd.Series:
    """The same column without a packed form: categories, sparse values, periods and spans of time are unpacked."""
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        values = pd.array(dtype.categories)
        return pd.Series(values.take(series.cat.codes.to_numpy(), allow_fill=True), index=series.index)
    if isinstance(dtype, pd.SparseDtype):
        return series.sparse.to_dense()
    if isinstance(dtype, pd.PeriodDtype):
        return series.dt.to_timestamp()
    if pd.api.types.is_timedelta64_dtype(dtype):
        return series.dt.total_seconds()
    return series


def absent(series: pd.Series, missing: Sequence[str] = ("",)) -> np.ndarray:
    """(n,) True where there is no value: a true null, or a cell that says nothing but one of the `missing` marks.

    White space around a mark does not count. Among numbers, a mark that is a number ("-999") means that number.
    """
    series = dense(series)
    empty = series.isna().to_numpy(dtype=bool)
    if is_number(series):
        marks = [value for value in map(_as_float, missing) if value is not None]
        numbers = numbers_of(series)
        return np.isnan(numbers) | np.isin(numbers, marks) if marks else empty | np.isnan(numbers)
    if is_time(series):
        return empty
    marked = pc.is_in(texts(series), value_set=pa.array([mark.strip() for mark in missing], pa.large_string()))
    return empty | marked.to_numpy(zero_copy_only=False)


def texts(series: pd.Series) -> pa.LargeStringArray:
    """The cells as Arrow strings without white space around them; null where the cell is null.

    Numbers and dates are written in one fixed way (12, 0.5, 2020-01-31), whatever type holds them.
    """
    series = dense(series)
    if isinstance(series.dtype, pd.StringDtype) or _is_arrow_text(series.dtype):
        return pc.utf8_trim_whitespace(_flat(pa.array(series, from_pandas=True).cast(pa.large_string())))
    if series.dtype == object:
        return pc.utf8_trim_whitespace(pa.array(_object_texts(series), pa.large_string()))
    codes, distinct = pd.factorize(series)
    written = np.array([_write(value) for value in distinct] + [None], dtype=object)
    return pa.array(written[codes], pa.large_string())


def parse_labels(series: pd.Series, missing: Sequence[str] = ("",)) -> np.ndarray:
    """(n,) labels or ids as strings, None where absent.

    Leading zeros and spelling stay. A whole number that a float or a spreadsheet turned into "12.0" is "12" again, and
    a 64-bit id keeps all its digits.
    """
    written = texts(series)
    if not is_number(dense(series)):
        written = pc.replace_substring_regex(written, _FLOAT_WRITTEN_WHOLE, r"\1")
    labels = written.to_numpy(zero_copy_only=False).astype(object)
    labels[absent(series, missing)] = None
    return labels


def names_or_contents(series: pd.Series, missing: Sequence[str] = ("",)) -> list[str | bytes | None]:
    """(n,) the name of a file in each cell, or the content where the cell holds that itself; None where absent."""
    if not holds_objects(series):
        return list(parse_labels(series, missing))
    held = series.map(lambda cell: isinstance(cell, bytes) or not pd.api.types.is_scalar(cell)).to_numpy(dtype=bool)
    names = parse_labels(series.mask(held, None), missing)
    return [_bytes_of(cell) if has else name for cell, has, name in zip(series, held, names, strict=True)]


def is_number(series: pd.Series) -> bool:
    """Whether the column holds numbers or true/false by type (not as text)."""
    dtype = series.dtype
    return bool(pd.api.types.is_numeric_dtype(dtype)) and not pd.api.types.is_complex_dtype(dtype)


def is_time(series: pd.Series) -> bool:
    """Whether the column holds points in time by type (not as text)."""
    return bool(pd.api.types.is_datetime64_any_dtype(series.dtype))


def holds_objects(series: pd.Series) -> bool:
    """Whether some cell holds more than a number, a text or a date: an array, or the content of a file."""
    return series.dtype == object and any(
        isinstance(cell, bytes) or not pd.api.types.is_scalar(cell) for cell in series
    )


def content_codes(series: pd.Series) -> np.ndarray:
    """(n,) uint64, equal where the cells hold the same; arrays and pictures in memory are compared by content, too."""
    if not holds_objects(series):
        plain = series.astype("str") if series.dtype == object else series
        return np.asarray(pd.util.hash_pandas_object(plain, index=False), dtype=np.uint64)
    digests = [hashlib.blake2b(_bytes_of(value), digest_size=8).digest() for value in series]
    return np.frombuffer(b"".join(digests), dtype=np.uint64)


def numbers_of(series: pd.Series) -> np.ndarray:
    """(n,) float64 of a column that holds numbers by type; NaN where it holds none. No copy of float64."""
    return np.asarray(dense(series).to_numpy(dtype=np.float64, na_value=np.nan))


def _is_arrow_text(dtype: Any) -> bool:
    if not isinstance(dtype, pd.ArrowDtype):
        return False
    kind = dtype.pyarrow_dtype
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _flat(array: pa.Array | pa.ChunkedArray) -> pa.Array:
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _object_texts(series: pd.Series) -> list[str | None]:
    empty = series.isna().to_numpy(dtype=bool)
    return [None if null else _write(value) for value, null in zip(series, empty, strict=True)]


def _write(value: Any) -> str:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, float | np.floating) and np.isfinite(value) and value == int(value):
        return str(int(value))
    if isinstance(value, pd.Timestamp | dt.datetime):
        return value.isoformat() if value.time() != dt.time() else value.date().isoformat()
    return str(value)


def _bytes_of(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if pd.api.types.is_scalar(value):
        return str(value).encode("utf-8", "replace")
    try:
        values = np.asarray(value)
    except ValueError:  # lists of different lengths
        values = np.array(None)
    if values.dtype == object:
        return repr(value).encode("utf-8", "replace")
    return f"{values.dtype}{values.shape}".encode() + np.ascontiguousarray(values).tobytes()


def _as_float(mark: str) -> float | None:
    try:
        number = float(mark)
    except ValueError:
        return None
    return number if np.isfinite(number) else None
