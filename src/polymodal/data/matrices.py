"""Sparse matrices of counts (.npz) as tables: a row for each cell, what is known of it, and a column for each gene."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from polymodal.core import DataError
from polymodal.data.columns import check_names
from polymodal.data.counts import read_named
from polymodal.data.delimited import read_delimited
from polymodal.data.files import Limits
from polymodal.data.observations import MOST, ROOM

__all__ = ["MATRIX_SUFFIXES", "read_matrix"]

MATRIX_SUFFIXES = (".npz",)
ROWS = ("cells.csv", "cells.tsv", "spots.csv", "spots.tsv", "obs.csv", "obs.tsv")
GENES = ("genes.txt", "var_names.txt")
_COUNTS = "counts"
_LONGEST = 2**26  # bytes of a list of genes: each of 200,000 may have 300 signs


@dataclass(frozen=True)
class _Beside:
    """Files beside a matrix, by the sign that their names begin with: all of the name before "counts.npz"."""

    path: Path

    @property
    def start(self) -> str:
        """Nothing for counts.npz, "a_" for a_counts.npz and for a.npz."""
        stem = self.path.stem
        return stem.removesuffix(_COUNTS) if stem.endswith(_COUNTS) else f"{stem}_"

    def one(self, ends: Sequence[str]) -> Path | None:
        """The one file there is of these, None where there is none. Raises DataError where there are several."""
        found = [place for end in ends if os.path.isfile(place := self.path.with_name(self.start + end))]  # noqa: PTH113
        if len(found) > 1:
            told = " and ".join(each.name for each in found)
            raise _refused(self.path, "one list of them", f"both {told}", "keep one of the two")
        return found[0] if found else None

    def lacking(self, what: str, ends: Sequence[str], within: str) -> DataError:
        """What is said where neither the file nor its neighbours name the rows, or the genes."""
        wanted = f'{what} in {self.start}{ends[0]} beside the file, or as an array "{within}" of texts in it'
        return _refused(self.path, wanted, "neither", f"write {self.start}{ends[0]}, in the order of the matrix")


def read_matrix(path: Path) -> tuple[pd.DataFrame, list[str]]:
    """What is known of each row, and a column "X.GENE" for each gene, of a matrix that `scipy.sparse.save_npz` wrote.

    The matrix has rows for cells, packed as csr, csc or coo. Rows are described by cells.csv beside counts.npz
    (a_cells.csv beside a_counts.npz or a.npz; also spots or obs, .csv or .tsv), in the same order, all columns as they
    are; or by an array "cells" of names in the file, as the column "id". Genes are named by genes.txt (or var_names),
    a line for each, or by an array "genes". Files beside come first. Also gives in words what was taken. Raises
    DataError where names are lacking or are more or fewer than the matrix has, where a gene comes twice, for a file
    that is refused (see `read_counts`), and for more than 2 GiB of counts. Nothing is unpickled.
    """
    content = _content(path, ROOM.bytes)
    try:
        counts, names = read_named(content, Limits(bytes=ROOM.bytes), ROOM.decoded, ("cells", "genes"))
    except DataError as error:
        wanted = "a sparse matrix of counts as scipy.sparse.save_npz writes it"
        raise _refused(path, wanted, error.found, "check that the file is whole; write it again with scipy") from error
    rows, columns = counts.shape
    if rows * columns > MOST:
        found = f"{rows:,} × {columns:,} counts with its zeros"
        raise _refused(
            path, f"at most {MOST:,} counts", found, "keep fewer genes, or write an .h5ad file for each part"
        )
    beside = _Beside(path)
    described, first = _described(beside, names, rows)
    genes, second = _genes(beside, names, columns)
    made = pd.DataFrame(counts.toarray(), columns=[f"X.{gene}" for gene in genes])
    check_names([*described.columns, *made.columns], str(path))
    return pd.concat([described, made], axis=1), [first, second]


def _described(beside: _Beside, names: Mapping[str, Sequence[str]], rows: int) -> tuple[pd.DataFrame, str]:
    """What is known of each row, and where that stands."""
    place = beside.one(ROWS)
    if place is not None:
        frame = read_delimited(place, "\t" if place.suffix == ".tsv" else ",").frame
        source = place.name
    elif "cells" in names:
        frame, source = pd.DataFrame({"id": pd.Series(names["cells"], dtype="str")}), 'its array "cells"'
    else:
        raise beside.lacking("a line for each row", ROWS, "cells")
    _fits(beside.path, f"{rows:,} rows", len(frame), rows, source)
    return frame, f"rows are told by {source}"


def _genes(beside: _Beside, names: Mapping[str, Sequence[str]], columns: int) -> tuple[list[str], str]:
    """The names of the genes, each once, and where they stand."""
    place = beside.one(GENES)
    if place is not None:
        try:
            genes = _content(place, _LONGEST).decode("utf-8-sig").split("\n")
        except UnicodeDecodeError as error:
            raise _refused(place, "names of genes as text", "bytes that are no text", "write it as UTF-8") from error
        source = place.name
    elif "genes" in names:
        genes, source = list(names["genes"]), 'its array "genes"'
    else:
        raise beside.lacking("a line for each gene", GENES, "genes")
    genes = [name.strip() for name in genes]
    while len(genes) > columns and not genes[-1]:
        genes.pop()  # empty lines at the end
    _fits(beside.path, f"{columns:,} genes", len(genes), columns, source)
    twice = np.flatnonzero(pd.Series(genes).duplicated())
    if "" in genes or len(twice):
        found = f'the gene "{genes[twice[0]][:40]}" twice' if len(twice) else "a gene without a name"
        raise _refused(beside.path, f"a name of its own for each gene in {source}", found, "make the names differ")
    return genes, f"genes are named by {source}"


def _fits(path: Path, wanted: str, found: int, expected: int, source: str) -> None:
    if found != expected:
        told = f"{found:,} in {source}"
        raise _refused(path, f"names for the {wanted} of the matrix", told, "write them in the order of the matrix")


def _content(path: Path, most: int) -> bytes:
    """All of a file, unless it is too large to be looked at."""
    with path.open("rb") as stream:
        content = stream.read(most + 1)
    if len(content) > most:
        raise _refused(path, f"at most {most:,} bytes", "a larger file", "store it in parts")
    return content


def _refused(path: Path, expected: str, found: str, remedy: str) -> DataError:
    return DataError("unreadable-table", where=str(path), expected=expected, found=found, remedy=remedy)
