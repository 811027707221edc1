"""How long until something happens, where some only know that it had not happened yet: steps, curves, and their error.

An outcome is (n,) of the type `OUTCOME`: a time, and whether the event happened then or was only not seen until then
(censoring).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = [
    "OUTCOME",
    "Curves",
    "Steps",
    "baseline_hazard",
    "curve_times",
    "integrated_errors",
    "outcomes",
    "proportional_curves",
    "remaining",
]

OUTCOME = np.dtype([("time", np.float64), ("event", np.bool_)])

PIECES = 64
"""Equal pieces that the time up to the horizon is cut into where curves are told."""

FARTHEST = 500.0
"""Beyond this a logarithm of a hazard only says "at once" or "never", and its exponential would overflow."""


def outcomes(times: np.ndarray, events: np.ndarray) -> np.ndarray:
    """(n,) outcomes of times (n,) and whether the event happened (n,)."""
    made = np.empty(len(times), dtype=OUTCOME)
    made["time"], made["event"] = times, events
    return made


@dataclass(frozen=True)
class Steps:
    """A function that changes at `times` (k,), which rise, to `values` (k,); before the first it is `start`."""

    times: np.ndarray
    values: np.ndarray
    start: float

    def at(self, times: np.ndarray) -> np.ndarray:
        """Its values at these times, steps taken."""
        return np.r_[self.start, self.values][np.searchsorted(self.times, times, side="right")]

    def before(self, times: np.ndarray) -> np.ndarray:
        """Its values just before these times."""
        return np.r_[self.start, self.values][np.searchsorted(self.times, times, side="left")]


@dataclass(frozen=True)
class Curves:
    """How likely the event has not happened yet: `chances` (n, times), which fall, at `times` from 0 on.

    `told` are those of the times that a table of predictions shows. Errors are counted up to the `horizon`; a time
    beyond it is only told, and its chance is NaN where nothing is known of it.
    """

    times: np.ndarray
    chances: np.ndarray
    told: Sequence[float] = ()
    horizon: float = np.inf

    def __len__(self) -> int:
        return len(self.chances)

    def take(self, rows: np.ndarray) -> "Curves":
        """Those of some rows."""
        return Curves(self.times, self.chances[rows], self.told, self.horizon)

    def at(self, time: float) -> np.ndarray:
        """(n,) the chances at one of the times that are told."""
        return self.chances[:, int(np.searchsorted(self.times, time))]

    def medians(self) -> np.ndarray:
        """(n,) when the chance falls to one half, on a straight line between two times; NaN where it never does."""
        reached = self.chances <= 0.5
        last = reached.argmax(axis=1)
        first, rows = np.maximum(last - 1, 0), np.arange(len(self))
        above, below = self.chances[rows, first], self.chances[rows, last]
        share = np.where(above > below, (above - 0.5) / np.where(above > below, above - below, 1.0), 0.0)
        found = self.times[first] + share * (self.times[last] - self.times[first])
        return np.where(reached.any(axis=1), found, np.nan)


def curve_times(horizon: float, told: Sequence[float] = ()) -> np.ndarray:
    """The times of curves: equal pieces from 0 up to a horizon, and those that are told."""
    return np.unique(np.r_[np.linspace(0.0, horizon, PIECES + 1), np.asarray(told, dtype=np.float64)])


def baseline_hazard(truth: np.ndarray, risk: np.ndarray) -> Steps:
    """The hazard that has gathered by each time for a row of risk 0 (Breslow 1972).

    `risk` (n,) are logarithms of relative hazards; all 0 gives the estimate of Nelson and Aalen. Events of one time are
    each divided by all who were at risk then.
    """
    order = np.argsort(truth["time"], kind="stable")
    times, events = truth["time"][order], truth["event"][order]
    shares = np.exp(np.clip(risk[order], -FARTHEST, FARTHEST))
    at_risk = np.cumsum(shares[::-1])[::-1]
    distinct, first = np.unique(times, return_index=True)
    happened = np.add.reduceat(events.astype(np.float64), first) if len(first) else np.zeros(0)
    hazard = np.cumsum(happened / np.maximum(at_risk[first], 1e-300))
    kept = happened > 0
    return Steps(distinct[kept], hazard[kept], 0.0)


def remaining(truth: np.ndarray) -> Steps:
    """The share for which the event has not happened yet, by time (Kaplan and Meier 1958)."""
    times, place, counts = np.unique(truth["time"], return_inverse=True, return_counts=True)
    happened = np.bincount(place, truth["event"], minlength=len(times))
    at_risk = counts[::-1].cumsum()[::-1]
    return Steps(times, np.cumprod(1 - happened / np.maximum(at_risk, 1)), 1.0)


def proportional_curves(baseline: Steps, risk: np.ndarray, times: np.ndarray) -> np.ndarray:
    """(n, times) exp(-H0(t) · exp(risk)): the chances under proportional hazards (Cox 1972)."""
    with np.errstate(divide="ignore"):
        level = np.log(baseline.at(times))
    gathered = np.exp(np.clip(level + np.clip(risk, -FARTHEST, FARTHEST)[:, None], None, FARTHEST))
    return np.exp(-gathered)


def integrated_errors(truth: np.ndarray, curves: Curves) -> np.ndarray:
    """(n,) the squared error of each row's curve, averaged over the time up to the horizon; their mean is the score.

    At each time a row counts by the inverse of its chance not to have been censored before (Graf et al. 1999, eq. 8),
    which is estimated on these very rows; one that was censored before does not count.
    """
    known = remaining(outcomes(truth["time"], ~truth["event"]))
    counted = curves.times <= curves.horizon
    times, chances, own = curves.times[counted], curves.chances[:, counted], truth["time"][:, None]
    alive, gone = own > times, (own <= times) & truth["event"][:, None]
    weight = np.where(gone, _inverse(known.before(truth["time"]))[:, None], _inverse(known.at(times)))
    errors = np.where(gone | alive, weight * (chances - alive) ** 2, 0.0)
    return np.asarray(np.trapezoid(errors, times, axis=1) / (times[-1] - times[0]))


def _inverse(share: np.ndarray) -> np.ndarray:
    # Where nobody is left uncensored no row is alive either, and the weight is not used.
    return 1.0 / np.where(share > 0, share, 1.0)
