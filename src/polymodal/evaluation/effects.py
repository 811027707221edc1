"""How much better one way of learning is than another, over seeds and over the rows that it was judged on."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from polymodal.core.seeding import numpy_generator

__all__ = ["Effect", "Scores", "effect", "mean_effect"]


@dataclass(frozen=True)
class Scores:
    """One metric of one way of learning.

    `values` (seeds,) are those of each seed on all rows, `draws` (seeds, draws) those on rows that were drawn again,
    the same for all seeds and all ways. `sign` is 1 where more is better, -1 where less is. `task` is whose metric it
    is, where one of several.
    """

    values: np.ndarray
    draws: np.ndarray
    sign: int
    task: str = ""


@dataclass(frozen=True)
class Effect:
    """A difference with its 95 % interval, above 0 where it is for the better; no interval where rows are too few.

    With one of the `seeds` alone the interval is over rows, and knows nothing of chance in training.
    """

    difference: float
    low: float | None
    high: float | None
    seeds: int = field(default=2, compare=False)

    @property
    def sure(self) -> int:
        """1 where the interval lies above 0, -1 where it lies below, else 0, and with one seed."""
        if self.low is None or self.high is None or self.seeds < 2:
            return 0
        return int(self.low > 0) - int(self.high < 0)


def effect(ours: Scores, theirs: Scores) -> Effect:
    """How much better `ours` is, in the unit of the metric. Seeds of both are paired, and so are rows."""
    return _told(*_differences(ours, theirs), len(ours.values))


def mean_effect(pairs: Sequence[tuple[Scores, Scores]]) -> Effect | None:
    """The mean over tasks of how much better the first is, in percent of the second.

    This is the Δm of Maninis, Radosavovic and Kokkinos (2019, eq. 4); aspects of one task count as much as one task.
    The size of what is divided by is that of the
    whole test rows, so that a draw near 0 does not blow it up. None where a second one is not above 0, or differs from
    the first by more than its own size: a percentage of nearly nothing would drown all others.
    """
    parts, of = [], [ours.task for ours, _ in pairs]
    for ours, theirs in pairs:
        whole, drawn = _differences(ours, theirs)
        size = float(theirs.values.mean())
        if size <= 0 or abs(float(whole[0])) > size:
            return None
        parts.append((100.0 / size * whole, 100.0 / size * drawn))
    weights = [1 / of.count(task) for task in of]
    whole, drawn = (np.average([part[place] for part in parts], axis=0, weights=weights) for place in (0, 1))
    return _told(whole, drawn, len(pairs[0][0].values))


def _differences(ours: Scores, theirs: Scores) -> tuple[np.ndarray, np.ndarray]:
    """(1,) the difference on all rows, and (draws,) where rows and seeds are drawn again."""
    whole = ours.sign * (ours.values - theirs.values)
    drawn = ours.sign * (ours.draws - theirs.draws)
    seeds, draws = drawn.shape
    taken = numpy_generator(0, "seeds", seeds).integers(0, seeds, (seeds, draws))
    return whole.mean(keepdims=True), np.take_along_axis(drawn, taken, axis=0).mean(axis=0)


def _told(whole: np.ndarray, drawn: np.ndarray, seeds: int) -> Effect:
    known = drawn[np.isfinite(drawn)]
    if not len(known) or 2 * len(known) < len(drawn):
        return Effect(float(whole[0]), None, None, seeds)
    low, high = np.percentile(known, [2.5, 97.5])
    return Effect(float(whole[0]), float(low), float(high), seeds)
