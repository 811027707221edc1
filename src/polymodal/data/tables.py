"""Tables from files and from memory, whatever they are made of, as one `DataTable`."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as parquet

from polymodal.core import DataError, did_you_mean
from polymodal.data.base import DataTable
from polymodal.data.columns import check_names, typed_frame
from polymodal.data.compounds import SDF_SUFFIXES, SMILES_SUFFIXES, read_sdf, read_smiles
from polymodal.data.delimited import read_delimited
from polymodal.data.fasta import FASTA_SUFFIXES, read_fasta
from polymodal.data.jsonlines import read_jsonlines
from polymodal.data.listing import files_beside, read_folder
from polymodal.data.matrices import MATRIX_SUFFIXES, read_matrix
from polymodal.data.observations import ANNDATA_SUFFIXES, read_anndata
from polymodal.data.packed import unpacked_suffix

__all__ = ["from_frame", "read_table"]

_SUFFIXES = (".csv", ".tsv", ".tab", ".txt", ".parquet", ".pq", ".feather", ".arrow", ".jsonl", ".ndjson")
_PACKABLE = (*FASTA_SUFFIXES, *SMILES_SUFFIXES, *SDF_SUFFIXES)


def read_table(
    path: str | os.PathLike[str], missing: Sequence[str] = ("",), files: str | os.PathLike[str] | None = None
) -> DataTable:
    """Read a table from csv, tsv, parquet, feather, jsonl, FASTA, SMILES, SDF (also packed), AnnData, .npz, a folder.

    Text formats arrive as strings, cell for cell as they were written; typed formats keep their types. `missing` are
    the marks that mean "no value", `files` the folder that file columns are relative to. A folder is a table of the
    files in it (see `read_folder`). Raises DataError, with the place, for what cannot be read.
    """
    place = Path(path)
    suffix = _checked_suffix(place)
    notes: Sequence[str] = ()
    first_line = None
    try:
        if suffix == "folder":
            frame, notes = read_folder(place)
            files = files_beside(place) if files is None else files
        elif suffix in {".jsonl", ".ndjson"}:
            frame, first_line = read_jsonlines(place)
        elif suffix in ANNDATA_SUFFIXES:
            frame, notes = read_anndata(place)
        elif suffix in MATRIX_SUFFIXES:
            frame, notes = read_matrix(place)
        elif suffix in {".parquet", ".pq", ".feather", ".arrow"}:
            frame, notes = _read_typed(place, suffix)
        elif suffix in _PACKABLE:
            frame = _read_lines(place, suffix)
        else:
            text = read_delimited(place, "," if suffix == ".csv" else "\t")
            frame, first_line, notes = text.frame, text.first_line, text.notes
    except OSError as error:
        raise _unreadable(place, suffix, str(error.strerror or error)) from error
    root = Path(files) if files is not None else None
    return DataTable(frame, os.fspath(path), tuple(missing), root, first_line, tuple(notes))


def from_frame(
    frame: pd.DataFrame | np.ndarray,
    *,
    source: str = "table",
    missing: Sequence[str] = ("",),
    files: str | os.PathLike[str] | None = None,
) -> DataTable:
    """A DataFrame or a plain array (rows, columns) as a table; the columns of an array are called "0", "1" ….

    The index is left out, and names become strings. Raises DataError where two names are then alike, or where an array
    has not two axes.
    """
    made = frame if isinstance(frame, pd.DataFrame) else _framed(frame, source)
    header = ["_".join(map(str, name)) if isinstance(name, tuple) else name for name in made.columns]
    names, notes = check_names(header, source)
    own = made.set_axis(names, axis=1).reset_index(drop=True)
    root = Path(files) if files is not None else None
    return DataTable(own, source, tuple(missing), root, None, tuple(notes))


def _framed(values: np.ndarray, source: str) -> pd.DataFrame:
    array = np.asarray(values)
    if array.ndim != 2:
        raise DataError(
            "not-a-table",
            where=source,
            expected="an array with two axes (rows, columns), or a DataFrame",
            found=f"{array.ndim} axes",
            remedy="give one column as values.reshape(-1, 1)",
        )
    return pd.DataFrame(array, copy=False)


def _checked_suffix(path: Path) -> str:
    try:
        exists, plain, folder = path.exists(), path.is_file(), path.is_dir()
        siblings = [other.name for other in path.parent.iterdir()] if not exists and path.parent.is_dir() else []
    except (OSError, ValueError) as error:
        raise _absent(path, str(error), "check the name") from error
    if not exists:
        raise _absent(
            path, "no such file", did_you_mean(path.name, siblings[:1000]) if siblings else "check the folder"
        )
    if folder:
        return "folder"
    if not plain:
        raise _absent(path, "a device or a pipe", "name a file or a folder")
    suffix = path.suffix.lower()
    if unpacked_suffix(path) in _PACKABLE:
        return unpacked_suffix(path)
    if suffix not in (*_SUFFIXES, *ANNDATA_SUFFIXES, *MATRIX_SUFFIXES):
        raise DataError(
            "unknown-format",
            where=str(path),
            expected="a file that ends in .csv, .tsv, .parquet, .feather, .jsonl, .fasta, .smi, .sdf, .h5ad or .npz",
            found=f'"{suffix}"',
            remedy="save the table in one of these formats",
        )
    return suffix


def _absent(path: Path, found: str, remedy: str) -> DataError:
    return DataError("no-such-table", where=str(path), expected="a table to read", found=found, remedy=remedy)


def _read_lines(path: Path, suffix: str) -> pd.DataFrame:
    if suffix in FASTA_SUFFIXES:
        return read_fasta(path)
    return read_smiles(path) if suffix in SMILES_SUFFIXES else read_sdf(path)


def _read_typed(path: Path, suffix: str) -> tuple[pd.DataFrame, list[str]]:
    try:
        table = parquet.read_table(path) if suffix in {".parquet", ".pq"} else feather.read_table(path)
        table.validate(full=True)  # a text that is no UTF-8 would be met far from here
    except (pa.ArrowException, ValueError) as error:
        raise _unreadable(path, suffix, str(error).splitlines()[0]) from error
    # What pandas adds when a frame with an index of its own is saved is no column of the table.
    index = [name for name in table.column_names if name.startswith("__index_level_")]
    table = table.drop_columns(index)
    if table.num_rows == 0 or table.num_columns == 0:
        found = f"{table.num_rows} rows, {table.num_columns} columns"
        raise DataError("no-rows", where=str(path), expected="rows", found=found, remedy="check the file")
    return typed_frame(table, str(path))


def _unreadable(path: Path, suffix: str, found: str) -> DataError:
    return DataError(
        "unreadable-table",
        where=str(path),
        expected=f"a {suffix.lstrip('.')} file",
        found=found,
        remedy="check that the file is whole and that its name says what it is",
    )
