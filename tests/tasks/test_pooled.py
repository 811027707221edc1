"""Scores of lists are those of all their entries together, however rows are weighted."""

import numpy as np
import pytest

from polymodal.tasks.intervals import bootstrap
from polymodal.tasks.metrics import Answers, measure, regression, token_errors
from polymodal.tasks.pooled import label_tables, row_sums


def lists(rows=12, seed=0, shift=0.0):
    draw = np.random.default_rng(seed)
    truth, told = np.empty(rows, dtype=object), np.empty(rows, dtype=object)
    for row in range(rows):
        known = draw.normal(size=draw.integers(1, 9)) + shift
        told[row] = (known + draw.normal(0, 0.5, len(known))).tolist()
        truth[row] = [None if draw.random() < 0.2 else float(number) for number in known]
    return truth, told


def flat(truth, told, times):
    """The pairs of all rows, each row as often as `times` says."""
    return zip(
        *[
            pair
            for known, said, many in zip(truth, told, times, strict=True)
            for pair in list(zip(known, said, strict=True)) * int(many)
            if pair[0] is not None
        ],
        strict=True,
    )


@pytest.mark.parametrize("shift", [0.0, 1e6])
def test_scores_are_those_of_all_tokens(shift):
    truth, told = lists(shift=shift)
    found, wanted = token_errors(truth, told), regression(*flat(truth, told, np.ones(12)))
    assert set(found) == {"mse", "mae", "rmse", "r2", "pearson", "spearman"}
    assert found == pytest.approx(wanted, rel=1e-6, abs=1e-6)


def test_rows_that_are_drawn_again_count_again():
    truth, told = lists()
    weights = np.random.default_rng(1).integers(0, 3, (4, 12)).astype(float)
    found = measure(Answers("token_numbers", truth, told), weights)
    for draw in range(4):
        wanted = regression(*flat(truth, told, weights[draw]))
        for name in ("mse", "mae", "rmse", "r2", "pearson"):
            assert found[name][draw] == pytest.approx(wanted[name])
        assert found["spearman"][draw] == pytest.approx(wanted["spearman"], abs=0.1)  # ranks are those of all tokens
    assert set(bootstrap(Answers("token_numbers", truth, told)).intervals()) == set(found)


def test_what_was_not_told_is_judged_as_the_mean_of_what_was():
    truth, told = np.empty(2, dtype=object), np.empty(2, dtype=object)
    truth[:], told[:] = [[1.0, 2.0], [6.0]], [[1.0, 3.0], []]
    assert token_errors(truth, told)["mae"] == pytest.approx((0 + 1 + 4) / 3)
    told[0] = []
    assert "mae" not in token_errors(truth, told)


def test_where_nothing_varies_shares_of_the_spread_are_left_out():
    truth, told = np.empty(2, dtype=object), np.empty(2, dtype=object)
    truth[:], told[:] = [[3.0, 3.0], [3.0]], [[1.0, 2.0], [3.0]]
    assert set(token_errors(truth, told)) == {"mse", "mae", "rmse"}
    assert row_sums(truth[:0], told[:0]).moments.shape == (6, 0)


def test_tables_of_labels_count_pairs_by_row():
    truth, told = np.empty(2, dtype=object), np.empty(2, dtype=object)
    truth[:], told[:] = [["a", "b", None, "a"], ["b"]], [["a", "a", "a", "b"], []]
    made = label_tables(truth, told, ["a", "b"]).toarray().reshape(2, 2, 3)
    assert made.tolist() == [[[1, 1, 0], [1, 0, 0]], [[0, 0, 0], [0, 0, 1]]]
