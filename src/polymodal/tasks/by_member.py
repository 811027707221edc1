"""How well each member of a family of questions is answered, and the mean over members, for many sets of weights."""

from collections.abc import Iterator

import numpy as np

from polymodal.tasks.weighted import correlation, mean, ranking, spread_explained

__all__ = ["LEAST", "OF_MEMBER", "member_scores", "member_table"]

OF_MEMBER = np.dtype([("target", object), ("member", object)])
"""A label or a number, and the name of the member that was asked."""

LEAST = 5
"""Rows of either answer, or twice as many numbers, that a member is judged by at least: below, an area under the curve
moves by a tenth with a single row."""

Draws = dict[str, np.ndarray]


def member_scores(
    truth: np.ndarray, told: np.ndarray, positive: object | None, weights: np.ndarray
) -> dict[str, np.ndarray]:
    """The mean over members of auroc and auprc of chances `told` (n,), or of r2, pearson and mae of numbers.

    `truth` (n,) is `OF_MEMBER`; `positive` is the label that the chances are of, None for numbers. Members with too few
    rows are left out. A member counts by the mean weight of its rows (draws, n): where members are drawn again, as
    often as it was drawn.
    """
    found: dict[str, list[np.ndarray]] = {}
    counted = []
    for _, rows in _judged(truth, positive):
        given = weights[:, rows]
        counted.append(given.mean(axis=1))
        for name, values in _scores(truth["target"][rows], told[rows], positive, given).items():
            found.setdefault(name, []).append(values)
    if not counted:
        return {}
    many = np.stack(counted, axis=1)
    return {name: _mean_over_members(np.stack(values, axis=1), many) for name, values in found.items()}


def member_table(
    truth: np.ndarray, told: np.ndarray, positive: object | None
) -> tuple[dict[str, dict[str, float]], list[str]]:
    """The rows and scores of each member that can be judged, by name; and the names of those with too few rows."""
    held = {}
    for name, rows in _judged(truth, positive):
        scores = _scores(truth["target"][rows], told[rows], positive, np.ones((1, len(rows))))
        kept = {metric: float(value[0]) for metric, value in scores.items() if np.isfinite(value[0])}
        held[name] = {"n": float(len(rows))} | kept
    return held, sorted({str(name) for name in truth["member"]} - held.keys())


def _judged(truth: np.ndarray, positive: object | None) -> Iterator[tuple[str, np.ndarray]]:
    """Each member with enough rows, and which they are."""
    names, which = np.unique(truth["member"].astype(str), return_inverse=True)
    order = np.argsort(which, kind="stable")
    for name, rows in zip(
        names, np.split(order, np.cumsum(np.bincount(which, minlength=len(names)))[:-1]), strict=True
    ):
        known = truth["target"][rows]
        if positive is None:
            enough = len(rows) >= 2 * LEAST and np.ptp(known.astype(np.float64)) > 0
        else:
            enough = LEAST <= (known == positive).sum() <= len(rows) - LEAST
        if enough:
            yield str(name), rows


def _scores(known: np.ndarray, told: np.ndarray, positive: object | None, weights: np.ndarray) -> Draws:
    with np.errstate(divide="ignore", invalid="ignore"):
        if positive is not None:
            area, precision = ranking(known == positive, told, weights)
            return {"auroc": area, "auprc": precision}
        numbers = known.astype(np.float64)
        return {
            "r2": spread_explained(numbers, told, weights),
            "pearson": correlation(numbers, told, weights),
            "mae": mean(np.abs(numbers - told), weights),
        }


def _mean_over_members(values: np.ndarray, many: np.ndarray) -> np.ndarray:
    """(draws,) of (draws, members); members that are undefined in a draw do not count in it."""
    known = np.isfinite(values) & (many > 0)
    total = np.where(known, many, 0).sum(axis=1)
    return np.where(known, values * many, 0).sum(axis=1) / np.where(total > 0, total, np.nan)
