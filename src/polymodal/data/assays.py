"""Columns of genes in a table of cells, as AnnData, MuData and .npz files give them: "X.GENE", "rna.GENE"."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

import numpy as np

from polymodal.data.base import DataTable
from polymodal.data.cells import is_number, numbers_of
from polymodal.data.matrices import MATRIX_SUFFIXES
from polymodal.data.observations import ANNDATA_SUFFIXES

__all__ = ["Assay", "assays_of"]

_FEWEST = 5  # genes; fewer columns that share a beginning are descriptions of a cell
_LOOKED_AT = 2_000  # cells
_HIGHEST_LOG = 50.0


@dataclass(frozen=True)
class Assay:
    """The columns of one assay, the pattern that stands for them, and what their numbers are."""

    columns: tuple[str, ...]
    pattern: str
    values: Literal["counts", "logged", "scaled"]


def assays_of(table: DataTable) -> Mapping[str, Assay]:
    """By name, the assays of a table that was read from a file of counts; none of any other table."""
    if PurePath(table.source).suffix.lower() not in (*ANNDATA_SUFFIXES, *MATRIX_SUFFIXES):
        return {}
    parted: dict[str, list[str]] = {}
    for name in map(str, table.frame.columns):
        before, dot, _ = name.partition(".")
        if dot and is_number(table.column(name)):
            parted.setdefault(before, []).append(name)
    found = {}
    for name, columns in parted.items():
        pattern = f"{name}.*"
        if len(columns) >= _FEWEST:
            found[name] = Assay(tuple(columns), pattern, _values(table, columns))
    return found


def _values(table: DataTable, columns: list[str]) -> Literal["counts", "logged", "scaled"]:
    some = table.take(np.arange(min(len(table), _LOOKED_AT)))
    held = np.concatenate([numbers_of(some.column(name)) for name in columns[:: max(1, len(columns) // 200)]])
    known = held[np.isfinite(held)]
    if (known >= 0).all() and (known == np.floor(known)).all():
        return "counts"
    return "logged" if (known >= 0).all() and known.max(initial=0.0) < _HIGHEST_LOG else "scaled"
