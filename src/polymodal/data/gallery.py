"""Pictures in the cells of a column: by name below the data folder, or held by the table itself."""

import hashlib
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor

from polymodal.core import DataError, Refusal
from polymodal.data.base import Cells, DataTable, Rows
from polymodal.data.canvas import Painted
from polymodal.data.cells import absent, dense
from polymodal.data.files import Folder, Limits
from polymodal.data.pictures import Picture, unusable

__all__ = ["Gallery", "Shelf", "asked", "each_once", "filled", "hang", "known_by"]

T = TypeVar("T")


class Shelf:
    """Painted pictures kept for the next epoch until `room` bytes are full; what does not fit is painted again."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.held: dict[Hashable, Painted] = {}

    def put(self, key: Hashable, painted: Painted) -> None:
        """Keep it, where there is room."""
        size = painted.pixels.nbytes + (0 if painted.known is None else painted.known.nbytes)
        if size <= self.room:
            self.room -= size
            self.held[key] = painted


@dataclass(frozen=True)
class Gallery(Cells):
    """The cells of one picture column. `folder` is where names lead; no file is open."""

    column: str
    series: pd.Series
    folder: Folder | None
    shelf: Shelf = field(compare=False)

    def ask(self, rows: Rows) -> list[tuple[Hashable | None, object]]:
        """For each row what its picture is known by (the same for the same name, None where absent), and its cell."""
        return asked(self.series, self.present, rows)

    def picture(self, value: object, limits: Limits) -> Picture:
        """The content behind a cell. Raises DataError where it cannot be had."""
        if isinstance(value, bytes | np.ndarray | Image.Image):
            return value
        if not isinstance(value, str):
            found = f"is a {type(value).__name__}, not the name of a file and not a picture"
            raise unusable("picture-kind", found, "give names of files below the data folder")
        if self.folder is None:
            remedy = "say where the files are (data.files in a spec, files= in Python)"
            raise unusable("file-folder-unknown", "names a file, and no data folder was given", remedy)
        return self.folder.read(value, limits)

    def content_hashes(self, rows: Rows) -> np.ndarray:
        """(n,) SHA-256 of each picture as stored, "" where there is none: equal where two rows show the same file."""
        known: dict[Hashable | None, str] = {None: ""}
        asked = self.ask(rows)
        for key, value in asked:
            if key not in known:
                known[key] = self._content_hash(value)
        return np.array([known[key] for key, _ in asked], dtype=object)

    def _content_hash(self, value: object) -> str:
        try:
            if isinstance(value, str):
                return "" if self.folder is None else self.folder.content_hash(value)
        except DataError:
            return ""
        content = value if isinstance(value, bytes) else np.ascontiguousarray(value).tobytes()
        return hashlib.sha256(content).hexdigest()


def asked(series: pd.Series, present: np.ndarray, rows: Rows) -> list[tuple[Hashable | None, object]]:
    """For each row what its content is known by (None where absent), and its cell."""
    values = series.iloc[rows].tolist()
    return [(known_by(value) if there else None, value) for value, there in zip(values, present[rows], strict=True)]


def each_once(
    questions: Sequence[tuple[Hashable | None, object]], rows: Rows, column: str, make: Callable[[Hashable, object], T]
) -> tuple[list[T], Tensor, list[Refusal]]:
    """What `make` gives for each distinct content, which row holds which (rows,), and the rows that were refused."""
    made: dict[Hashable, T] = {}
    reasons: dict[Hashable, str] = {}
    for key, value in dict(questions).items():
        try:
            if key is not None:
                made[key] = make(key, value)
        except DataError as error:
            reasons[key] = error.found
    places = {key: place for place, key in enumerate(made)}
    index = torch.tensor([places.get(key, -1) for key, _ in questions], dtype=torch.int64)
    refusals = [
        Refusal(int(row), column, reasons[key], key if isinstance(key, str) else "")
        for row, (key, _) in zip(rows, questions, strict=True)
        if key in reasons
    ]
    return list(made.values()), index, refusals


def hang(table: DataTable, column: str, cache_bytes: int) -> Gallery:
    """The pictures of a table's column, not yet opened."""
    series = dense(table.column(column))
    folder = None if table.files is None else Folder(table.files)
    return Gallery(filled(series, table.missing), column, series, folder, Shelf(cache_bytes))


def filled(series: pd.Series, missing: Sequence[str]) -> np.ndarray:
    """(n,) True where a cell names or holds something."""
    if series.dtype != object:
        return ~absent(series, missing)
    # Cells that hold arrays or pictures are never turned into text.
    null, marks = series.isna().to_numpy(dtype=bool), {"", *(mark.strip() for mark in missing)}
    said = [not (isinstance(value, str) and value.strip() in marks) for value in series]
    return ~null & np.array(said, dtype=bool)


def known_by(value: object) -> Hashable:
    """What a cell's content is known by: equal for the same name or the same bytes."""
    return value if isinstance(value, str | bytes) else id(value)
