"""Plain models of counts: the mean rate, a Poisson regression with a ridge penalty, boosted trees.

All tell a rate for an exposure of 1, as our own task does; rows weigh as much as their exposure, which is the same as
the logarithm of the exposure as an offset.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import PoissonRegressor

from polymodal.tasks.weighted import poisson_deviances

__all__ = ["chosen_penalty", "mean_rate", "poisson_regression", "tree_rates"]

PASSES = 200
"""Steps of the solver: the last digits of a floor do not matter."""
LEAST = 1e-12
"""A rate that is told as nothing is this share of the mean rate: a count that comes all the same costs no infinity."""


def mean_rate(truth: np.ndarray) -> float:
    """What was counted, divided by the exposure in all."""
    rate, exposure = _rates(truth)
    return float((rate * exposure).sum() / exposure.sum())


def chosen_penalty(
    features: Any, truth: np.ndarray, strengths: Sequence[float], folds: Sequence[tuple[np.ndarray, np.ndarray]]
) -> float:
    """The strength (inverse penalty) whose deviance on the held rows of the folds is least; 1 without folds."""
    best, least = 1.0, np.inf
    for strength in strengths if folds else ():
        lost = []
        for fit, held in folds:
            if not _rates(truth[fit])[0].any():
                continue
            told = poisson_regression(features[fit], truth[fit], strength, features[held])
            rate, exposure = _rates(truth[held])
            lost.append(poisson_deviances(rate * exposure, told * exposure).mean())
        if not lost or np.mean(lost) >= least:
            break
        best, least = strength, float(np.mean(lost))
    return best


def poisson_regression(features: Any, truth: np.ndarray, strength: float, asked: Any) -> np.ndarray:
    """(asked,) rates, by a logarithm of the rate that is linear in the features; `strength` is the inverse penalty."""
    rate, exposure = _rates(truth)
    middle = mean_rate(truth)
    model = PoissonRegressor(alpha=1 / (strength * len(truth)), max_iter=PASSES)
    # In units of the mean rate, so that the solver starts near it whatever was counted.
    told = model.fit(features, rate / middle, sample_weight=exposure).predict(asked)
    return np.asarray(np.clip(told, LEAST, 1 / LEAST) * middle)


def tree_rates(options: dict[str, Any], table: np.ndarray, truth: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """(asked,) rates, by trees that lower the Poisson deviance."""
    rate, exposure = _rates(truth)
    middle = mean_rate(truth)
    model = HistGradientBoostingRegressor(loss="poisson", **options)
    told = model.fit(table, rate / middle, sample_weight=exposure).predict(asked)
    return np.asarray(np.clip(told, LEAST, 1 / LEAST) * middle)


def _rates(truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n,) counts by exposure, and exposures."""
    if truth.dtype.names is None:
        return np.asarray(truth, dtype=np.float64), np.ones(len(truth))
    return truth["count"] / truth["exposure"], truth["exposure"]
