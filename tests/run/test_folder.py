"""A run folder belongs to one process, loses nothing that was written, and says why it cannot be had."""

import errno
import json
import os
import platform
from pathlib import Path

import pytest

from polymodal.core import DamagedError, Refusal, ResourceError, UsageProblem
from polymodal.run.folder import Folder, environment


def test_a_held_folder_names_its_holder(tmp_path: Path):
    with Folder(tmp_path / "run").hold(resume=False):
        with pytest.raises(ResourceError, match=f"process {os.getpid()}") as caught:
            Folder(tmp_path / "run").hold(resume=True).__enter__()
        assert caught.value.code == "run-is-locked"
    with Folder(tmp_path / "run").hold(resume=False):
        pass


def test_a_used_folder_needs_resume_and_is_swept(tmp_path: Path):
    (tmp_path / "model").mkdir()
    (tmp_path / ".model.1.partial").mkdir()
    with pytest.raises(UsageProblem, match="run-exists"):
        Folder(tmp_path).hold(resume=False).__enter__()
    with Folder(tmp_path).hold(resume=True):
        assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "model"]


def test_a_place_that_cannot_be_a_folder_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError, match="not-writable") as caught:
        Folder(tmp_path / "file" / "run").hold(resume=False).__enter__()
    assert caught.value.exit_code == 6


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = Folder(tmp_path)
    folder.write_json("metrics.json", {"version": 1})

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ResourceError, match="disk-full"):
        folder.write_json("metrics.json", {"version": 2})
    assert folder.read_json("metrics.json") == {"version": 1}


def test_steps_are_not_kept_and_a_refusal_is_written_once_even_by_a_later_process(tmp_path: Path):
    refusal = Refusal(3, "scan", "is cut off", "b/3.png")
    for folder in (Folder(tmp_path), Folder(tmp_path)):
        folder.event({"event": "step", "step": 1})
        folder.event({"event": "epoch", "epoch": 1})
        folder.event({"event": "refused", "refusal": refusal})
        folder.refuse([refusal])
    kept = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [event["event"] for event in kept] == ["epoch", "epoch"]
    assert len((tmp_path / "errors.jsonl").read_text().splitlines()) == 1


def test_the_environment_names_no_person_and_no_machine():
    told = json.dumps(environment())
    assert platform.node() not in told
    assert str(Path.home()) not in told


def test_a_folder_of_a_run_that_had_learned_nothing_is_taken_again(tmp_path):
    for name in ("spec.yaml", "spec.resolved.yaml", "environment.json", "events.jsonl"):
        (tmp_path / name).write_text("{}")
    with Folder(tmp_path).hold(resume=False):
        assert [path.name for path in tmp_path.iterdir()] == [".lock"]


@pytest.mark.parametrize("extra", ["notes.txt", "checkpoints", "model"])
def test_a_folder_that_holds_more_is_not(tmp_path, extra):
    for name in ("spec.resolved.yaml", "environment.json"):
        (tmp_path / name).write_text("{}")
    (tmp_path / extra).mkdir()
    with pytest.raises(UsageProblem, match="run-exists"), Folder(tmp_path).hold(resume=False):
        pass
    assert (tmp_path / "environment.json").exists()


def test_a_spec_that_somebody_wrote_is_never_removed(tmp_path):
    (tmp_path / "spec.yaml").write_text("version: 1")
    with pytest.raises(UsageProblem, match="run-exists"), Folder(tmp_path).hold(resume=False):
        pass
    assert (tmp_path / "spec.yaml").read_text() == "version: 1"


def test_a_folder_that_stepped_aside_gets_its_name_back(tmp_path):
    old = tmp_path / ".model.123.old"
    old.mkdir()
    (old / "weights").write_text("kept")
    with Folder(tmp_path).hold(resume=True):
        assert (tmp_path / "model" / "weights").read_text() == "kept"
        assert not old.exists()


def test_json_that_was_changed_is_damaged(tmp_path):
    (tmp_path / "environment.json").write_text("{")
    with pytest.raises(DamagedError, match="damaged-file"):
        Folder(tmp_path).read_json("environment.json")


def test_a_folder_into_which_nothing_was_written_is_taken_away(tmp_path):
    with pytest.raises(KeyError), Folder(tmp_path / "run").hold(resume=False):
        raise KeyError("a spec that cannot be read")
    assert not (tmp_path / "run").exists()
    (tmp_path / "mine").mkdir()
    with pytest.raises(KeyError), Folder(tmp_path / "mine").hold(resume=False):
        raise KeyError("a spec that cannot be read")
    assert (tmp_path / "mine").is_dir()
    with Folder(tmp_path / "begun").hold(resume=False) as folder:
        folder.write("spec.yaml", "version: 1\n")
    assert (tmp_path / "begun" / "spec.yaml").exists()
