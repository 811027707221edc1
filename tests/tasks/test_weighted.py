"""Many sets of weights at once give what each gives alone."""

import numpy as np
import pytest

from polymodal.tasks.weighted import concordance, correlation, mean, mean_of_defined, ranking


def test_draws_do_not_see_each_other() -> None:
    generator = np.random.default_rng(0)
    held, score = generator.random(40) > 0.5, generator.normal(size=40).round(1)
    weights = generator.integers(0, 3, (5, 40)).astype(float)
    together = ranking(held, score, weights)
    alone = [ranking(held, score, weights[draw : draw + 1]) for draw in range(5)]
    for place in range(2):
        np.testing.assert_allclose(together[place], [made[place][0] for made in alone])


def test_a_row_without_weight_is_not_there() -> None:
    values, weights = np.array([1.0, 2.0, 1e9]), np.array([[1.0, 1.0, 0.0]])
    assert mean(values, weights)[0] == 1.5


def test_mean_of_defined_skips_what_is_not_a_number() -> None:
    found = mean_of_defined(np.array([[1.0, np.nan, 3.0], [np.nan, np.nan, np.nan]]))
    assert found[0] == 2
    assert np.isnan(found[1])


def test_a_constant_correlates_with_nothing() -> None:
    rising, weights = np.arange(9.0), np.ones((1, 9))
    assert np.isnan(correlation(np.full(9, 1e6) / 3, rising, weights)[0])
    assert np.isclose(correlation(rising * 1e-9, rising, weights)[0], 1)


@pytest.mark.parametrize("rows", [1, 2, 3, 9, 70])
def test_concordance_is_that_of_lifelines_with_ties_of_both_kinds(rows: int) -> None:
    reference = pytest.importorskip("lifelines.utils", reason="lifelines asks for pandas below 3").concordance_index
    for seed in range(20):
        generator = np.random.default_rng(seed)
        truth = generator.integers(1, 2 + rows // 2, rows).astype(float)
        guess, seen = generator.integers(0, 2 + rows // 3, rows).astype(float), generator.random(rows) < 0.6
        with np.errstate(invalid="ignore"):
            found = concordance(truth, guess, seen, np.ones((1, rows)))[0]
        try:
            wanted = reference(truth, guess, seen)
        except ZeroDivisionError:  # no pair can be compared
            assert np.isnan(found)
        else:
            assert np.isclose(found, wanted, atol=1e-12)


def test_a_row_that_is_drawn_twice_is_there_twice() -> None:
    generator = np.random.default_rng(1)
    truth, guess = generator.integers(1, 9, (2, 40)).astype(float)
    seen, weights = generator.random(40) < 0.6, generator.integers(0, 3, (6, 40)).astype(float)
    together = concordance(truth, guess, seen, weights)
    for draw in range(6):
        rows = np.repeat(np.arange(40), weights[draw].astype(int))
        assert np.isclose(together[draw], concordance(truth[rows], guess[rows], seen[rows], np.ones((1, len(rows))))[0])
