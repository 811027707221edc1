"""Tables with one JSON object in each line."""

import json
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd
import pyarrow as pa

from polymodal.core import DataError
from polymodal.data.columns import check_names, text_series

__all__ = ["read_jsonlines"]

_ROWS = 50_000  # rows that are Python objects at one time


def read_jsonlines(path: Path) -> tuple[pd.DataFrame, int | None]:
    """All values as strings, numbers with every digit as written; null and absent keys are missing.

    A list of numbers becomes text such as "0.5 1 nan". Also the line of the first row, where each row is one line.
    Raises DataError, with the line, for what is no object, for other nested values and for keys that repeat.
    """
    chunks: dict[str, list[pa.Array]] = {}
    rows, done, blank = [], 0, False
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                blank = True
                continue
            rows.append(_row(line, path, number))
            if len(rows) == _ROWS:
                done = _store(chunks, rows, done)
                rows = []
    done = _store(chunks, rows, done)
    if done == 0 or not chunks:
        raise DataError(
            "no-rows", where=str(path), expected="an object in each line", found="none", remedy="check the file"
        )
    names, _ = check_names(list(chunks), str(path))
    columns = {name: text_series(pa.chunked_array(parts)) for name, parts in zip(names, chunks.values(), strict=True)}
    return pd.DataFrame(columns, copy=False), None if blank else 1


def _row(line: bytes, path: Path, number: int) -> dict[str, str | None]:
    try:
        text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        pairs = json.loads(
            text, object_pairs_hook=_Pairs, parse_int=str, parse_float=str, parse_constant=lambda name: name
        )
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        _refuse(path, number, f"something else ({error})")
    if not isinstance(pairs, _Pairs):
        _refuse(path, number, f"a {type(pairs).__name__}")
    row = {}
    for name, value in pairs:
        if isinstance(value, list) and not _is_series(value):
            _refuse(path, number, f'a nested value under "{name}"', "nested-column")
        if name in row:
            _refuse(path, number, f'"{name}" twice', "duplicate-column")
        row[name] = _text(value)
    return row


class _Pairs(list[tuple[str, Any]]):
    """An object as its pairs, so that a key that repeats is seen."""


def _is_series(value: list[Any]) -> bool:
    """Whether it is a list of numbers, null among them."""
    return not isinstance(value, _Pairs) and all(item is None or _is_number(item) for item in value)


def _is_number(item: Any) -> bool:
    try:
        return isinstance(item, str) and np.isfinite(float(item))
    except ValueError:
        return False


def _text(value: Any) -> str | None:
    if isinstance(value, list):
        return " ".join("nan" if item is None else item for item in value) or None
    if value is None or isinstance(value, str):
        # A lone surrogate ("\ud800") is valid JSON, but no text.
        return value if value is None else value.encode("utf-8", "replace").decode("utf-8")
    return str(value)


def _store(chunks: dict[str, list[pa.Array]], rows: list[dict[str, str | None]], done: int) -> int:
    for name in dict.fromkeys(name for row in rows for name in row):
        chunks.setdefault(name, [pa.nulls(done, pa.large_string())] if done else [])
    for name, parts in chunks.items():
        parts.append(pa.array([row.get(name) for row in rows], pa.large_string()))
    return done + len(rows)


def _refuse(path: Path, line: int, found: str, code: str = "unreadable-table") -> NoReturn:
    raise DataError(
        code,
        where=f"{path}:{line}",
        expected="one flat JSON object, in UTF-8",
        found=found,
        remedy="write one object a line, each with plain values, or lists of numbers, under different names",
    )
