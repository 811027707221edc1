"""All losses fall at the same rate, for the price of remembering the last ones."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from pydantic import NonNegativeFloat, PositiveFloat
from torch import Tensor

from polymodal.balancing.base import Balancer
from polymodal.balancing.memory import listed, unlisted
from polymodal.balancing.solvers import Vector, mean_one, over_known
from polymodal.core.shapes import Losses

__all__ = ["FAMO"]

MEANS, SQUARES, SMALLEST = 0.9, 0.999, 1e-8  # of Adam, as its authors leave them


class FAMO(Balancer):
    """The task that improves least, by its share, gets more weight, without a Gramian (Liu et al. 2023, algorithm 1).

    The step lowers Σ zᵢ log lossᵢ, where z is the softmax of learned logits: the weights are zᵢ / lossᵢ, scaled to a
    mean of 1. The logits go down the gradient of Σ zᵢ (log loss before − log loss after the step) by Adam, with `lr`
    and weight decay `decay` as in the authors' program. The loss after a step is read off at the next step, which
    spares a second pass, and is that of another batch: what differs between two batches is noise in the logits.
    """

    claims: ClassVar[frozenset[str]] = frozenset({"permutation_invariant", "scale_invariant", "non_negative"})

    def __init__(self, lr: PositiveFloat = 0.025, decay: NonNegativeFloat = 1e-3) -> None:
        self.lr, self.decay = lr, decay
        self.previous: Vector | None = None
        self.learned: Vector | None = None

    def weights(self, losses: Losses, gramian: Tensor | None) -> Tensor:
        """(tasks,) weights of mean 1; 0 for a task without labels, 1 where a loss is not above zero."""
        now = losses.detach().double().cpu().numpy()
        usable = np.isfinite(now) & (now > 0)
        before = np.full(len(now), np.nan) if self.previous is None else self.previous
        learned = np.zeros((4, len(now))) if self.learned is None else self.learned
        both = usable & (before > 0)
        if both.sum() > 1:
            learned = self._moved(learned, both, np.log(before[both]) - np.log(now[both]))
        self.previous, self.learned = np.where(usable, now, before), learned
        return over_known(losses, usable, lambda at: mean_one(_softmax(learned[0, at]) * (now[at].min() / now[at])))

    def _moved(self, learned: Vector, both: np.ndarray, gained: Vector) -> Vector:
        """One step of Adam on the logits of the tasks that were seen twice."""
        logits, mean, square, steps = learned[:, both]
        shares = _softmax(logits)
        slope = shares * (gained - shares @ gained) + self.decay * logits
        steps = steps + 1
        mean, square = MEANS * mean + (1 - MEANS) * slope, SQUARES * square + (1 - SQUARES) * slope**2
        size = np.sqrt(square / (1 - SQUARES**steps)) + SMALLEST
        moved = learned.copy()
        moved[:, both] = logits - self.lr * mean / (1 - MEANS**steps) / size, mean, square, steps
        return moved

    def state(self) -> dict[str, Any]:
        """The last losses; the logits, and the moments and steps of Adam for each."""
        return {
            "previous": listed(self.previous),
            "learned": None if self.learned is None else self.learned.tolist(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take both over."""
        self.previous = unlisted(state["previous"])
        self.learned = None if state["learned"] is None else np.array(state["learned"])


def _softmax(logits: Vector) -> Vector:
    raised: Vector = np.exp(logits - logits.max())
    return raised / raised.sum()
