"""The page of a comparison of tasks: signs, percents, and what is missing."""

from dataclasses import replace

import pytest

from polymodal.evaluation.effects import Effect
from polymodal.evaluation.transfer import Poison, Transfer
from polymodal.report.transferred import transfer_page

UP, DOWN, BARE = Effect(0.1, 0.05, 0.15), Effect(-0.2, -0.3, -0.1), Effect(0.01, None, None)


@pytest.fixture
def found() -> Transfer:
    return Transfer(
        tasks={name: name for name in ("sick", "a very long name of a task")},
        headlines={"sick": "auroc", "a very long name of a task": "mae"},
        alone={"sick": 0.5, "a very long name of a task": 0.0},
        together={"sick": 0.6, "a very long name of a task": 0.2},
        gains={"sick": UP, "a very long name of a task": DOWN},
        relative=Effect(-3.0, -4.0, -2.0),
        helps={"sick": {"a very long name of a task": UP}, "a very long name of a task": {"sick": BARE}},
        cosines={"sick, a very long name of a task": [(0, 0.5), (10, -0.5)]},
        poison=Poison("sick", 0.4),
        spread={"as in the spec": {"sick": DOWN, "a very long name of a task": BARE}},
        shared={"branches": {"sick": UP, "a very long name of a task": BARE}},
        steps=100,
        seeds=2,
        tuned=1,
    )


def test_effects_are_in_percent_of_alone_with_their_sign(found, tmp_path):
    page = transfer_page(found, tmp_path / "t.html", "trial").read_text("utf-8")
    assert "+20.0*" in page  # .1 of .5, sure
    assert "Together they do worse than alone: −3 (−4 to −2) % on average." in page
    assert 'class="helps"' in page
    assert "a very …a task" in page
    assert "Balanced as in the spec" in page
    assert "40 % of the training answers of sick" in page
    assert "Mean +0.00; below 0 at 50% of 2 looks." in page


def test_a_metric_of_zero_alone_breaks_nothing(found, tmp_path):
    page = transfer_page(found, tmp_path / "t.html", "trial").read_text("utf-8")
    assert "nan" not in page.lower().replace("financ", "")
    assert "inf" not in page.split("<main")[1].split("</main")[0]
    assert "alone it is near 0" in page
    assert "&gt;+1000" in page
    assert "e+1" not in page


def test_without_poison_and_cosines_their_sections_are_left_out(found, tmp_path):
    bare = Transfer(**{**vars(found), "cosines": {}, "poison": None, "spread": {}, "shared": {}})
    page = transfer_page(bare, tmp_path / "t.html", "trial").read_text("utf-8")
    assert "Would it help to share less" not in page
    assert "How far does harm spread" not in page
    assert "Do their gradients agree" not in page


def test_no_tick_where_a_task_surely_loses_and_no_mean_of_nearly_nothing(found, tmp_path):
    gained = replace(found, relative=Effect(3.0, 2.0, 4.0))
    assert "✓" not in transfer_page(gained, tmp_path / "mixed.html", "trial").read_text("utf-8")
    fine = replace(gained, gains=dict.fromkeys(found.gains, UP))
    assert "✓" in transfer_page(fine, tmp_path / "fine.html", "trial").read_text("utf-8")
    page = transfer_page(replace(found, relative=None, seeds=1), tmp_path / "none.html", "trial").read_text("utf-8")
    assert "No mean over tasks" in page
    assert "not over chance in training" in page
