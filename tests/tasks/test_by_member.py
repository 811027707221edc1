"""Scores of members: known values, members with too few rows, members drawn again."""

import numpy as np
import pytest
from scipy.stats import pearsonr
from sklearn.metrics import average_precision_score, r2_score, roc_auc_score

from polymodal.tasks.by_member import LEAST, OF_MEMBER, member_scores, member_table

RNG = np.random.default_rng(0)


def asked(sizes: dict[str, int], labels: bool) -> tuple[np.ndarray, np.ndarray]:
    """Rows of members in mixed order, and what was told of them."""
    names = RNG.permutation([name for name, size in sizes.items() for _ in range(size)])
    truth = np.empty(len(names), dtype=OF_MEMBER)
    truth["member"] = names
    truth["target"] = (
        [["no", "yes"][row % 2] for row in range(len(names))] if labels else list(RNG.normal(size=len(names)))
    )
    return truth, RNG.random(len(names))


def test_the_mean_over_members_is_that_of_what_scikit_learn_says_of_each() -> None:
    truth, told = asked({"a": 40, "b": 60, "few": 3}, labels=True)
    areas, precisions = [], []
    for name in ("a", "b"):
        rows = truth["member"] == name
        areas.append(roc_auc_score(truth["target"][rows] == "yes", told[rows]))
        precisions.append(average_precision_score(truth["target"][rows] == "yes", told[rows]))
    found = member_scores(truth, told, "yes", np.ones((1, len(truth))))
    assert found["auroc"][0] == pytest.approx(np.mean(areas))
    assert found["auprc"][0] == pytest.approx(np.mean(precisions))
    table, few = member_table(truth, told, "yes")
    assert few == ["few"]
    assert table["b"] == pytest.approx({"n": 60, "auroc": areas[1], "auprc": precisions[1]})


def test_numbers_are_judged_within_each_member() -> None:
    truth, told = asked({"a": 30, "b": 20, "few": LEAST}, labels=False)
    rows = {name: truth["member"] == name for name in ("a", "b")}
    numbers = {name: truth["target"][rows[name]].astype(float) for name in rows}
    found = member_scores(truth, told, None, np.ones((1, len(truth))))
    assert found["r2"][0] == pytest.approx(np.mean([r2_score(numbers[name], told[rows[name]]) for name in rows]))
    assert found["pearson"][0] == pytest.approx(
        np.mean([pearsonr(numbers[name], told[rows[name]])[0] for name in rows])
    )
    assert member_table(truth, told, None)[1] == ["few"]


def test_a_member_counts_as_often_as_it_is_drawn() -> None:
    truth, told = asked({"a": 40, "b": 60}, labels=True)
    alone = {name: member_table(truth, told, "yes")[0][name]["auroc"] for name in ("a", "b")}
    weights = np.stack([np.where(truth["member"] == "a", *pair) for pair in ((3.0, 1.0), (0.0, 2.0), (0.0, 0.0))])
    found = member_scores(truth, told, "yes", weights)["auroc"]
    assert found[0] == pytest.approx((3 * alone["a"] + alone["b"]) / 4)
    assert found[1] == pytest.approx(alone["b"])
    assert np.isnan(found[2])


def test_without_a_member_that_can_be_judged_there_are_no_scores() -> None:
    truth, told = asked({"a": 3}, labels=True)
    assert member_scores(truth, told, "yes", np.ones((1, 3))) == {}
    same = truth.copy()
    same["target"] = "no"
    assert member_table(same, told, "yes") == ({}, ["a"])
