"""An electronic nose grows old: which gas is it a year later, and with four of its sixteen sensors dead.

Batches 1 to 6 teach, 8 and 9 ask; nothing of the test batches enters, not even their mean. The plain model is a
logistic regression whose penalty is the best one when each training batch is left out in turn; what a dead sensor does
not say is the training mean for it, and an empty cell for ours. Which four are dead is drawn `DRAWS` times.
"""

import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import LeaveOneGroupOut, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from polymodal import run
from polymodal.core.seeding import numpy_generator
from polymodal.data.sets.gas_drift import SENSORS
from polymodal.recipes.base import Finding, Kitchen, Recipe, Told, figure

__all__ = ["RECIPE"]

PENALTIES = (0.001, 0.01, 0.1, 1.0, 10.0)
"""Inverse penalties that the plain model chooses from."""

DEAD, DRAWS = 4, 5


def _cook(kitchen: Kitchen) -> Told:
    told = kitchen.fitted("nose", kitchen.spec("gas_drift", {"train": {"members": 3}}))
    fitted = run.open_run(kitchen.out / "nose").fitted
    frame, split = fitted.table.frame, fitted.split
    taught, asked = frame.iloc[np.sort(np.concatenate([split.train, split.validation]))], frame.iloc[split.test]
    plain, strength = _plain(taught)
    found = [figure(told, "gas", "accuracy", "gas, all sensors"), *_by_batch(kitchen, asked)]
    found.append(Finding(f"gas, logistic regression (C = {strength:g})", plain(asked), None, len(asked)))
    for floor, entry in told["tasks"]["gas"]["baselines"].items():
        found.append(Finding(f"gas, plain model of a report: {floor}", entry["metrics"]["accuracy"], None, entry["n"]))
    both = [_with_dead(kitchen, asked, plain, draw) for draw in range(1 if kitchen.tiny else DRAWS)]
    for place, who in enumerate(("ours", "logistic regression")):
        values = [each[place] for each in both]
        found.append(Finding(f"gas, {DEAD} sensors dead, {who}", float(np.mean(values)), None, len(asked)))
        found.append(Finding(f"gas, {DEAD} sensors dead, the worst draw, {who}", min(values), None, len(asked)))
    found += [figure(told, "concentration", name, f"decimal logarithm of ppm, {name}") for name in ("rmse", "r2")]
    for floor, entry in told["tasks"]["concentration"]["baselines"].items():
        name = f"decimal logarithm of ppm, rmse of a plain model: {floor}"
        found.append(Finding(name, entry["metrics"]["rmse"], None, entry["n"]))
    return Told(found, ["nose/report.html"])


def _plain(taught: pd.DataFrame) -> tuple[Callable[[pd.DataFrame], float], float]:
    """What tells the accuracy of a tuned logistic regression on some rows, and its inverse penalty."""
    columns = [name for name in taught if str(name).startswith("sensor_")]
    middle, batches = taught[columns].mean(), taught["batch"].to_numpy()

    def made(strength: float) -> Pipeline:
        return make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=200))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the last digits of a floor do not matter
        scores = [
            cross_val_score(
                made(strength), taught[columns], taught["gas"], groups=batches, cv=LeaveOneGroupOut()
            ).mean()
            for strength in PENALTIES
        ]
        best = PENALTIES[int(np.argmax(scores))]
        model = made(best).fit(taught[columns], taught["gas"])
    return lambda rows: float(model.score(rows[columns].fillna(middle), rows["gas"])), best


def _by_batch(kitchen: Kitchen, asked: pd.DataFrame) -> list[Finding]:
    """Accuracy on each batch of the test."""
    made = pd.read_parquet(kitchen.out / "nose" / "predictions.parquet").query("split == 'test'")
    right = (made["gas.prediction"] == made["gas.target"]).to_numpy()
    parts = [(batch, right[asked["batch"] == batch]) for batch in np.unique(asked["batch"])]
    return [Finding(f"gas, batch {batch}", float(part.mean()), None, len(part)) for batch, part in parts]


def _with_dead(
    kitchen: Kitchen, asked: pd.DataFrame, plain: Callable[[pd.DataFrame], float], draw: int
) -> tuple[float, float]:
    """Accuracy of ours and of the plain model on the test rows without some sensors."""
    gone = numpy_generator(kitchen.seed, "dead sensors", draw).choice(SENSORS, DEAD, replace=False)
    rows = asked.copy()
    rows[[name for name in rows if str(name).startswith(tuple(gone))]] = np.nan
    table = kitchen.out / f"dead-{draw}.parquet"
    rows.to_parquet(table, index=False)
    told = run.evaluate(kitchen.out / "nose", table)
    return float(told["tasks"]["gas"]["metrics"]["accuracy"]), plain(rows)


RECIPE = Recipe("sensors_drift", "An electronic nose that grows old", ("gas_drift",), _cook)
