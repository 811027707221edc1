"""Columns of any origin in the few types that the rest of the house reads, and names that can be told apart."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from polymodal.core import DataError

__all__ = ["check_names", "text_series", "typed_frame"]

BETWEEN = ";"
"""What stands between the texts of a list."""

_TEXT = pd.StringDtype("pyarrow", na_value=np.nan)


def check_names(header: Sequence[object], source: str) -> tuple[list[str], list[str]]:
    """Names as strings without white space around them, and notes on columns that had none.

    Raises DataError where two are alike.
    """
    names = [str(name).strip() for name in header]
    notes = []
    for place, name in enumerate(names):
        if not name:
            names[place] = f"column_{place + 1}"
            notes.append(f'column {place + 1} has no name and is called "{names[place]}"')
    twice = {name: [place + 1 for place, other in enumerate(names) if other == name] for name, many in
             Counter(names).items() if many > 1}  # fmt: skip
    if twice:
        shown = "; ".join(
            f'"{name}" at places {", ".join(map(str, places))}' for name, places in list(twice.items())[:5]
        )
        raise DataError(
            "duplicate-column", where=source, expected="each column name once", found=shown, remedy="rename one of them"
        )
    return names, notes


def text_series(column: pa.Array | pa.ChunkedArray) -> pd.Series:
    """Arrow strings as a pandas column that stays in Arrow."""
    return pd.Series(_TEXT.__from_arrow__(column), copy=False)


def typed_frame(table: pa.Table, source: str) -> tuple[pd.DataFrame, list[str]]:
    """An Arrow table as a DataFrame in which whole numbers stay whole numbers although some are missing.

    Lists of numbers become arrays, lists of texts one text parted by ";"; the content of files (bytes, or a structure
    of bytes and path) becomes bytes. Raises DataError, naming them, for columns that hold other lists or structures.
    """
    names, notes = check_names(table.column_names, source)
    nested = [
        f'"{name}" ({field.type})' for name, field in zip(names, table.schema, strict=True) if _opaque(field.type)
    ]
    if nested:
        raise DataError(
            "nested-column",
            where=source,
            expected="one number, text, date, truth value or file in a cell, or a list of numbers or texts",
            found=", ".join(nested[:5]) + (f" and {len(nested) - 5} more" if len(nested) > 5 else ""),
            remedy="spread them over columns of their own, or leave them out",
        )
    columns = {}
    for name in names:
        columns[name] = _typed(table.column(0))
        table = table.remove_column(0)
    return pd.DataFrame(columns, index=pd.RangeIndex(len(columns[names[0]]) if names else 0), copy=False), notes


def _opaque(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _opaque(kind.value_type)
    if _series(kind) or _texts(kind) or _files(kind):
        return False
    return bool(pa.types.is_nested(kind)) or isinstance(kind, pa.BaseExtensionType)


def _texts(kind: pa.DataType) -> bool:
    """Whether it is a list of texts, such as a label for each token."""
    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    if not any(is_it(kind) for is_it in lists):
        return False
    return bool(pa.types.is_string(kind.value_type) or pa.types.is_large_string(kind.value_type))


def _content(kind: pa.DataType) -> bool:
    return any(is_it(kind) for is_it in (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary))


def _files(kind: pa.DataType) -> bool:
    """Whether it is a structure of a file's content and its name, as tables of pictures and sounds are passed on."""
    if not pa.types.is_struct(kind):
        return False
    parts = {part.name: part.type for part in kind}
    return set(parts) == {"bytes", "path"} and _content(parts["bytes"])


def _series(kind: pa.DataType) -> bool:
    """Whether it is a list of numbers, or a list of such lists."""
    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    if not any(is_it(kind) for is_it in lists):
        return False
    inner = kind.value_type
    if any(is_it(inner) for is_it in lists):
        inner = inner.value_type
    return bool(pa.types.is_integer(inner) or pa.types.is_floating(inner))


def _typed(column: pa.ChunkedArray) -> pd.Series:
    kind = column.type
    if _series(kind):
        return pd.Series([None if cell is None else _array(cell) for cell in column.to_pylist()], dtype=object)
    if _texts(kind):
        return text_series(pa.array([None if cell is None else _joined(cell) for cell in column.to_pylist()]))
    if _content(kind) or _files(kind):
        return pd.Series([_file(cell) for cell in column.to_pylist()], dtype=object)
    if pa.types.is_dictionary(kind):
        return _typed(column.cast(kind.value_type))
    if pa.types.is_date(kind):
        column = column.cast(pa.timestamp("s")) if pa.types.is_date32(kind) else column.cast(pa.timestamp("ms"))
    elif pa.types.is_float16(kind):
        column = column.cast(pa.float32())
    elif pa.types.is_duration(kind):
        seconds = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}[kind.unit]
        column = pc.multiply(column.cast(pa.int64()).cast(pa.float64()), seconds)
    elif not _plain(kind):
        return text_series(column.cast(pa.large_string()))
    nullable = column.null_count > 0
    mapper = {
        pa.bool_(): pd.BooleanDtype(),
        pa.int8(): pd.Int8Dtype(), pa.int16(): pd.Int16Dtype(), pa.int32(): pd.Int32Dtype(),
        pa.int64(): pd.Int64Dtype(),
        pa.uint8(): pd.UInt8Dtype(), pa.uint16(): pd.UInt16Dtype(), pa.uint32(): pd.UInt32Dtype(),
        pa.uint64(): pd.UInt64Dtype(),
    }  # fmt: skip
    return column.to_pandas(types_mapper=mapper.get if nullable else None).rename(None)


def _joined(cell: list[str | None]) -> str:
    """Texts as one, with nothing for null. Raises DataError where a text holds the sign that stands between them."""
    strange = next((text for text in cell if text and BETWEEN in text), None)
    if strange is not None:
        raise DataError(
            "nested-column",
            where="a list of texts",
            expected=f'texts without "{BETWEEN}", which stands between them',
            found=f'"{strange[:80]}"',
            remedy="write such texts in another way",
        )
    return BETWEEN.join(text or "" for text in cell)


def _array(cell: list[object]) -> object:
    """Numbers as an array, null as NaN; lists of different lengths stay lists."""
    try:
        return np.array(cell, dtype=np.float64)
    except ValueError:
        return cell


def _file(cell: dict[str, object] | bytes | None) -> object:
    """Its content, or its name where the content stands elsewhere."""
    return (cell["bytes"] or cell["path"] or None) if isinstance(cell, dict) else cell or None


def _plain(kind: pa.DataType) -> bool:
    tests = (pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating, pa.types.is_timestamp)
    return any(is_it(kind) for is_it in tests)
