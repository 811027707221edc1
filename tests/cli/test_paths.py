"""Paths are checked before they are used, and nothing that is there is written over."""

from pathlib import Path

import pytest

from polymodal.cli.paths import checked_path, free_folder, relative_path, write_new
from polymodal.core import UsageProblem


def test_a_path_that_no_file_system_holds_is_refused():
    assert checked_path(Path("a/b")) == Path("a/b")
    with pytest.raises(UsageProblem, match="bad-path"):
        checked_path(Path("a\0b"))


def test_the_first_free_name_is_taken_and_a_dangling_link_is_not_free(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert free_folder("run") == Path("run")
    Path("run").mkdir()
    Path("run-2").symlink_to("nowhere")
    assert free_folder("run") == Path("run-3")


def test_paths_are_written_as_seen_from_the_file_that_holds_them(tmp_path):
    assert relative_path(tmp_path / "t.csv", tmp_path) == (tmp_path / "t.csv").as_posix()
    assert relative_path(Path("data/t.csv"), Path("specs")) == "../data/t.csv"


def test_a_file_that_is_there_is_not_written_over(tmp_path):
    place = tmp_path / "new" / "spec.yaml"
    write_new(place, "one")
    with pytest.raises(UsageProblem, match="file-exists"):
        write_new(place, "two")
    assert place.read_text() == "one"
    assert [path.name for path in place.parent.iterdir()] == ["spec.yaml"]


def test_what_cannot_be_written_whole_leaves_nothing(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError("no space")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="no space"):
        write_new(tmp_path / "spec.yaml", "text")
    assert list(tmp_path.iterdir()) == []
