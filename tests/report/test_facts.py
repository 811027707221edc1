"""A run folder is read with care: what is missing is missing, what is damaged is named."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from polymodal.core import DamagedError, UsageProblem
from polymodal.report.facts import Facts, TaskFacts, read_facts


def test_everything_is_read(run: Path) -> None:
    facts = read_facts(run)
    assert [task.name for task in facts.tasks] == ["recommended", "department", "rating", "price"]
    assert [task.kind for task in facts.tasks] == ["classes", "classes", "ordered", "numbers"]
    assert len(facts.refusals) == 3
    assert facts.group == "item"
    assert facts.spec["tasks"]["rating"]["type"] == "ordinal"


def test_rows_without_a_label_are_left_out(run: Path) -> None:
    tasks = {task.name: task for task in read_facts(run).tasks}
    assert len(tasks["recommended"].truth) - len(tasks["rating"].truth) == 10


def test_a_line_that_was_cut_off_is_left_out(run: Path) -> None:
    assert all("event" in event for event in read_facts(run).events)


def test_metrics_alone_are_enough(run: Path, tmp_path: Path) -> None:
    shutil.copy(run / "metrics.json", tmp_path)
    facts = read_facts(tmp_path)
    assert len(facts.tasks[0].truth) == 0
    assert facts.group is None


def test_an_unfinished_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match="finished run"):
        read_facts(tmp_path)
    with pytest.raises(UsageProblem, match="no such folder"):
        read_facts(tmp_path / "nowhere")


def copied(run: Path, folder: Path, findings: object) -> Facts:
    shutil.copytree(run, folder / "copy")
    (folder / "copy" / "findings.json").write_text(json.dumps(findings))
    return read_facts(folder / "copy")


ACCEPTED = {"code": "same-row-on-both-sides", "severity": "error", "where": "all inputs", "accepted": True}


@pytest.mark.parametrize("wrapped", [False, True])
def test_accepted_findings_are_read(run: Path, tmp_path: Path, wrapped: bool) -> None:
    told = [ACCEPTED | {"message": "2 rows", "do": "part them"}]
    facts = copied(run, tmp_path, {"findings": told} if wrapped else told)
    assert facts.checked
    assert facts.findings == told


def test_without_findings_nothing_is_known_of_them(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "copy")
    (tmp_path / "copy" / "findings.json").unlink()
    assert not read_facts(tmp_path / "copy").checked


@pytest.mark.parametrize("told", [{}, "none", [1]])
def test_findings_out_of_shape_are_damaged(run: Path, tmp_path: Path, told: object) -> None:
    with pytest.raises(DamagedError, match=r"findings\.json"):
        copied(run, tmp_path, told)


def test_every_text_is_read_as_utf_8(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, met = Path.read_text, []

    def noted(path: Path, encoding: str | None = None, errors: str | None = None) -> str:
        met.append((path.name, encoding))
        return plain(path, encoding=encoding, errors=errors)

    monkeypatch.setattr(Path, "read_text", noted)
    read_facts(run)
    assert len(met) >= 6
    assert {encoding for _, encoding in met} == {"utf-8"}


def test_the_stated_probability_is_that_of_the_answer_given() -> None:
    chances = np.array([[0.45, 0.1, 0.45], [0.1, 0.2, 0.7]])
    said = np.array(["2", "3"], dtype=object)
    task = TaskFacts("rating", "ordered", {"classes": ["1", "2", "3"]}, np.arange(2), said, said, chances, ["a", "b"])
    assert task.stated is not None
    assert task.stated.tolist() == [0.1, 0.7]


@pytest.mark.parametrize("name", ["metrics.json", "predictions.parquet", "environment.json", "findings.json"])
def test_a_damaged_file_is_named(run: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(run, tmp_path / "copy")
    (tmp_path / "copy" / name).write_bytes(b"\x00{not what it was")
    with pytest.raises(DamagedError, match=name):
        read_facts(tmp_path / "copy")
