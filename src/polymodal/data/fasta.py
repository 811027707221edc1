"""FASTA files as tables: a row for each sequence, with the first word of its header as id."""

from pathlib import Path

import pandas as pd
import pyarrow as pa

from polymodal.core import DataError
from polymodal.data.columns import text_series
from polymodal.data.packed import lines_of

__all__ = ["FASTA_SUFFIXES", "read_fasta"]

FASTA_SUFFIXES = (".fasta", ".fa", ".faa", ".fna", ".fas")


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
    for number, line in lines_of(path, lambda number, found: _refused(path, number, found)):
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


def _refused(path: Path, number: int, found: str) -> DataError:
    return DataError(
        "unreadable-table",
        where=f"{path}:{number}",
        expected='FASTA: a line ">id …", then lines of one-letter signs',
        found=found,
        remedy="check that the file is whole and that its name says what it is",
    )
