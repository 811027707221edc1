"""A run folder is read with care: what is missing is missing, what is damaged is named."""

import shutil
from pathlib import Path

import pytest

from polymodal.core import DamagedError, UsageProblem
from polymodal.report.facts import read_facts


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


@pytest.mark.parametrize("name", ["metrics.json", "predictions.parquet", "environment.json", "findings.json"])
def test_a_damaged_file_is_named(run: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(run, tmp_path / "copy")
    (tmp_path / "copy" / name).write_bytes(b"\x00{not what it was")
    with pytest.raises(DamagedError, match=name):
        read_facts(tmp_path / "copy")
