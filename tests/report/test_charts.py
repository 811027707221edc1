"""Each drawing holds the figures it is of, and steps aside where there are none."""

import re
from pathlib import Path

import pytest

from polymodal.report import charts
from polymodal.report.facts import Facts, read_facts
from polymodal.report.wording import number


@pytest.fixture(scope="module")
def facts(run: Path) -> Facts:
    return read_facts(run)


def test_the_comparison_prints_every_figure(facts: Facts) -> None:
    task = facts.tasks[0]
    drawing = str(charts.compared(task, "x"))
    figures = [task.metric("auroc"), *(entry["metrics"]["auroc"] for entry in task.entry["baselines"].values())]
    assert all(number(figure) in drawing for figure in figures)


def test_every_modality_stands_alone_and_dark(facts: Facts) -> None:
    drawing = str(charts.modalities(facts.tasks[0], "x"))
    for name in ("review", "picture", "customer"):
        assert f"only {name}" in drawing
        assert f"without {name}" in drawing


def test_confusion_counts_every_row(facts: Facts) -> None:
    drawing = str(charts.confusion(facts.tasks[1], "x"))
    counts = [int(found) for found in re.findall(r'class="count"[^>]*>(\d+)<', drawing)]
    assert sum(counts) == len(facts.tasks[1].truth)


def test_kinds_that_have_no_such_drawing_get_none(facts: Facts) -> None:
    classes, price = facts.tasks[0], facts.tasks[3]
    assert charts.confusion(price, "x") is None
    assert charts.reliability(price, "x") is None
    assert charts.residuals(classes, "x") is None
    assert charts.learning_curve("recommended", [], "x") is None


def test_the_kept_epoch_is_marked(facts: Facts) -> None:
    epochs = [event for event in facts.events if event["event"] == "epoch"]
    assert "kept: epoch 8" in str(charts.learning_curve("price", epochs, "x"))
