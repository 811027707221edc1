"""Differences between ways of learning: their sign, their intervals, and what seeds add."""

import numpy as np
import pytest

from polymodal.evaluation.effects import Effect, Scores, effect, mean_effect

DRAW = np.random.default_rng(0)


def scores(middle: float, seeds: int = 3, noise: float = 0.0, sign: int = 1, rows: float = 0.02) -> Scores:
    values = middle + noise * DRAW.normal(size=seeds)
    shared = rows * np.random.default_rng(1).normal(size=400)  # the same rows drawn again for every way
    return Scores(values, values[:, None] + shared, sign)


def test_what_all_rows_share_cancels():
    found = effect(scores(0.8), scores(0.7))
    assert (found.difference, found.low, found.high) == pytest.approx((0.1, 0.1, 0.1))
    assert found.sure == 1


def test_less_is_better_for_an_error():
    found = effect(scores(2.0, sign=-1), scores(1.5, sign=-1))
    assert found.difference == pytest.approx(-0.5)
    assert found.sure == -1


def test_seeds_that_differ_widen_the_interval():
    found = effect(scores(0.8, 5, noise=0.1), scores(0.79, 5, noise=0.1))
    assert found.high - found.low > 0.05
    assert found.low <= found.difference <= found.high


def test_without_draws_there_is_no_interval_and_nothing_is_sure():
    bare = Scores(np.array([0.9]), np.zeros((1, 0)), 1)
    assert effect(bare, Scores(np.array([0.5]), np.zeros((1, 0)), 1)) == Effect(0.4, None, None)
    assert effect(bare, bare).sure == 0


def test_one_seed_is_never_sure():
    found = effect(scores(0.8, seeds=1), scores(0.7, seeds=1))
    assert (found.low, found.high) == pytest.approx((0.1, 0.1))
    assert found.sure == 0


def test_a_percentage_of_nearly_nothing_is_not_told():
    fine = (scores(0.55), scores(0.5))
    assert mean_effect([fine, (scores(0.4), scores(0.01))]) is None
    assert mean_effect([fine, (scores(0.4), scores(-0.2))]) is None
    assert mean_effect([fine, (scores(0.0), scores(0.4))]) is not None


def test_the_mean_over_tasks_is_in_percent_of_alone():
    pairs = [(scores(0.55), scores(0.5)), (scores(9.0, sign=-1), scores(10.0, sign=-1))]
    assert mean_effect(pairs).difference == pytest.approx(10.0)
    assert mean_effect(pairs[:1]).difference == pytest.approx(10.0)
    assert mean_effect([(scores(0.5), scores(0.5)), pairs[1]]).difference == pytest.approx(5.0)
