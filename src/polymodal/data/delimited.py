"""Tables written as text with a mark between the fields: csv, tsv and what spreadsheets make of them."""

import codecs
import csv
import io
import itertools
import mmap
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv as arrow_csv

from polymodal.core import DataError
from polymodal.data.columns import check_names, text_series

__all__ = ["Delimited", "read_delimited"]

_MARKS = (",", ";", "\t", "|")
_NO_MARK = "\x1f"  # the unit separator: what parts the fields of a table with a single column
_SAMPLE = 4 * 2**20  # bytes
_CHUNK = 64 * 2**20  # bytes
_BLOCK = 16 * 2**20  # bytes; no row may be longer


@dataclass(frozen=True)
class Delimited:
    """All cells as strings; the line of the first row where each row is one line; and what had to be decided."""

    frame: pd.DataFrame
    first_line: int | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Source:
    """The bytes of a file in UTF-8 without a byte order mark, and the encoding they came in."""

    path: Path
    content: mmap.mmap | bytes
    start: int
    encoding: str


def read_delimited(path: Path, default: str = ",") -> Delimited:
    """Read a table; `default` is the mark that wins where several fit.

    The encoding is UTF-8, UTF-16 with a byte order mark, or else Windows-1252 (Latin-1). Raises DataError, with the
    line, for NUL bytes, ragged rows, an open quote, names that repeat, and a table without rows.
    """
    if path.stat().st_size == 0:
        raise _broken(path, "empty-table", "a line with the names of the columns", "an empty file")
    with path.open("rb") as stream:
        source, notes = _decoded(path, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
    _refuse_nul(source)
    mark, header = _dialect(source, default)
    names, named = check_names(header, str(path))
    table = _parse(source, mark, len(header))
    first_line = _first_line(source, table)
    return Delimited(_frame(table, names), first_line, (*notes, *named))


def _decoded(path: Path, mapped: mmap.mmap) -> tuple[_Source, tuple[str, ...]]:
    head = mapped[:4]
    marked = len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            return _Source(path, mapped[:].decode("utf-16").encode("utf-8"), 0, "utf-16"), ("read as UTF-16",)
        except UnicodeError as error:
            raise _broken(path, "bad-encoding", "UTF-16, as its first bytes say", str(error)) from error
    odd = _first_odd_byte(mapped)
    if odd is None:
        return _Source(path, mapped, marked, "utf-8-sig"), ()
    line = mapped[:odd].count(b"\n") + 1
    content, encoding = mapped[marked:], "cp1252"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        encoding = "latin-1"
        text = content.decode(encoding)
    note = f"read as {encoding}, because line {line} is not UTF-8"
    return _Source(path, text.encode("utf-8"), 0, encoding), (note,)


def _first_odd_byte(mapped: mmap.mmap) -> int | None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    for start in range(0, len(mapped), _CHUNK):
        try:
            decoder.decode(mapped[start : start + _CHUNK], final=start + _CHUNK >= len(mapped))
        except UnicodeDecodeError as error:
            return max(0, min(len(mapped), start + error.start))
    return None


def _refuse_nul(source: _Source) -> None:
    place = source.content.find(b"\0")
    if place >= 0:
        line = source.content[:place].count(b"\n") + 1
        found = "a NUL byte; this is no text, or UTF-16 without its byte order mark"
        raise _broken(source.path, "nul-byte", "text", found, line)


def _dialect(source: _Source, default: str) -> tuple[str, list[str]]:
    """The mark between the fields, and the fields of the first record.

    The mark is the one under which the records most often have as many fields as the header.
    """
    sample = bytes(source.content[source.start : source.start + _SAMPLE]).decode("utf-8", "ignore")
    tried = {mark: _records(sample, mark) for mark in (*_MARKS, _NO_MARK)}
    if not all(tried.values()):
        raise _broken(source.path, "empty-table", "a line with the names of the columns", "blank lines")
    mark = max(tried, key=lambda mark: (*_agreement(tried[mark]), mark == default))
    return mark if _agreement(tried[mark])[0] > 0 else _NO_MARK, tried[mark][0]


def _agreement(records: list[list[str]]) -> tuple[float, int]:
    """The share of records as wide as the header, and that width."""
    counts = [len(record) for record in records]
    if counts[0] > 1:
        return counts.count(counts[0]) / len(counts), counts[0]
    # A header of one field above rows of many is a title line: the mark is right, and the rows are refused later.
    usual = max(set(counts), key=counts.count)
    return (1e-3 if usual > 1 and counts.count(usual) >= 0.8 * len(counts) else 0.0), 1


def _records(sample: str, mark: str) -> list[list[str]]:
    reader = csv.reader(io.StringIO(sample, newline=""), delimiter=mark)
    try:
        records = list(itertools.islice((record for record in reader if record), 200))
    except csv.Error:  # a field of more than 128 KiB: the records before it are lost, the header is not
        records = [sample.splitlines()[0].split(mark)]
    cut = len(sample) >= _SAMPLE // 2 and len(records) > 1 and len(records) < 200
    return records[:-1] if cut else records


def _parse(source: _Source, mark: str, width: int) -> pa.Table:
    ragged: list[arrow_csv.InvalidRow] = []

    def refuse(row: arrow_csv.InvalidRow) -> str:
        ragged.append(row)
        return "skip"

    columns = {f"f{place}": pa.string() for place in range(width)}
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(pa.py_buffer(source.content)),
            # Row numbers are known to a single thread only.
            arrow_csv.ReadOptions(autogenerate_column_names=True, use_threads=False, block_size=_BLOCK),
            arrow_csv.ParseOptions(delimiter=mark, newlines_in_values=True, invalid_row_handler=refuse),
            arrow_csv.ConvertOptions(column_types=columns, check_utf8=False, strings_can_be_null=False),
        )
    except pa.ArrowException as error:
        raise _broken(source.path, "unreadable-table", "rows of separated fields", str(error)) from error
    if ragged or table.num_columns != width:
        raise _ragged(source, mark, ragged, table.num_columns)
    if table.num_rows < 2:
        raise _broken(source.path, "no-rows", "at least one row below the header", "the header only")
    _refuse_open_quote(source, table)
    return table.slice(1)


def _ragged(source: _Source, mark: str, ragged: list[arrow_csv.InvalidRow], width: int) -> DataError:
    if not ragged:
        return _broken(source.path, "ragged-rows", "one header line", f"rows of {width} fields")
    first = ragged[0]
    found = f"{first.actual_columns} fields" + (f"; {len(ragged)} such rows in all" if len(ragged) > 1 else "")
    expected = f"{first.expected_columns} fields, as in the header, parted by {mark!r}"
    return _broken(source.path, "ragged-rows", expected, found, _line_of(source, mark, first.number))


def _line_of(source: _Source, mark: str, record: int | None) -> int | None:
    if record is None:
        return None
    with source.path.open(encoding=source.encoding, newline="", errors="replace") as stream:
        reader = csv.reader(stream, delimiter=mark)
        filled = (reader.line_num for fields in reader if fields)
        try:
            return next(itertools.islice(filled, record - 1, None), None)
        except csv.Error:
            return None


def _refuse_open_quote(source: _Source, table: pa.Table) -> None:
    """A quote that is never closed swallows the rest of the file; nothing else leaves an odd number of quotes so."""
    last = table.slice(table.num_rows - 1).to_pylist()[0]
    if any("\n" in field for field in last.values()) and _count(source, b'"') % 2:
        line = len(_lines(source)) if len(source.content) < _CHUNK else None
        found = "a quote that is opened and never closed; it swallowed the end of the file"
        raise _broken(source.path, "open-quote", "every quote closed", found, line)


def _lines(source: _Source) -> list[bytes]:
    """The lines up to the one where the last quote was opened."""
    content = source.content[:]
    return content[: content.rfind(b'"')].split(b"\n")


def _first_line(source: _Source, table: pa.Table) -> int | None:
    end = len(source.content)
    while end and source.content[end - 1 : end] in (b"\n", b"\r"):
        end -= 1
    lines = _count(source, b"\n", end) + 1
    return 2 if lines == table.num_rows + 1 else None


def _count(source: _Source, sign: bytes, end: int | None = None) -> int:
    stop = len(source.content) if end is None else end
    starts = range(0, stop, _CHUNK)
    return sum(source.content[start : min(stop, start + _CHUNK)].count(sign) for start in starts)


def _frame(table: pa.Table, names: list[str]) -> pd.DataFrame:
    """Column by column, so that the Arrow table and the frame are never both complete in memory."""
    columns = {}
    for name in names:
        columns[name] = text_series(table.column(0))
        table = table.remove_column(0)
    return pd.DataFrame(columns, index=pd.RangeIndex(len(columns[names[0]])), copy=False)


def _broken(path: Path, code: str, expected: str, found: str, line: int | None = None) -> DataError:
    where = f"{path}:{line}" if line else str(path)
    remedy = "mend the file, or save it anew as UTF-8 with one header line"
    return DataError(code, where=where, expected=expected, found=found, remedy=remedy)
