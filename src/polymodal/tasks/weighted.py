"""Metrics of weighted rows, for many sets of weights at once: `weights` (draws, n) in, (draws,) values out."""

import numpy as np

__all__ = [
    "COUNTED",
    "agreement",
    "calibration_error",
    "class_scores",
    "concordance",
    "correlation",
    "count_scores",
    "mean",
    "mean_of_defined",
    "median",
    "poisson_deviances",
    "rank_correlation",
    "ranking",
    "spread_explained",
]

COUNTED = np.dtype([("count", np.float64), ("exposure", np.float64)])
"""A count, and how long or in how much it was counted."""

BINS = 15
"""Bins of the calibration error, as in Guo et al. 2017."""


def mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The mean of `values` (n,)."""
    return weights @ np.asarray(values, dtype=np.float64) / weights.sum(1)


def mean_of_defined(values: np.ndarray) -> np.ndarray:
    """The mean over the last axis of what is not NaN; NaN where all of it is."""
    known = np.isfinite(values)
    return np.where(known, values, 0).sum(-1) / np.where(known.any(-1), known.sum(-1), np.nan)


def median(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The median of `values` (n,): the middle of the two middle ones where their number is even."""
    order = np.argsort(values, kind="stable")
    sums, ordered = weights[:, order].cumsum(axis=1), np.asarray(values, dtype=np.float64)[order]
    half = sums[:, -1:] / 2
    lower, upper = (sums >= half).argmax(axis=1), (sums > half).argmax(axis=1)
    return (ordered[lower] + ordered[upper]) / 2


def poisson_deviances(count: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """(n,) twice what the log likelihood of a Poisson count loses against a mean that is the count itself.

    2 · (y log(y / m) - y + m), with 0 log 0 = 0 (Nelder and Wedderburn 1972). Infinite for a count that is expected to
    be 0 and is not.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        informed = np.where(count > 0, count * np.log(np.where(count > 0, count, 1.0) / expected), 0.0)
    return np.asarray(2 * (informed - count + expected))


def count_scores(truth: np.ndarray, rate: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    """deviance, mae and rmse of counts (n,), which may be `COUNTED`, beside rates (n,) for an exposure of 1."""
    count, exposure = (truth, 1.0) if truth.dtype.names is None else (truth["count"], truth["exposure"])
    count, expected = count.astype(np.float64), rate * exposure
    return {
        "deviance": mean(poisson_deviances(count, expected), weights),
        "mae": mean(np.abs(count - expected), weights),
        "rmse": np.sqrt(mean((count - expected) ** 2, weights)),
    }


def class_scores(truth: np.ndarray, chosen: np.ndarray, classes: int, weights: np.ndarray) -> dict[str, np.ndarray]:
    """accuracy, balanced_accuracy (mean recall of the classes that occur) and macro_f1 of class numbers (n,)."""
    every = np.arange(classes)
    held, guessed = truth[:, None] == every, chosen[:, None] == every
    hits = weights @ (held & guessed)
    of_truth, of_guess = weights @ held, weights @ guessed
    return {
        "accuracy": mean(truth == chosen, weights),
        "balanced_accuracy": mean_of_defined(hits / of_truth),
        "macro_f1": mean_of_defined(2 * hits / (of_truth + of_guess)),
    }


def agreement(truth: np.ndarray, chosen: np.ndarray, classes: int, weights: np.ndarray) -> np.ndarray:
    """Cohen's kappa with quadratic weights (Cohen 1968): 1 - squared disagreement / that expected by chance.

    The expected squared distance of two independent class numbers follows from their moments.
    """
    a, b = truth.astype(np.float64), chosen.astype(np.float64)
    found = mean((a - b) ** 2, weights)
    expected = mean(a**2, weights) + mean(b**2, weights) - 2 * mean(a, weights) * mean(b, weights)
    # Below this the classes do not vary, and what is left is rounding.
    return np.where(expected > 1e-9 * classes**2, 1 - found / expected, np.nan)


def ranking(held: np.ndarray, score: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How well a score puts the rows where `held` (n,) is True on top: area under ROC, and average precision.

    The first is the chance that a positive scores above a negative, ties counting half (Mann and Whitney 1947); the
    second the mean precision over the positives, each at its own score.
    """
    order = np.argsort(-score, kind="stable")
    starts = _starts(score[order])
    ordered = weights.T[order]  # its rows are contiguous where a bootstrap made the weights
    positive = _within(ordered * held[order, None], starts)
    negative = _within(ordered, starts) - positive
    above, hits = np.cumsum(negative, axis=0), np.cumsum(positive, axis=0)
    area = 1 - (positive * (above - negative / 2)).sum(0) / (hits[-1] * above[-1])
    precision = hits / np.maximum(hits + above, 1e-300)
    return area, (positive * precision).sum(0) / hits[-1]


def concordance(truth: np.ndarray, guess: np.ndarray, seen: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """How often the larger of two true values (n,) has the larger guess, ties of guesses counting half (Harrell 1982).

    Where `seen` (n,) is False only a lower bound of the truth is known: a pair counts where the smaller truth was seen,
    or one of two equal ones. Blocks of growing size are merged, so that time grows with n log² n and not with pairs.
    """
    order = np.lexsort((-guess, ~seen, truth))
    guess, seen, held = guess[order], seen[order], weights.T[order].astype(np.float64)
    first = np.where(seen[:, None], held, 0.0)
    later = held.sum(0) - np.cumsum(held, axis=0)
    above = np.zeros(held.shape[1])
    size, place = 1, np.arange(len(guess))
    while size < len(guess):
        above += _above(guess, first, held, (place // (2 * size), place // size % 2 == 1))
        size *= 2
    # Events at the same time are no pair: what was counted of them, the larger guess first, is taken out again.
    when, once = truth[order][seen], first[seen]
    tied, alike = _pairs(once, when[:, None]), _pairs(once, np.stack([when, guess[seen]], axis=1))
    return (above - alike / 2) / ((first * later).sum(0) - tied)


def calibration_error(confidence: np.ndarray, right: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The mean distance of confidence from hit rate, over equal bins of confidence (Guo et al. 2017, eq. 3)."""
    place = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    gap = (confidence - right)[:, None] * (place[:, None] == np.arange(BINS))
    return np.abs(weights @ gap).sum(1) / weights.sum(1)


def correlation(a: np.ndarray, b: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Pearson's r; `a` and `b` are (n,) or (draws, n)."""
    total = weights.sum(1, keepdims=True)
    a, b = np.atleast_2d(a).astype(np.float64), np.atleast_2d(b).astype(np.float64)
    # What is left of a constant after its mean is taken away is rounding, about 1e-16 of its size.
    least = [(weights * part * part).sum(1) * 1e-24 for part in (a, b)]
    a = a - (weights * a).sum(1, keepdims=True) / total
    b = b - (weights * b).sum(1, keepdims=True) / total
    of_a, of_b = (weights * a * a).sum(1), (weights * b * b).sum(1)
    spread = np.where((of_a > least[0]) & (of_b > least[1]), np.sqrt(of_a * of_b), np.nan)
    return np.clip((weights * a * b).sum(1) / spread, -1, 1)


def rank_correlation(a: np.ndarray, b: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Spearman's rho: Pearson's r of the ranks, tied values sharing their mean rank."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return np.full(len(weights), np.nan)
    return correlation(_ranks(a, weights), _ranks(b, weights), weights)


def spread_explained(truth: np.ndarray, guess: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """R²: 1 - squared error / squared distance of the truth from its own mean."""
    centre = truth - truth.mean()
    spread = mean(centre**2, weights) - mean(centre, weights) ** 2
    small = 1e-12 * max(float((centre**2).max(initial=0.0)), 1e-300)
    return np.where(spread > small, 1 - mean((truth - guess) ** 2, weights) / spread, np.nan)


def _ranks(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    order = np.argsort(values, kind="stable")
    starts = _starts(values[order])
    many = _within(weights.T[order], starts)
    place = np.zeros(len(values), dtype=np.int64)
    place[order] = np.repeat(np.arange(len(starts)), np.diff([*starts, len(values)]))
    return np.asarray((np.cumsum(many, axis=0) - many / 2)[place].T)


def _above(guess: np.ndarray, first: np.ndarray, held: np.ndarray, where: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """(draws,) what stands in the second half of each block and has a larger guess than what stands in the first.

    `where` gives (n,) the block of each entry, and whether it is in the second half.
    """
    block, second = where
    by = np.lexsort((guess, block))
    keys = np.stack([block[by], guess[by]], axis=1)
    run = _ends(np.any(keys[1:] != keys[:-1], axis=1))
    end = _ends(keys[1:, 0] != keys[:-1, 0])[1]
    total = np.concatenate([np.zeros((1, held.shape[1])), np.cumsum(np.where(second[by, None], held[by], 0.0), axis=0)])
    asked = np.flatnonzero(~second[by])
    more = total[end[asked]] - (total[run[0][asked]] + total[run[1][asked]]) / 2
    return np.asarray((first[by[asked]] * more).sum(0))


def _ends(changes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n,) where the run of alike entries begins that each is in, and where it ends; `changes` (n - 1,) parts runs."""
    starts = np.r_[0, np.flatnonzero(changes) + 1]
    ends = np.r_[starts[1:], len(changes) + 1]
    return np.repeat(starts, ends - starts), np.repeat(ends, ends - starts)


def _pairs(rows: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """(draws,) the weight of all pairs of rows (n, draws) with the same keys (n, keys)."""
    if not len(rows):
        return np.zeros(rows.shape[1])
    place = np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1)
    order = np.argsort(place, kind="stable")
    sums = np.add.reduceat(rows[order], np.flatnonzero(np.r_[True, np.diff(place[order]) > 0]), axis=0)
    return np.asarray(((sums**2).sum(0) - (rows**2).sum(0)) / 2)


def _within(rows: np.ndarray, starts: np.ndarray) -> np.ndarray:
    return rows if len(starts) == len(rows) else np.add.reduceat(rows, starts, axis=0)


def _starts(ordered: np.ndarray) -> np.ndarray:
    return np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
