"""Counts: what is read, what is refused, the two losses, and how expected counts are judged."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import nbinom, poisson
from sklearn.metrics import mean_poisson_deviance

from polymodal.core import DataError
from polymodal.data.base import DataTable
from polymodal.tasks import Count
from polymodal.tasks.metrics import counts
from polymodal.tasks.weighted import COUNTED, poisson_deviances


def table(many, **other) -> DataTable:
    return DataTable(pd.DataFrame({"many": pd.Series(many, dtype=object)} | other))


def fitted(many, **options):
    exposure = options.get("exposure")
    held = table(many) if exposure is None else table(many, days=pd.Series(options.pop("days"), dtype=object))
    task = Count("many", **options)
    task.reader.fit(held, np.arange(len(many)))
    return task, task.reader.read(held)


def test_whole_numbers_from_zero_on_are_read_and_others_refused():
    task, cells = fitted(["0", "3", "1.5", "-1", "", "1,000", "1e16", "7.0"])
    assert cells.present.tolist() == [True, True, False, False, False, True, False, True]
    assert [(refusal.row, refusal.column) for refusal in cells.refusals] == [(2, "many"), (3, "many"), (6, "many")]
    assert cells.refusals[0].reason == '"1.5" is no whole number from 0 on'
    assert task.reader.rate == pytest.approx((0 + 3 + 1000 + 7) / 4)


def test_an_exposure_has_to_be_above_zero():
    task, cells = fitted(["2", "3", "4", "1"], exposure="days", days=["1", "0", "", "4"])
    assert cells.present.tolist() == [True, False, False, True]
    assert [(refusal.row, refusal.column) for refusal in cells.refusals] == [(1, "days"), (2, "days")]
    assert task.reader.rate == pytest.approx(3 / 5)


@pytest.mark.parametrize("many", [["0", "0"], ["2", "2"], ["-1", "x"]])
def test_counts_that_do_not_differ_are_no_target(many):
    with pytest.raises(DataError, match=r"constant-target|no-counts"):
        fitted(many)


def test_the_poisson_loss_differs_from_the_likelihood_by_what_cannot_be_learned():
    task, cells = fitted(["0", "3", "12", "1"], exposure="days", days=["1", "2", "4", "1"])
    target = torch.from_numpy(cells.values)
    outputs = torch.tensor([[0.0], [1.0], [-0.5], [2.0]], dtype=torch.float64)
    exposure = cells.values[:, 1]
    wanted = poisson.logpmf(cells.values[:, 0], cells.values[:, 0]) - poisson.logpmf(
        cells.values[:, 0], outputs[:, 0].exp().numpy() * exposure
    )
    np.testing.assert_allclose(task.losses(outputs, target) * task.reader.spread, wanted, atol=1e-12)
    mean_rate = torch.full_like(outputs, float(np.log(task.reader.rate)))
    assert task.losses(mean_rate, target).mean().item() == pytest.approx(1.0)


def test_the_negative_binomial_loss_is_its_likelihood():
    task, cells = fitted(["0", "3", "12", "1"], family="negative_binomial")
    outputs = torch.tensor([[0.3, 0.0], [1.0, -1.0], [2.0, 1.0], [0.0, 0.5]], dtype=torch.float64)
    mean, size = outputs[:, 0].exp().numpy(), 1 / outputs[:, 1].exp().numpy()
    wanted = -nbinom.logpmf(cells.values, size, size / (size + mean))
    np.testing.assert_allclose(task.losses(outputs, torch.from_numpy(cells.values)), wanted, rtol=1e-10)


def test_rates_are_judged_by_the_counts_that_they_expect():
    task, cells = fitted(["0", "3", "12", "1"], exposure="days", days=["1", "2", "4", "1"])
    truth = task.truth(torch.from_numpy(cells.values))
    assert truth.dtype == COUNTED
    rate = np.array([0.5, 1.0, 2.0, 3.0])
    found = task.metrics(task.decode(torch.from_numpy(np.log(rate))[:, None]), truth)
    expected = rate * truth["exposure"]
    assert found["deviance"] == pytest.approx(mean_poisson_deviance(truth["count"], expected))
    assert found["mae"] == pytest.approx(np.abs(truth["count"] - expected).mean())
    assert found["rmse"] == pytest.approx(np.sqrt(((truth["count"] - expected) ** 2).mean()))
    assert counts(truth["count"], expected) == pytest.approx(found)


def test_far_outputs_stay_finite():
    task, _ = fitted(["0", "3"])
    assert np.isfinite(task.decode(torch.tensor([[1e9], [-1e9]])).prediction).all()
    assert poisson_deviances(np.array([0.0, 2.0]), np.array([0.0, 0.0])).tolist() == [0.0, np.inf]
