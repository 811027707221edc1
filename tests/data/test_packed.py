"""Text comes line by line out of packed files, and never more of it than is bearable."""

import bz2
import gzip
import lzma
from pathlib import Path

import pytest

from polymodal.core import DataError
from polymodal.data import packed
from polymodal.data.packed import lines_of, unpacked_suffix

TEXT = "\ufefferste Zeile\r\nzweite ü\n\nlast".encode()
PACK = {"a.txt": lambda text: text, "a.txt.gz": gzip.compress, "a.txt.xz": lzma.compress, "a.txt.bz2": bz2.compress}


def refused(number: int, found: str) -> DataError:
    """An error that tells the line and what was found."""
    return DataError("refused", where=str(number), expected="text", found=found, remedy="none")


def write(folder: Path, name: str, content: bytes) -> Path:
    """A file with this content."""
    (folder / name).write_bytes(content)
    return folder / name


@pytest.mark.parametrize("name", PACK)
def test_lines_are_the_same_however_they_are_packed(tmp_path: Path, name: str) -> None:
    place = write(tmp_path, name, PACK[name](TEXT))
    assert list(lines_of(place, refused)) == [(1, "erste Zeile"), (2, "zweite ü"), (3, ""), (4, "last")]
    assert unpacked_suffix(place) == ".txt"


@pytest.mark.parametrize("name", list(PACK)[1:])
def test_half_a_packed_file_is_refused(tmp_path: Path, name: str) -> None:
    whole = PACK[name](b"".join(b"%d\n" % number**5 for number in range(20_000)))
    with pytest.raises(DataError, match="damaged or cut off"):
        list(lines_of(write(tmp_path, name, whole[: len(whole) // 2]), refused))


@pytest.mark.parametrize("name", list(PACK)[1:])
def test_what_is_not_packed_at_all_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="damaged or cut off"):
        list(lines_of(write(tmp_path, name, TEXT), refused))


def test_bytes_that_are_no_text_are_refused_with_their_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no text") as caught:
        list(lines_of(write(tmp_path, "a.txt", b"good\n\xff\xfe\n"), refused))
    assert caught.value.where == "2"


def test_a_line_and_a_file_that_never_end_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "_LINE", 100)
    monkeypatch.setattr(packed, "_MOST", 1000)
    with pytest.raises(DataError, match="a line of more than"):
        list(lines_of(write(tmp_path, "a.txt.gz", gzip.compress(b"x" * 10_000)), refused))
    with pytest.raises(DataError, match="more than 2 GiB"):
        list(lines_of(write(tmp_path, "b.txt.gz", gzip.compress(b"x\n" * 10_000)), refused))


def test_a_file_that_is_not_there_stays_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(lines_of(tmp_path / "none.txt", refused))
