"""A folder as a table."""

import sys
from pathlib import Path

import pytest

from polymodal.core import DataError
from polymodal.data import listing
from polymodal.data.listing import DEEPEST, files_beside, read_folder
from polymodal.data.tables import read_table


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def test_files_are_rows_in_order_and_folders_are_columns(tmp_path: Path) -> None:
    touch(tmp_path, "dog/loud/b.WAV", "dog/a.flac", "cat/c.wav", "lone.png")
    frame, notes = read_folder(tmp_path)
    assert frame["file"].tolist() == ["cat/c.wav", "dog/a.flac", "dog/loud/b.WAV", "lone.png"]
    assert frame["folder_1"].fillna("").tolist() == ["cat", "dog", "dog", ""]
    assert frame["folder_2"].fillna("").tolist() == ["", "", "loud", ""]
    assert list(frame) == ["file", "folder_1", "folder_2"]
    assert notes == []


def test_what_is_hidden_is_passed_over_and_the_rest_is_counted(tmp_path: Path) -> None:
    touch(tmp_path, "a.wav", ".b.wav", ".git/c.wav", "README.md", "notes/list.csv")
    frame, notes = read_folder(tmp_path)
    assert frame["file"].tolist() == ["a.wav"]
    assert notes == ["2 links and files of other kinds are left out"]


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_links_are_not_followed(tmp_path: Path) -> None:
    touch(tmp_path, "in/a.wav", "out/b.wav")
    (tmp_path / "in" / "all").symlink_to(tmp_path / "out", target_is_directory=True)
    (tmp_path / "in" / "again").symlink_to(tmp_path / "in", target_is_directory=True)
    (tmp_path / "in" / "b.wav").symlink_to(tmp_path / "out" / "b.wav")
    frame, notes = read_folder(tmp_path / "in")
    assert frame["file"].tolist() == ["a.wav"]
    assert notes == ["3 links and files of other kinds are left out"]


def test_a_wrong_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="no file"):
        read_folder(tmp_path)
    touch(tmp_path, "a.txt", "b.txt")
    with pytest.raises(DataError, match="2 files, none of them one"):
        read_folder(tmp_path)
    touch(tmp_path, "/".join(["deep"] * DEEPEST) + "/a.wav")
    with pytest.raises(DataError, match="more than 16 deep"):
        read_folder(tmp_path)
    touch(tmp_path, "many/a.wav", "many/b.wav", "many/c.wav")
    monkeypatch.setattr(listing, "MOST_FILES", 2)
    with pytest.raises(DataError, match="more than 2 files"):
        read_folder(tmp_path / "many")


def test_a_folder_is_a_table_whose_files_lie_in_it(tmp_path: Path) -> None:
    touch(tmp_path, "clips/yes/a.wav", "clips.csv")
    table = read_table(tmp_path / "clips")
    assert table.files == tmp_path / "clips"
    assert len(table) == 1
    assert files_beside(tmp_path / "clips") == tmp_path / "clips"
    assert files_beside(tmp_path / "clips.csv") == tmp_path
    assert files_beside(tmp_path / ("x" * 5000)) == tmp_path
