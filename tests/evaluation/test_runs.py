"""A finished run is judged beside plain models and without each of its senses."""

import json
from pathlib import Path

import pytest

from polymodal.evaluation import judge_run
from polymodal.report import build_report
from polymodal.run import open_run
from tests.evaluation.small_run import small_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_run(tmp_path_factory.mktemp("small"))


def test_everything_is_judged_on_the_same_rows(run: Path) -> None:
    told = judge_run(open_run(run))
    assert json.loads((run / "metrics.json").read_text()) == json.loads(json.dumps(told))
    for task in told["tasks"].values():
        figures = [*task["baselines"].values(), *task["alone"].values(), *task["dark"].values()]
        assert {entry["n"] for entry in figures} == {task["n"]}
        assert set(task["alone"]) == set(task["dark"]) == {"measures", "note"}
        low, high = task["versus_plain"]["interval"]
        assert low <= task["versus_plain"]["difference"] <= high
        assert task["dark"]["note"]["metrics"] == task["alone"]["measures"]["metrics"]
    assert told["missing"]["rows"] == told["rows"]
    assert told["groups"]["test"]["count"] >= 1


def test_its_report_shows_its_own_rows(run: Path) -> None:
    page = build_report(run).read_text()
    assert "Rows to look at" in page
    assert "a warm &lt;b&gt;coat&lt;/b&gt; for winter" in page or "a cold shirt for summer" in page
    assert "<b>coat" not in page


def test_without_its_table_the_report_still_comes(run: Path, tmp_path: Path) -> None:
    (run.parent / "table.csv").rename(tmp_path / "gone.csv")
    assert "No rows can be shown" in build_report(run).read_text()
