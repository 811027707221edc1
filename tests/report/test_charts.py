"""Each drawing holds the figures it is of, and steps aside where there are none."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from polymodal.report import charts
from polymodal.report.facts import Facts, TaskFacts, read_facts
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


def test_tokens_are_counted_one_by_one() -> None:
    entry = {"type": "token_labels", "classes": ["L1", "L2"], "headline": "token_accuracy"}
    truth, said = np.array(["L1;L2;;L1", "L2"], dtype=object), np.array(["L1;L1;L2;L1", "L2"], dtype=object)
    task = TaskFacts("layer", "tokens", entry, np.arange(2), truth, said, None, ["a", "b"])
    drawing = str(charts.confusion(task, "x"))
    assert "3 of 4 tokens lie on the diagonal" in drawing


def test_kinds_that_have_no_such_drawing_get_none(facts: Facts) -> None:
    classes, price = facts.tasks[0], facts.tasks[3]
    assert charts.confusion(price, "x") is None
    assert charts.confusion(replace(classes, kind="boxes"), "x") is None
    assert charts.reliability(price, "x") is None
    assert charts.residuals(classes, "x") is None
    assert charts.learning_curve("recommended", [], "x") is None


def test_the_kept_epoch_is_marked(facts: Facts) -> None:
    epochs = [event for event in facts.events if event["event"] == "epoch"]
    assert "kept: epoch 8" in str(charts.learning_curve("price", epochs, "x"))


def described(task: TaskFacts) -> str:
    found = re.search(r"Mean distance from the diagonal: ([^<]+)\.<", str(charts.reliability(task, "x")))
    assert found is not None
    return found[1]


def test_the_distance_that_is_told_is_the_one_that_is_drawn() -> None:
    chances = np.repeat([0.1, 0.9], 50)
    truth = np.array((["no"] * 40 + ["yes"] * 10) * 2, dtype=object)
    entry = {"classes": ["no", "yes"], "headline": "auroc", "metrics": {"ece": 0.001}}
    both = np.stack([1 - chances, chances], 1)
    task = TaskFacts("ill", "classes", entry, np.arange(100), truth, truth, both, [""] * 100)
    assert described(task) == number(0.5 * abs(0.1 - 0.2) + 0.5 * abs(0.9 - 0.2))


def test_ordered_answers_are_as_sure_as_the_grade_that_was_given() -> None:
    chances = np.tile([0.45, 0.15, 0.4], (10, 1))
    said = np.array(["2"] * 10, dtype=object)
    entry = {"classes": ["1", "2", "3"], "headline": "qwk", "metrics": {"ece": 0.3}}
    task = TaskFacts("grade", "ordered", entry, np.arange(10), said, said, chances, [""] * 10)
    assert described(task) == "0.850"


def test_numbers_are_compared_with_the_mean(facts: Facts) -> None:
    assert ">mean<" in str(charts.compared(facts.tasks[3], "x"))
    assert ">commonest answer<" in str(charts.compared(facts.tasks[0], "x"))


def several_labels() -> TaskFacts:
    """Three labels for four rows: one is found, one missed, one claimed without reason."""
    truth = np.array(["red", "red;round", "", "round"], dtype=object)
    said = np.array(["red", "round", "small", "round"], dtype=object)
    chances = np.array([[0.9, 0.1, 0.1], [0.2, 0.8, 0.1], [0.1, 0.3, 0.6], [0.1, 0.9, 0.2]])
    entry = {"classes": ["red", "round", "small"], "headline": "macro_f1", "metrics": {"ece": 0.1}}
    return TaskFacts("look", "labels", entry, np.arange(4), truth, said, chances, list("abcd"))


def test_several_labels_are_counted_one_by_one() -> None:
    task = several_labels()
    assert task.holds(task.truth).astype(int).tolist() == [[1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 1, 0]]
    drawing = str(charts.confusion(task, "x"))
    assert "3 of 4 labels are found; claimed without reason: 1." in drawing
    assert [int(found) for found in re.findall(r'class="count"[^>]*>(\d+)<', drawing)] == [1, 1, 2, 2, 2, 1, 3]
    assert "how often the row has it" in str(charts.reliability(task, "x"))
