"""What a frozen encoder has made of its inputs, kept on disk by what they hold: the next run does not make it again."""

import hashlib
import os
import sqlite3
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

__all__ = ["Remembered"]

MOST = 2 * 2**30
"""Bytes that one encoder's file may have; what is made beyond that is not kept."""
_PATIENCE = 2.0  # seconds that another process may hold the file
_CHECK = 8  # bytes of a digest behind each vector


class Remembered:
    """Vectors by the digest of what they were made of, in one SQLite file that several processes may share.

    Each vector carries a check, and one that does not fit is made again. A file that cannot be read or written costs
    time and nothing else: a warning says so once. The folder is readable by its owner alone, since vectors tell much of
    a text (Morris et al. 2023).
    """

    def __init__(self, path: Path, most: int = MOST) -> None:
        self.path, self.most, self.works = path, most, True

    def find(self, keys: Iterable[bytes]) -> dict[bytes, Tensor]:
        """The vectors (width,) float32 that are known, for those of the keys that are."""
        wanted = list(dict.fromkeys(keys))
        if not wanted or not self.path.is_file():
            return {}
        rows: list[tuple[bytes, object]] = []

        def look(store: sqlite3.Connection) -> None:
            for key in wanted:
                rows.extend(store.execute("SELECT key, vector FROM vectors WHERE key = ?", (key,)))

        self._try(look)
        found = {key: _vector(key, kept) for key, kept in rows}
        return {key: vector for key, vector in found.items() if vector is not None}

    def keep(self, made: Mapping[bytes, Tensor]) -> None:
        """Write vectors (width,) down, unless the file is full."""
        if not made or not self.works or (self.path.is_file() and self.path.stat().st_size >= self.most):
            return
        rows = [(key, _checked(key, vector)) for key, vector in made.items()]

        def write(store: sqlite3.Connection) -> None:
            store.execute("CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB) WITHOUT ROWID")
            store.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows)
            store.commit()

        self._try(write)

    def _try(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """Work on the file, opened anew each time, so that no connection is carried into another process."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with closing(sqlite3.connect(os.fspath(self.path), timeout=_PATIENCE)) as store:
                work(store)
        except (sqlite3.Error, OSError) as problem:
            if self.works:
                told = f"{self.path}: {problem}; what a frozen encoder makes is not kept from run to run"
                warnings.warn(told, RuntimeWarning, stacklevel=3)
            self.works = False


def _checked(key: bytes, vector: Tensor) -> bytes:
    content = vector.detach().cpu().to(torch.float32).numpy().tobytes()
    return content + _check(key, content)


def _vector(key: bytes, kept: object) -> Tensor | None:
    """The vector, None where it is not what was written."""
    if not isinstance(kept, bytes) or len(kept) <= _CHECK or (len(kept) - _CHECK) % 4:
        return None
    content, check = kept[:-_CHECK], kept[-_CHECK:]
    return torch.from_numpy(np.frombuffer(content, np.float32).copy()) if check == _check(key, content) else None


def _check(key: bytes, content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_CHECK, key=key[:64]).digest()
