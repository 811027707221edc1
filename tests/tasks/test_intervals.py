"""Intervals are as wide as chance makes them, pairs are judged on the same draws, groups are drawn whole."""

import numpy as np
import pytest

from polymodal.core import UsageProblem
from polymodal.tasks.intervals import bootstrap, intervals, resampled
from polymodal.tasks.metrics import Answers


def numbers(rows: int, noise: float, seed: int = 0) -> Answers:
    generator = np.random.default_rng(seed)
    truth = np.random.default_rng(99).normal(size=rows)
    return Answers("numbers", truth, truth + generator.normal(0, noise, rows))


def test_the_same_seed_gives_the_same_interval() -> None:
    assert intervals(numbers(80, 1), seed=3) == intervals(numbers(80, 1), seed=3)
    assert intervals(numbers(80, 1), seed=3) != intervals(numbers(80, 1), seed=4)


def test_more_rows_make_it_narrower() -> None:
    few, many = intervals(numbers(50, 1))["mae"], intervals(numbers(5000, 1))["mae"]
    assert many[1] - many[0] < 0.3 * (few[1] - few[0])


def test_it_covers_the_mean_about_as_often_as_it_says() -> None:
    """The mean error of 60 rows, whose expectation is known: 95 % intervals miss it in about 5 of 100 tries."""
    expected = np.sqrt(2 / np.pi)
    missed = 0
    for seed in range(100):
        low, high = intervals(numbers(60, 1, seed), seed=seed, draws=400)["mae"]
        missed += not low <= expected <= high
    assert missed <= 14


def test_groups_that_move_together_widen_it() -> None:
    generator = np.random.default_rng(1)
    groups = np.repeat(np.arange(10), 30)
    truth = np.zeros(300)
    shifted = Answers("numbers", truth, generator.normal(size=10)[groups] + generator.normal(0, 0.1, 300))
    (low, high), (group_low, group_high) = intervals(shifted)["mae"], intervals(shifted, groups)["mae"]
    assert group_high - group_low > 2 * (high - low)


def test_a_handful_of_rows_or_groups_gives_no_interval() -> None:
    truth = np.array(["a", "b"] * 6, dtype=object)
    right = Answers("classes", truth, truth, np.eye(2)[[0, 1] * 6], ["a", "b"])
    few = Answers("classes", truth[:9], truth[:9], np.eye(2)[[0, 1] * 6][:9], ["a", "b"])
    assert "accuracy" in intervals(right)
    assert intervals(few) == {}
    assert intervals(right, np.arange(12) % 4) == {}
    assert "accuracy" in intervals(right, np.arange(12) % 5)


def test_every_row_of_a_group_is_drawn_as_often() -> None:
    groups = np.array(["b", "a", "b", "c"])
    for weights in resampled(4, groups, draws=20):
        assert (weights[:, 0] == weights[:, 2]).all()


def test_rows_are_drawn_as_often_as_there_are() -> None:
    drawn = np.concatenate(list(resampled(700, draws=1000)))
    assert drawn.shape == (1000, 700)
    assert (drawn.sum(1) == 700).all()


def test_a_better_model_is_seen_to_be_better() -> None:
    good, bad = bootstrap(numbers(300, 0.5, 1)), bootstrap(numbers(300, 1.0, 2))
    gap, back = good.difference(bad, "mae", higher_is_better=False), bad.difference(good, "mae", higher_is_better=False)
    assert gap is not None
    assert back is not None
    assert gap.low > 0
    assert (back.difference, back.low, back.high) == pytest.approx((-gap.difference, -gap.high, -gap.low))


def test_a_model_is_exactly_as_good_as_itself() -> None:
    one = bootstrap(numbers(50, 1))
    same = one.difference(one, "r2")
    assert same is not None
    assert (same.low, same.difference, same.high) == (0, 0, 0)


def test_other_rows_cannot_be_paired() -> None:
    with pytest.raises(UsageProblem, match="unpaired"):
        bootstrap(numbers(50, 1)).difference(bootstrap(numbers(51, 1)), "mae")


def test_what_is_undefined_gets_no_interval() -> None:
    one_class = Answers("classes", np.array(["a"] * 9), np.array(["a"] * 9), np.tile([0.7, 0.3], (9, 1)), ["a", "b"])
    assert "auroc" not in intervals(one_class)
    assert intervals(numbers(1, 1)) == {}
    assert intervals(numbers(30, 1), np.zeros(30)) == {}
    assert bootstrap(one_class).difference(bootstrap(one_class), "auroc") is None


def test_calibration_error_lies_within_its_interval() -> None:
    generator = np.random.default_rng(0)
    sure = generator.random(400)
    truth = np.where(generator.random(400) < sure, "b", "a").astype(object)
    chances = np.stack([1 - sure, sure], axis=1)
    judged = bootstrap(Answers("classes", truth, np.where(sure > 0.5, "b", "a"), chances, ["a", "b"]))
    low, high = judged.intervals()["ece"]
    assert low <= judged.metrics["ece"] <= high


def test_where_no_row_errs_an_error_may_still_be_rare() -> None:
    truth = np.array(["a"] * 36 + ["b"] * 12)
    chances = np.stack([truth == "a", truth == "b"], axis=1).astype(float)
    right = Answers("classes", truth, truth, chances, ["a", "b"])
    bounds = intervals(right)
    assert bounds["accuracy"] == pytest.approx((0.9260, 1.0), abs=1e-4)
    assert bounds["balanced_accuracy"] == bounds["auroc"] == pytest.approx((0.7354, 1.0), abs=1e-4)
    assert intervals(right, np.arange(48) // 4)["accuracy"] == pytest.approx((0.7354, 1.0), abs=1e-4)
    wrong = Answers("texts", np.array(["x"] * 41), np.array(["y"] * 41))
    assert intervals(wrong)["exact_match"] == pytest.approx((0.0, 0.0861), abs=1e-4)
    same = bootstrap(right).difference(bootstrap(right), "accuracy")
    assert same is not None
    assert (same.difference, same.low, same.high) == pytest.approx((0, -0.0740, 0.0740), abs=1e-4)
