"""Gradients are made orthogonal and equally long, with as little change as can be."""

from typing import ClassVar

import numpy as np
from torch import Tensor

from polymodal.balancing.base import Balancer
from polymodal.balancing.solvers import Vector, weighed
from polymodal.core.shapes import Losses

__all__ = ["AlignedMTL"]


class AlignedMTL(Balancer):
    """The sum of the nearest gradients that are orthogonal and of one length (Senushkin et al. 2023, algorithm 1).

    Their length is the smallest singular value of the gradients, as in the paper: the step is short where two tasks
    nearly agree or nearly oppose each other, and where one gradient is short.
    """

    needs_gramian: ClassVar[bool] = True
    claims: ClassVar[frozenset[str]] = frozenset({"permutation_invariant"})

    def weights(self, losses: Losses, gramian: Tensor | None) -> Tensor:
        """(tasks,) weights, of which some may be negative; 0 for a task without labels."""
        return weighed(losses, gramian, _solve)


def _solve(cosines: Vector, sizes: Vector) -> Vector:
    values, vectors = np.linalg.eigh(cosines * np.outer(sizes, sizes))
    real = values > values[-1] * len(sizes) * np.finfo(np.float64).eps
    vectors, values = vectors[:, real], values[real]
    solved: Vector = vectors @ (np.sqrt(values[0] / values) * vectors.sum(0))
    return solved
