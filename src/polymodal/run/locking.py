"""A file that one process at a time can hold; it is let go when the process ends, however that comes about."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Taken", "locked"]

_open: set[int] = set()


class Taken(Exception):
    """Another process holds the file; the message is what that process wrote about itself."""


@contextmanager
def locked(path: Path, holder: str) -> Iterator[None]:
    """Hold a file for the length of a block, and write `holder` into it for others to read.

    Raises Taken where another process has it, and OSError where it cannot be opened, locked or written.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    _open.add(handle)
    try:
        _claim(handle)
        try:
            os.ftruncate(handle, 0)
            os.write(handle, f"{holder}\n".encode())
            yield
        finally:
            _unlock(handle)
    finally:
        _open.discard(handle)
        os.close(handle)


def _claim(handle: int) -> None:
    try:
        _lock(handle)
    except (BlockingIOError, PermissionError) as error:
        raise Taken(os.read(handle, 1000).decode(errors="replace").strip() or "an unknown process") from error


if sys.platform == "win32":
    import msvcrt

    # What is locked there cannot be read either, so the one byte that is locked lies far behind what is written.
    _FAR = 1 << 30

    def _lock(handle: int) -> None:
        _mark(handle, msvcrt.LK_NBLCK)

    def _unlock(handle: int) -> None:
        _mark(handle, msvcrt.LK_UNLCK)

    def _mark(handle: int, mode: int) -> None:
        os.lseek(handle, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(handle, mode, 1)
        finally:
            os.lseek(handle, 0, os.SEEK_SET)

else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_UN)

    def _let_go() -> None:
        """What a process inherits it does not hold: a loader's worker would keep the lock of a run that was killed."""
        while _open:
            os.close(_open.pop())

    os.register_at_fork(after_in_child=_let_go)
