"""A folder of pictures or sounds as a table: a row for each file."""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from polymodal.core import DataError
from polymodal.data.kinds import FILE_SUFFIXES

__all__ = ["DEEPEST", "MOST_FILES", "files_beside", "read_folder"]

MOST_FILES = 2**20
"""Entries that are looked at, and how deep (`DEEPEST`): beyond that somebody has named the wrong folder."""
DEEPEST = 16


def files_beside(table: Path) -> Path:
    """The folder that names of files in a table are relative to, unless said otherwise: its own, or the table itself.

    A table that is a folder of files is where its files are.
    """
    return table if os.path.isdir(table) else table.parent  # noqa: PTH112, which fails where a name is too long


def read_folder(path: Path) -> tuple[pd.DataFrame, list[str]]:
    """A row for each picture, sound or film below a folder, sorted, and what was left out in words.

    Columns: "file" (the path below the folder, parted by "/"), and "folder_1", "folder_2" … for the folders that it
    lies in, absent where there are fewer. What is hidden (".name") is passed over; links and files of other
    kinds are counted. Raises DataError for more than 2^20 entries, more than 16 levels, and where nothing is left.
    """
    names: list[str] = []
    left_out = 0
    for number, (name, plain) in enumerate(_entries(path, "", 1)):
        if number == MOST_FILES:
            raise _refused(path, f"more than {MOST_FILES:,} files", "name the folder that the files are in")
        if plain and _wanted(name):
            names.append(name)
        else:
            left_out += 1
    if not names:
        found = f"{left_out:,} files, none of them one" if left_out else "no file"
        raise _refused(path, found, "name the folder that the files are in, or a table that names them")
    names.sort()
    folders = [name.split("/")[:-1] for name in names]
    columns: dict[str, object] = {"file": names}
    for level in range(max(map(len, folders))):
        columns[f"folder_{level + 1}"] = [held[level] if level < len(held) else None for held in folders]
    note = f"{left_out:,} links and files of other kinds are left out"
    frame = pd.DataFrame(columns, index=np.arange(len(names))).astype("str")
    return frame, [note] if left_out else []


def _entries(folder: Path, below: str, depth: int) -> Iterator[tuple[str, bool]]:
    """Every file below a folder that is not hidden, and whether it is a plain one."""
    with os.scandir(folder) as listed:
        for entry in listed:
            name = below + entry.name
            if entry.name.startswith("."):
                continue
            if not entry.is_dir(follow_symlinks=False):
                yield name, entry.is_file(follow_symlinks=False)
            elif depth == DEEPEST:
                raise _refused(folder, f"folders more than {DEEPEST} deep", "name the folder that the files are in")
            else:
                yield from _entries(Path(entry.path), f"{name}/", depth + 1)


def _wanted(name: str) -> bool:
    """Whether a file is of a kind that is read, and has a name that can be written down."""
    kind = FILE_SUFFIXES.get(PurePosixPath(name).suffix.lower(), "other")
    return kind != "other" and name.isprintable()


def _refused(path: Path, found: str, remedy: str) -> DataError:
    return DataError(
        "unusable-folder",
        where=str(path),
        expected="a folder of pictures, sounds or films",
        found=found,
        remedy=remedy,
    )
