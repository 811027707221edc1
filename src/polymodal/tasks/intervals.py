"""How far chance alone could have moved a figure: bootstrap intervals, and paired differences between two models."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from polymodal.core import UsageProblem
from polymodal.core.seeding import numpy_generator
from polymodal.tasks.metrics import Answers, measure

__all__ = ["FEWEST_GROUPS", "FEWEST_ROWS", "Bootstrap", "Difference", "bootstrap", "intervals", "resampled"]

CHUNK = 250_000
"""Weights held at a time: small enough to stay in the processor's cache, which is what makes 1,000 draws cheap."""

AT_ONCE = 8
"""Draws that are held together however many rows there are: sorting the rows is then paid for once for all of them."""

FEWEST_ROWS, FEWEST_GROUPS = 10, 5
"""Rows and groups under which nothing is drawn: of three right answers every draw is right, which says nothing."""

BY_ROW = frozenset(["accuracy", "exact_match", "recall_at_1", "recall_at_5", "recall_at_10", "mrr", "chrf", "qwk"])
BY_CLASS = frozenset(["balanced_accuracy", "macro_f1", "auroc", "auprc"])
"""Shares of rows, and means over classes, which end at 0 and 1: where no row errs, no draw of them does."""

LEAST_DRAWS = 200
ROW_DRAWS = 2e7
"""Beyond this many rows × draws, fewer draws are made: at such sizes an interval hardly depends on their number."""


@dataclass(frozen=True)
class Difference:
    """How much better one model is than another on the same rows, with its 95 % interval; above 0 means better."""

    metric: str
    difference: float
    low: float
    high: float


@dataclass(frozen=True)
class Bootstrap:
    """Every metric of some answers, and what it became when their rows were drawn again: `draws` {metric: (draws,)}.

    `rows` are the rows, or groups, that were drawn from, and `rarest` how many of them have the rarest class.
    """

    answers: Answers
    metrics: Mapping[str, float]
    draws: Mapping[str, np.ndarray]
    rows: int
    rarest: int

    def intervals(self) -> dict[str, tuple[float, float]]:
        """The 95 % interval of each metric, by percentiles (Efron 1979).

        A metric that is undefined, or undefined in more than half of the draws, gets none. A share that is 0 or 1 in
        every draw gets the exact bound of so many rows (Clopper and Pearson 1934): of 48 right answers out of 48, .926.
        """
        bounds = {name: _bounds(self.draws[name]) for name in self.metrics if name in self.draws}
        return {name: self._widened(name, *pair) for name, pair in bounds.items() if pair is not None}

    def _widened(self, metric: str, low: float, high: float) -> tuple[float, float]:
        if low != high or low not in (0.0, 1.0):
            return low, high
        return (low - self._slack(metric), high) if low else (low, high + self._slack(metric))

    def _slack(self, metric: str) -> float:
        """How rare an error may be that none of the rows shows: seen with a chance of 97.5 % if it were more common."""
        count = self.rows if metric in BY_ROW else self.rarest if metric in BY_CLASS else 0
        return float(1 - 0.025 ** (1 / count)) if count else 0.0

    def difference(self, other: "Bootstrap", metric: str, *, higher_is_better: bool = True) -> Difference | None:
        """How much better these answers are than others, both judged on the same draws; None where it is undefined.

        Two models that differ in no draw may differ as often as so many rows can hide. Raises UsageProblem where the
        two do not answer for the same rows.
        """
        _same_rows(self.answers, other.answers)
        if any(metric not in side.metrics or metric not in side.draws for side in (self, other)):
            return None
        sign = 1 if higher_is_better else -1
        bounds = _bounds(sign * (self.draws[metric] - other.draws[metric]))
        gap = sign * (self.metrics[metric] - other.metrics[metric])
        if bounds == (0.0, 0.0) and self is not other:
            bounds = (-self._slack(metric), self._slack(metric))
        return None if bounds is None else Difference(metric, gap, *bounds)


def bootstrap(answers: Answers, groups: np.ndarray | None = None, *, seed: int = 0, draws: int = 1000) -> Bootstrap:
    """Judge answers on their rows, and on rows drawn again with replacement.

    `groups` (n,) names the group of each row; then whole groups are drawn, since rows of one group resemble each other
    (the cluster bootstrap of Davison and Hinkley 1997, 3.8). The same seed, rows and groups give the same draws, which
    pairs the models that are compared. With fewer than ten rows, or five groups, there are no draws, and so no
    intervals.
    """
    found: dict[str, list[np.ndarray]] = {}
    for weights in resampled(len(answers), groups, seed=seed, draws=draws):
        for name, values in measure(answers, weights).items():
            found.setdefault(name, []).append(values)
    joined = {name: np.concatenate(parts) for name, parts in found.items()}
    whole = {name: float(value[0]) for name, value in measure(answers).items()} if len(answers) else {}
    metrics = {name: value for name, value in whole.items() if np.isfinite(value)}
    if "ece" in joined and "ece" in metrics:
        # Drawing again adds noise that this error counts as its own, so its draws are moved back to the figure itself.
        joined["ece"] = np.clip(joined["ece"] - np.nanmean(joined["ece"]) + metrics["ece"], 0, 1)
    return Bootstrap(answers, metrics, joined, *_units(answers, groups))


def intervals(
    answers: Answers, groups: np.ndarray | None = None, *, seed: int = 0, draws: int = 1000
) -> dict[str, tuple[float, float]]:
    """The 95 % interval of each metric: `bootstrap` for those who want nothing else of it."""
    return bootstrap(answers, groups, seed=seed, draws=draws).intervals()


def resampled(
    count: int, groups: np.ndarray | None = None, *, seed: int = 0, draws: int = 1000
) -> Iterator[np.ndarray]:
    """Weights (some draws, rows): how often each row is drawn when as many rows (or groups) are drawn, with return."""
    unit = np.arange(count) if groups is None else np.unique(np.asarray(groups).astype(str), return_inverse=True)[1]
    units = int(unit.max(initial=-1)) + 1
    if count < FEWEST_ROWS or units < FEWEST_GROUPS:
        return
    draws = min(draws, max(LEAST_DRAWS, int(ROW_DRAWS / count)))
    generator = numpy_generator(seed, "bootstrap", units)
    step = max(AT_ONCE, min(draws, CHUNK // count))
    for start in range(0, draws, step):
        taken = generator.integers(0, units, (min(step, draws - start), units))
        counts = np.zeros((len(taken), units))
        for draw, members in enumerate(taken):
            counts[draw] = np.bincount(members, minlength=units)
        # The columns are what the metrics read one after the other.
        yield np.asfortranarray(counts if groups is None else counts[:, unit])


def _units(answers: Answers, groups: np.ndarray | None) -> tuple[int, int]:
    """How many rows or groups there are, and how many of them have the rarest class."""
    unit = np.arange(len(answers)) if groups is None else np.asarray(groups).astype(str)
    rows = len(np.unique(unit))
    if answers.kind == "labels":
        sides = [*answers.truth.astype(bool).T, *~answers.truth.astype(bool).T]
    elif answers.kind in ("classes", "ordered"):
        sides = [answers.truth == label for label in np.unique(answers.truth.astype(str))]
    else:
        sides = []
    return rows, min((len(np.unique(unit[side])) for side in sides if side.any()), default=rows)


def _same_rows(ours: Answers, theirs: Answers) -> None:
    if len(ours) == len(theirs) and np.array_equal(ours.truth, theirs.truth):
        return
    raise UsageProblem(
        "unpaired",
        where="difference",
        expected="answers of both models for the same rows",
        found=f"{len(ours)} and {len(theirs)} rows" if len(ours) != len(theirs) else "rows with other truths",
        remedy="take the same test rows in the same order",
    )


def _bounds(values: np.ndarray) -> tuple[float, float] | None:
    known = values[np.isfinite(values)]
    if len(known) * 2 < len(values) or len(known) == 0:
        return None
    low, high = np.percentile(known, [2.5, 97.5])
    return float(low), float(high)
