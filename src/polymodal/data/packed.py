"""Lines of text files that may be packed: xz, gzip or bzip2, told by the name, unfolded on the way and bounded."""

import bz2
import gzip
import lzma
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, cast

from polymodal.core import DataError

__all__ = ["PACKED", "lines_of", "unpacked_suffix"]

PACKED = (".xz", ".gz", ".bz2")
_MOST = 2**31
"""Bytes of text that are read, whatever a packed file unfolds to."""
_LINE = 2**26

Refused = Callable[[int, str], DataError]


def unpacked_suffix(path: Path) -> str:
    """The suffix of a file in small letters, and for a packed one that of what is in it: ".fasta" of a.fasta.xz."""
    suffix = path.suffix.lower()
    return Path(path.stem).suffix.lower() if suffix in PACKED else suffix


def lines_of(path: Path, refused: Refused) -> Iterator[tuple[int, str]]:
    """Lines with their numbers, from 1, without their ends.

    `refused` makes the error of a line and what was found there: bytes that are no text (UTF-8), a line beyond 64 MiB,
    more than 2 GiB in all, and a packed file that is damaged.
    """
    number = 0
    try:
        with _opened(path) as stream:
            for number, line in enumerate(_bounded(stream, refused), start=1):
                yield number, line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise refused(number, "bytes that are no text") from error
    except (EOFError, lzma.LZMAError, gzip.BadGzipFile, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise refused(number + 1, f"damaged or cut off: {error}") from error


def _opened(path: Path) -> IO[bytes]:
    suffix = path.suffix.lower()
    if suffix == ".xz":
        return lzma.open(path, "rb")
    if suffix == ".gz":
        return cast(IO[bytes], gzip.open(path, "rb"))
    return bz2.open(path, "rb") if suffix == ".bz2" else path.open("rb")


def _bounded(stream: IO[bytes], refused: Refused) -> Iterator[bytes]:
    """Lines of a bearable length, and not too many of them."""
    number, total = 0, 0
    while line := stream.readline(_LINE):
        number, total = number + 1, total + len(line)
        if len(line) == _LINE:
            raise refused(number, f"a line of more than {_LINE:,} bytes")
        if total > _MOST:
            raise refused(number, "more than 2 GiB of text")
        yield line
