"""Numbers for each task that outlive a step, as plain data."""

import math
from collections.abc import Sequence

import numpy as np

from polymodal.balancing.solvers import Vector

__all__ = ["listed", "unlisted"]


def listed(values: Vector | None) -> list[float | None] | None:
    """Numbers as JSON knows them: what was never seen (NaN) is None."""
    return None if values is None else [None if math.isnan(value) else value for value in values.tolist()]


def unlisted(values: Sequence[float | None] | None) -> Vector | None:
    """The numbers again."""
    return None if values is None else np.array([math.nan if value is None else value for value in values])
