"""Files named by a table are opened only if they lie under the data folder and are plain files of a bearable size."""

import hashlib
import os
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from polymodal.core import DataError

__all__ = ["Folder", "Limits", "content_hashes", "content_of", "misfit", "none_usable", "resolve"]

_URL = re.compile(r"^([a-z][a-z0-9+.-]*://|data:|file:|mailto:)", re.IGNORECASE)
_ABSOLUTE = re.compile(r"[/\\]|[A-Za-z]:")
_CLIMBS = re.compile(r"(^|[/\\])\.\.($|[/\\])")
_SEPARATORS = re.compile(r"[/\\]" if os.sep == "\\" else "/")
# O_NONBLOCK: should a FIFO take the file's place after the check, opening it must not wait for a writer.
_FLAGS = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))


@dataclass(frozen=True)
class Limits:
    """The largest file (`bytes`) and the largest picture (`pixels` = height × width) that a reader takes on."""

    bytes: int = 64 * 2**20
    pixels: int = 40 * 10**6


class Folder:
    """The folder that file columns are relative to. Nothing outside it is ever opened.

    A name is refused, by DataError with a code of its own, where it is a URL, is absolute, has a drive letter, climbs
    (`..`), holds a NUL, passes through a symbolic link that leaves the folder, or names a directory, a device, a FIFO
    or nothing at all. `found` of that error is a sentence fit for errors.jsonl.
    """

    def __init__(self, root: Path | str) -> None:
        self.root = os.path.realpath(root)

    def resolve(self, relative: str) -> Path:
        """The real place of a file. Raises DataError where it may not or cannot be opened."""
        return Path(self._place(relative))

    def read(self, relative: str, limits: Limits) -> bytes:
        """The content of a file, once its kind and size have been checked on the open file itself."""
        handle = self._open(relative)
        try:
            size = self._check_size(handle, relative, limits)
            # One byte more than announced: a file that grows meanwhile cannot fill the memory.
            content = _read_up_to(handle, size + 1)
        except OSError as error:
            raise _unopened(relative, error) from error
        finally:
            os.close(handle)
        return content

    def content_hash(self, relative: str) -> str:
        """The SHA-256 of a file's content: equal for two names of the same picture."""
        with os.fdopen(self._open(relative), "rb") as stream:
            _check_kind(os.fstat(stream.fileno()).st_mode, relative)
            return hashlib.file_digest(stream, "sha256").hexdigest()

    def _place(self, relative: str) -> str:
        _check_name(relative)
        place, mode = self.root, stat.S_IFDIR
        try:
            for part in filter(None, _SEPARATORS.split(relative)):
                place, mode = self._enter(place + os.sep + part, relative)
        except (OSError, ValueError) as error:
            raise _unopened(relative, error) from error
        _check_kind(mode, relative)
        return place

    def _enter(self, place: str, relative: str) -> tuple[str, int]:
        """One step down: where it leads, links followed, and what is there."""
        mode = os.lstat(place).st_mode
        if not stat.S_ISLNK(mode):
            return place, mode
        real = os.path.realpath(place, strict=True)
        if not (real + os.sep).startswith(self.root.rstrip(os.sep) + os.sep):
            raise _refused(
                "file-link-leaves",
                relative,
                "passes through a symbolic link that leaves the data folder",
                "copy the file into the data folder, or point data.files at the folder above",
            )
        return real, os.lstat(real).st_mode

    def _open(self, relative: str) -> int:
        place = self._place(relative)
        try:
            return os.open(place, _FLAGS)
        except OSError as error:
            raise _unopened(relative, error) from error

    @staticmethod
    def _check_size(handle: int, relative: str, limits: Limits) -> int:
        status = os.fstat(handle)
        _check_kind(status.st_mode, relative)
        if status.st_size == 0:
            raise _refused("file-empty", relative, "is an empty file", "write the file again, or leave the cell empty")
        if status.st_size > limits.bytes:
            found = f"has {status.st_size:,} bytes, the limit is {limits.bytes:,}"
            raise _refused("file-too-large", relative, found, "store a smaller version, or raise the limit")
        return status.st_size


def resolve(root: Path, relative: str) -> Path:
    """The real place of a file under `root`. Raises DataError (see `Folder`) where it may not or cannot be opened."""
    return Folder(root).resolve(relative)


def content_hashes(root: Path | None, names: Sequence[str | bytes]) -> np.ndarray:
    """(n,) SHA-256 of each file as text, "" where it cannot be read; a name that comes twice is read once.

    What is content already is hashed as it is. Without a folder to read from, a name stands for its content.
    """
    folder = None if root is None else Folder(root)
    known: dict[str | bytes, str] = {}
    for name in dict.fromkeys(names):
        if isinstance(name, bytes):
            known[name] = hashlib.sha256(name).hexdigest()
        elif folder is None:
            known[name] = name
        else:
            try:
                known[name] = folder.content_hash(name)
            except DataError:
                known[name] = ""
    return np.array([known[name] for name in names], dtype=object)


def _check_name(relative: str) -> None:
    if not relative.strip():
        raise _refused("file-name-empty", relative, "is an empty name", "name a file, or leave the cell empty")
    if "\0" in relative:
        raise _refused("file-name-nul", relative, "holds a NUL character", "write the name again")
    if _URL.match(relative):
        raise _refused("file-is-url", relative, "is a URL; nothing is fetched", "download it into the data folder")
    if _ABSOLUTE.match(relative):
        found = "is an absolute path; names are relative to the data folder"
        raise _refused("file-path-absolute", relative, found, "write it relative to data.files")
    if _CLIMBS.search(relative):
        found = "climbs out of a folder (..)"
        raise _refused("file-path-climbs", relative, found, "write it relative to data.files, without ..")


def _check_kind(mode: int, relative: str) -> None:
    if stat.S_ISDIR(mode):
        raise _refused("file-is-folder", relative, "is a folder, not a file", "name a file in it")
    if not stat.S_ISREG(mode):
        found = "is a device, FIFO or socket, not a plain file"
        raise _refused("file-is-special", relative, found, "copy its content into a plain file")


def _read_up_to(handle: int, size: int) -> bytes:
    pieces = []
    while size > 0 and (piece := os.read(handle, size)):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def _unopened(relative: str, error: OSError | ValueError) -> DataError:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return _refused("file-missing", relative, "does not exist", "check data.files and the name")
    if isinstance(error, PermissionError):
        return _refused("file-forbidden", relative, "may not be read (permission)", "allow reading it")
    reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
    return _refused("file-unreadable", relative, f"cannot be opened: {reason}", "write the file or its name again")


def _refused(code: str, relative: str, found: str, remedy: str) -> DataError:
    shown = relative[:200]
    where = (shown if shown.isprintable() else ascii(shown)) or "(empty name)"
    return DataError(code, where=where, expected="a plain file under the data folder", found=found, remedy=remedy)


def content_of(value: object, folder: Folder | None, limits: Limits, what: str, also: str = "") -> bytes:
    """The bytes of a cell that holds them, or names a file below the data folder; `what` it is ("sound", "video").

    `also` says what else the reader takes. Raises DataError where it does neither, or the file cannot be read.
    """
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise misfit(what, f"is a {type(value).__name__}, not the name of a file and not a {what}", also)
    if folder is None:
        raise misfit(what, "names a file, and no data folder was given", also)
    return folder.read(value, limits)


def misfit(what: str, found: str, also: str = "") -> DataError:
    """The error for a cell of another kind than a reader of files takes; `also` names what else it would take."""
    return DataError(
        f"{what}-kind",
        where=what,
        expected=f"the name of a {what} file below the data folder, or its bytes{also}",
        found=found,
        remedy="give names of files, and say where they are (data.files in a spec, files= in Python)",
    )


def none_usable(what: str, expected: str, column: str, problems: Sequence[tuple[object, DataError]]) -> DataError:
    """The error for a column none of whose files can be used; `problems` are the cells tried, each with its error."""
    value, first = problems[0]
    return DataError(
        f"no-usable-{what}",
        where=f'column "{column}"',
        expected=expected,
        found=f"none of the {len(problems)} looked at can be used; the first, {str(value)[:100]!r}, {first.found}",
        remedy=first.remedy,
    )
