"""Paths as they came from the command line."""

import os
from itertools import count
from pathlib import Path

__all__ = ["checked_path", "free_folder", "relative_path", "write_new"]


def checked_path(path: Path) -> Path:
    """The same path. Raises UsageProblem where no file system could hold it."""
    if "\0" in str(path):
        from polymodal.core import UsageProblem

        shown = str(path).replace("\0", "\\0")
        raise UsageProblem(
            "bad-path", where=shown, expected="a path", found="a NUL character in it", remedy="take it out"
        )
    return path


def free_folder(name: str) -> Path:
    """The first of NAME, NAME-2, NAME-3 … that is not there yet."""
    names = (Path(name if number == 1 else f"{name}-{number}") for number in count(1))
    return next(path for path in names if not os.path.lexists(path))


def relative_path(path: Path, folder: Path) -> str:
    """A path as it is written in a file that lies in `folder`; an absolute path stays one."""
    return path.as_posix() if path.is_absolute() else Path(os.path.relpath(path, folder)).as_posix()


def write_new(path: Path, text: str) -> None:
    """Write a text file that is not there yet, whole or not at all. Raises UsageProblem where it is there."""
    from polymodal.core import UsageProblem

    if path.exists() or path.is_symlink():
        raise UsageProblem(
            "file-exists",
            where=str(path),
            expected="a new file",
            found="one that is there already",
            remedy="choose another name, or remove it first",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.partial")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
