"""Plain models of how soon something happens: one curve for all, a ridge-penalised Cox model, boosted trees.

All are proportional hazards, so that they tell a risk and a curve as our own task does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize
from sklearn.ensemble import HistGradientBoostingRegressor

from polymodal.tasks.hazards import Curves, Steps, baseline_hazard, proportional_curves

__all__ = ["Hazards", "chosen_strength", "partial_likelihood", "penalised_cox", "tree_hazards"]

STEPS = 200
"""Passes over the rows: the last digits of a floor do not matter."""


@dataclass(frozen=True)
class Hazards:
    """Risks (n,) of the rows that are asked, and the baseline of the rows that taught."""

    risk: np.ndarray
    baseline: Steps

    def curves(self, times: np.ndarray) -> Curves | None:
        """The chances over these times; None where there are none."""
        return Curves(times, proportional_curves(self.baseline, self.risk, times)) if len(times) else None

    @classmethod
    def nobody_apart(cls, truth: np.ndarray, rows: int) -> "Hazards":
        """The same risk for all rows."""
        return cls(np.zeros(rows), baseline_hazard(truth, np.zeros(len(truth))))


def partial_likelihood(risk: np.ndarray, truth: np.ndarray) -> tuple[float, np.ndarray]:
    """The logarithm of Cox's partial likelihood, ties by Breslow (1974), and its slope (n,) at the risks (n,)."""
    order = np.argsort(truth["time"], kind="stable")
    times, events, ordered = truth["time"][order], truth["event"][order], risk[order]
    most = ordered.max(initial=-np.inf)
    shares = np.exp(ordered - most)
    at_risk = np.cumsum(shares[::-1])[::-1][np.searchsorted(times, times, side="left")]
    inverse = np.cumsum(np.where(events, 1 / np.maximum(at_risk, 1e-300), 0.0))
    gathered = inverse[np.searchsorted(times, times, side="right") - 1]
    slope = np.empty(len(risk))
    slope[order] = events - shares * gathered
    return float((ordered - most - np.log(np.maximum(at_risk, 1e-300)))[events].sum()), slope


def penalised_cox(features: Any, truth: np.ndarray, strength: float) -> np.ndarray:
    """(features,) weights that minimise -log partial likelihood + |weights|² / (2 · strength), by L-BFGS.

    `features` (n, features) may be sparse. The function is convex, so that there is one answer.
    """

    def lowered(weights: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = partial_likelihood(np.asarray(features @ weights), truth)
        return -value + weights @ weights / (2 * strength), -np.asarray(features.T @ slope) + weights / strength

    start = np.zeros(features.shape[1])
    return np.asarray(optimize.minimize(lowered, start, jac=True, method="L-BFGS-B", options={"maxiter": STEPS}).x)


def chosen_strength(
    features: Any, truth: np.ndarray, strengths: Sequence[float], folds: Sequence[tuple[np.ndarray, np.ndarray]]
) -> float:
    """The strength under which held-out rows are most likely, trying stronger ones as long as they help.

    What a fold adds is the likelihood of all rows less that of the rows that taught (Verweij and van Houwelingen 1993).
    """
    best, most = 1.0, -np.inf
    for strength in strengths if folds else ():
        gain = 0.0
        for fit, _ in folds:
            risk = np.asarray(features @ penalised_cox(features[fit], truth[fit], strength))
            gain += partial_likelihood(risk, truth)[0] - partial_likelihood(risk[fit], truth[fit])[0]
        if gain <= most:
            break
        best, most = strength, gain
    return best


def tree_hazards(options: dict[str, Any], features: np.ndarray, truth: np.ndarray, asked: np.ndarray) -> Hazards:
    """Boosted trees under proportional hazards with the baseline held fixed (LeBlanc and Crowley 1992).

    With the hazard H that has gathered by a row's time, whether it had the event is as if drawn by Poisson's law with
    the mean H · exp(risk): trees learn event / H by Poisson's deviance, rows weighing H.
    """
    baseline = baseline_hazard(truth, np.zeros(len(truth)))
    gathered = baseline.at(truth["time"])
    exposed = np.maximum(gathered, 1e-3 * max(float(gathered.max(initial=0.0)), 1e-12))
    model = HistGradientBoostingRegressor(loss="poisson", **options)
    model.fit(features, truth["event"] / exposed, sample_weight=exposed)
    return Hazards(np.log(np.maximum(model.predict(asked), 1e-12)), baseline)
