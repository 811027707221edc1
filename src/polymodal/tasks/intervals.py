"""How far chance alone could have moved a figure: bootstrap intervals, and paired differences between two models."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from polymodal.core import UsageProblem
from polymodal.core.seeding import numpy_generator
from polymodal.tasks.metrics import Answers, measure

__all__ = ["Difference", "difference", "intervals", "resampled"]

CHUNK = 250_000
"""Weights held at a time: small enough to stay in the processor's cache, which is what makes 1,000 draws cheap."""

LEAST_DRAWS = 200
ROW_DRAWS = 2e8
"""Beyond this many rows × draws, fewer draws are made: at such sizes an interval hardly depends on their number."""


@dataclass(frozen=True)
class Difference:
    """How much better one model is than another on the same rows, with its 95 % interval; above 0 means better."""

    metric: str
    difference: float
    low: float
    high: float


def intervals(
    answers: Answers, groups: np.ndarray | None = None, *, seed: int = 0, draws: int = 1000
) -> dict[str, tuple[float, float]]:
    """The 95 % interval of each metric, by the percentiles of resampled rows (Efron 1979).

    `groups` (n,) names the group of each row; then whole groups are resampled, since rows of one group resemble each
    other (the cluster bootstrap of Davison and Hinkley 1997, 3.8). A metric that is undefined in more than half of the
    draws gets no interval, and fewer than two rows or groups get none at all.
    """
    found: dict[str, list[np.ndarray]] = {}
    for weights in resampled(len(answers), groups, seed=seed, draws=draws):
        for name, values in measure(answers, weights).items():
            found.setdefault(name, []).append(values)
    drawn = {name: np.concatenate(parts) for name, parts in found.items()}
    if "ece" in drawn:
        # Resampling adds noise that this error counts as its own, so its draws are moved back to the figure itself.
        moved = drawn["ece"] - np.nanmean(drawn["ece"]) + measure(answers)["ece"]
        drawn["ece"] = np.clip(moved, 0, 1)
    bounds = {name: _bounds(values) for name, values in drawn.items()}
    return {name: pair for name, pair in bounds.items() if pair is not None}


def difference(
    ours: Answers,
    theirs: Answers,
    metric: str,
    groups: np.ndarray | None = None,
    *,
    higher_is_better: bool = True,
    seed: int = 0,
    draws: int = 1000,
) -> Difference | None:
    """How much better `ours` is than `theirs` by one metric, both judged on the same resampled rows.

    None where the metric is undefined. Raises UsageProblem where the two do not answer for the same rows.
    """
    if len(ours) != len(theirs) or not np.array_equal(ours.truth, theirs.truth):
        raise UsageProblem(
            "unpaired",
            where="difference",
            expected="answers of both models for the same rows",
            found=f"{len(ours)} and {len(theirs)} rows" if len(ours) != len(theirs) else "rows with other truths",
            remedy="take the same test rows in the same order",
        )
    sign = 1 if higher_is_better else -1
    pairs = resampled(len(ours), groups, seed=seed, draws=draws)
    gaps = [sign * (measure(ours, weights)[metric] - measure(theirs, weights)[metric]) for weights in pairs]
    bounds = _bounds(np.concatenate(gaps)) if gaps else None
    gap = sign * float(measure(ours)[metric][0] - measure(theirs)[metric][0]) if len(ours) else np.nan
    return None if bounds is None or not np.isfinite(gap) else Difference(metric, gap, *bounds)


def resampled(
    count: int, groups: np.ndarray | None = None, *, seed: int = 0, draws: int = 1000
) -> Iterator[np.ndarray]:
    """Weights (some draws, rows): how often each row is drawn when as many rows (or groups) are drawn with replacement.

    The same seed gives the same draws to whoever asks, which pairs the models that are compared.
    """
    unit = np.arange(count) if groups is None else np.unique(np.asarray(groups).astype(str), return_inverse=True)[1]
    units = int(unit.max(initial=-1)) + 1
    if units < 2:
        return
    draws = min(draws, max(LEAST_DRAWS, int(ROW_DRAWS / count)))
    generator = numpy_generator(seed, "bootstrap", units)
    step = max(1, min(draws, CHUNK // count))
    for start in range(0, draws, step):
        taken = generator.integers(0, units, (min(step, draws - start), units))
        counts = np.zeros((len(taken), units))
        for draw, members in enumerate(taken):
            counts[draw] = np.bincount(members, minlength=units)
        # The columns are what the metrics read one after the other.
        yield np.asfortranarray(counts if groups is None else counts[:, unit])


def _bounds(values: np.ndarray) -> tuple[float, float] | None:
    known = values[np.isfinite(values)]
    if len(known) * 2 < len(values):
        return None
    low, high = np.percentile(known, [2.5, 97.5])
    return float(low), float(high)
