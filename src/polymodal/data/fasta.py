"""FASTA files as tables: a row for each sequence, with the first word of its header as id."""

import bz2
import gzip
import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

import pandas as pd
import pyarrow as pa

from polymodal.core import DataError
from polymodal.data.columns import text_series

__all__ = ["FASTA_SUFFIXES", "read_fasta"]

FASTA_SUFFIXES = (".fasta", ".fa", ".faa", ".fna", ".fas")
_MOST = 2**31
"""Bytes of text that are read, whatever a packed file unfolds to."""
_LINE = 2**26


def read_fasta(path: Path) -> pd.DataFrame:
    """Columns "id" (the first word of each header), "header" (all of it) and "sequence", as text.

    Files packed by xz, gzip or bzip2 are unfolded on the way. Lines of a sequence are joined; blank lines and lines
    that begin with ";" are passed over. Raises DataError, with the line, for text before the first header, for a header
    without an id, for bytes that are no text, and for a packed file that is damaged or unfolds beyond 2 GiB.
    """
    ids: list[str] = []
    headers: list[str] = []
    sequences: list[str] = []
    parts: list[str] = []
    for number, line in _lines(path):
        if not line.strip() or line.startswith(";"):
            continue
        if line.startswith(">"):
            if ids:
                sequences.append("".join(parts))
                parts = []
            header = line[1:].strip()
            if not header:
                raise _refused(path, number, "a header without an id")
            headers.append(header)
            ids.append(header.split(maxsplit=1)[0])
        elif not ids:
            raise _refused(path, number, f'"{line.strip()[:40]}" before the first header')
        else:
            parts.append(line.strip())
    if not ids:
        raise _refused(path, 1, "no header")
    sequences.append("".join(parts))
    columns = {"id": ids, "header": headers, "sequence": sequences}
    frame = {
        name: text_series(pa.chunked_array([pa.array(cells, pa.large_string())])) for name, cells in columns.items()
    }
    return pd.DataFrame(frame)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines with their numbers."""
    number = 0
    try:
        with _opened(path) as stream:
            for number, line in enumerate(_bounded(stream, path), start=1):
                yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise _refused(path, number, "bytes that are no text") from error
    except (EOFError, lzma.LZMAError, gzip.BadGzipFile, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise _refused(path, number + 1, f"damaged or cut off: {error}") from error


def _opened(path: Path) -> IO[bytes]:
    suffix = path.suffix.lower()
    if suffix == ".xz":
        return lzma.open(path, "rb")
    if suffix == ".gz":
        return cast(IO[bytes], gzip.open(path, "rb"))
    return bz2.open(path, "rb") if suffix == ".bz2" else path.open("rb")


def _bounded(stream: IO[bytes], path: Path) -> Iterator[bytes]:
    """Lines of a bearable length, and not too many of them."""
    number, total = 0, 0
    while line := stream.readline(_LINE):
        number, total = number + 1, total + len(line)
        if len(line) == _LINE:
            raise _refused(path, number, f"a line of more than {_LINE:,} bytes")
        if total > _MOST:
            raise _refused(path, number, "more than 2 GiB of text")
        yield line


def _refused(path: Path, number: int, found: str) -> DataError:
    return DataError(
        "unreadable-table",
        where=f"{path}:{number}",
        expected='FASTA: a line ">id …", then lines of one-letter signs',
        found=found,
        remedy="check that the file is whole and that its name says what it is",
    )
