"""Targets that hold a label for each residue of a protein or each spot of a section: which column they speak of."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from polymodal.data.base import DataTable
from polymodal.data.cells import absent
from polymodal.data.kinds import FILE_SUFFIXES, ending_of, infer_kind
from polymodal.data.notations import notation_of

__all__ = ["TOKENS", "labels_by_token"]

TOKENS = {"protein": "residues", "tissue": "spots"}
"""What a modality has to give a token for, if each is to be labelled."""

_LOOKED_AT = 20  # cells
_FEWEST = 5  # labels in a cell; shorter lists are tags of a row
_MOST = 200  # different labels, of which each comes again and again
_SEPARATORS = ("", ";", ",", " ", "|")


def labels_by_token(table: DataTable, target: str) -> tuple[str, dict[str, Any]] | None:
    """The column whose tokens a target labels, and the task as a spec would say it; None where it labels rows.

    Beside a column of proteins, cells have as many labels as residues. Spots are counted when files are opened: beside
    a column of sections any long lists of few labels are taken for theirs.
    """
    series = table.column(target)
    held = np.flatnonzero(~absent(series, table.missing))[:_LOOKED_AT]
    cells = series.iloc[held].tolist()
    if not cells or not all(isinstance(cell, str | list | tuple | np.ndarray) for cell in cells):
        return None
    kinds = {str(name): _kind(table, str(name)) for name in table.frame.columns if name != target}
    for separator in _SEPARATORS:
        lists = [_parts(cell, separator) for cell in cells]
        if min(map(len, lists)) < _FEWEST or len({label for each in lists for label in each}) > _MOST:
            continue
        for name, kind in kinds.items():
            if kind == "protein" and _lengths(table.column(name).iloc[held]) == list(map(len, lists)):
                return name, _task(target, separator, cells)
        sections = [name for name, kind in kinds.items() if kind == "tissue"]
        if sections and _repeats(lists):
            return sections[0], _task(target, separator, cells)
    return None


def _kind(table: DataTable, name: str) -> str | None:
    series = table.column(name)
    if infer_kind(series, table.missing).name == "file":
        endings = Counter(ending_of(str(cell)) for cell in series.dropna())
        return FILE_SUFFIXES.get(endings.most_common(1)[0][0])
    return notation_of(series, table.missing)


def _parts(cell: object, separator: str) -> list[str]:
    if isinstance(cell, str):
        return [part.strip() for part in cell.split(separator)] if separator else list(cell)
    return ["" if part is None else str(part) for part in np.asarray(cell, dtype=object).ravel()]


def _lengths(sequences: pd.Series) -> list[int]:
    return [len(str(cell).strip().rstrip("*")) for cell in sequences]


def _repeats(lists: Sequence[Sequence[str]]) -> bool:
    """Whether labels are words that come again and again, as letters of a text would not with spaces among them."""
    labels = [label for each in lists for label in each]
    return len(labels) >= 10 * len(set(labels)) and max(map(len, set(labels))) > 1


def _task(target: str, separator: str, cells: Sequence[object]) -> dict[str, Any]:
    written = {} if separator == ";" or not isinstance(cells[0], str) else {"separator": separator}
    return {"type": "token_labels", "target": target} | written
