"""AnnData and MuData files as tables: a row for each cell, its columns of `obs`, and a column for each gene."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from polymodal.core import DataError
from polymodal.data.sections import Observations, Room, read_observations

__all__ = ["ANNDATA_SUFFIXES", "MOST", "ROOM", "read_anndata"]

ANNDATA_SUFFIXES = (".h5ad", ".h5mu")
ROOM = Room(bytes=2**31, decoded=2**32, spots=2**22)
MOST = 2**29
"""Counts of a table, zeros among them, that are laid out: 2 GiB."""


def read_anndata(path: Path) -> tuple[pd.DataFrame, list[str]]:
    """Columns "id" (the names of `obs`), those of `obs`, and "X.GENE" for each gene, or "ASSAY.GENE" of a .h5mu file.

    `omics` reads the genes by a pattern, such as "X.*". Assays of a .h5mu file are joined by the names of their rows,
    those of the first; a row that another assay has not is absent there. Also gives what was left out, in words. Raises
    DataError for a file that is refused (see `read_observations`), and for more than 2 GiB of counts. Needs the extra:
    pip install "polymodal[tissue]".
    """
    try:
        held = read_observations(path.read_bytes(), ROOM)
    except DataError as error:
        raise _refused(path, error.found) from error
    first = next(iter(held.values()))
    total = len(first.names) * sum(len(each.genes) for each in held.values())
    if total > MOST:
        raise _refused(path, f"holds {total:,} counts with its zeros, the limit is {MOST:,}")
    parts = [pd.DataFrame(_described(first))]
    notes = [f'column "{name}" is in an encoding that is not read' for name in first.left_out]
    for assay, each in held.items():
        columns = [f"{assay}.{gene}" for gene in each.genes]
        counts = pd.DataFrame(each.counts.toarray(), index=pd.Index(each.names, dtype=object), columns=columns)
        if each is not first:
            strange = int((~counts.index.isin(first.names)).sum())
            notes += [f'{strange:,} rows of "{assay}" have no partner and are left out'] if strange else []
            counts = counts.reindex(first.names)
        parts.append(counts.reset_index(drop=True))
    return pd.concat(parts, axis=1), notes


def _described(held: Observations) -> Mapping[str, np.ndarray | pd.Series]:
    """The names of the rows and their columns; one that is called "id" gets "_" behind its name."""
    made: dict[str, np.ndarray | pd.Series] = {"id": pd.Series(held.names, dtype="str")}
    for name, values in held.columns.items():
        made[f"{name}_" if name == "id" else name] = (
            values if values.dtype.kind in "biuf" else pd.Series(values, dtype="str")
        )
    return made


def _refused(path: Path, found: str) -> DataError:
    return DataError(
        "unreadable-table",
        where=str(path),
        expected="an AnnData (.h5ad) or MuData (.h5mu) file of counts",
        found=found,
        remedy="check that the file is whole; write it again with anndata 0.8 or later",
    )
