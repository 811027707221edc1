"""What is learned from training pictures: the canvas they fit on, and the mean and spread of their values."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np

from polymodal.core import DataError
from polymodal.core.seeding import numpy_generator
from polymodal.data.base import Rows
from polymodal.data.canvas import Canvas, Painted, paint
from polymodal.data.files import Limits, none_usable
from polymodal.data.gallery import Gallery
from polymodal.data.pictures import Measure, measure

__all__ = ["Calibration", "Channels", "Size", "Wishes", "calibrate", "fitting", "scaled"]

USABLE = "pictures, or names of picture files below the data folder"

Size = int | Sequence[int] | Literal["auto"]
Channels = int | Literal["auto"]

SAMPLE = 500
"""How many training pictures are looked at."""

LARGEST, SMALLEST = 64, 8
"""Bounds in pixels of size "auto"; the upper one is what a CPU trains on in minutes."""


@dataclass(frozen=True)
class Wishes:
    """What the user asks of the canvas, and the limits of a file."""

    size: Size = "auto"
    channels: Channels = "auto"
    padded: bool = False
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class Calibration:
    """The canvas; `mean` and `spread` (standard deviation) of each channel; the range of values; how many there were.

    The defaults hold where no training row has a picture: even chances of all values from 0 to 255.
    """

    canvas: Canvas
    mean: Sequence[float]
    spread: Sequence[float]
    low: float = 0.0
    high: float = 255.0
    training_rows: int = 0

    def state(self) -> dict[str, Any]:
        """As JSON data."""
        return asdict(self) | {"mean": list(self.mean), "spread": list(self.spread)}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> "Calibration":
        """The calibration that gave this state."""
        return cls(**{**state, "canvas": Canvas(**state["canvas"])})

    @classmethod
    def unlearned(cls, wishes: Wishes) -> "Calibration":
        """What is known without a picture."""
        channels = 3 if wishes.channels == "auto" else wishes.channels
        height, width = _size(wishes.size, LARGEST, LARGEST)
        return cls(Canvas(height, width, channels, padded=wishes.padded), [127.5] * channels, [73.6] * channels)


def calibrate(gallery: Gallery, rows: Rows, wishes: Wishes) -> Calibration:
    """Learn from a seeded sample of these rows' pictures.

    Raises DataError where there are some and none of the sample can be used.
    """
    there = np.sort(rows[gallery.present[rows]])
    plan = replace(Calibration.unlearned(wishes), training_rows=len(there))
    if len(there) > SAMPLE:
        there = np.sort(numpy_generator(0, "image sample").choice(there, SAMPLE, replace=False))
    sample = [value for _, value in gallery.ask(there)]
    measures = _measured(gallery, sample, wishes.limits)
    if not measures:
        return plan
    plan = fitting(wishes, measures, plan)
    painted = _painted(gallery, sample, plan.canvas, wishes.limits)
    return scaled(plan, ((one.pixels, one.known) for one in painted))


def fitting(wishes: Wishes, measures: Sequence[Measure], plan: Calibration) -> Calibration:
    """The plan with a canvas for pictures of these measures."""
    height = float(np.median([found.height for found in measures]))
    width = float(np.median([found.width for found in measures]))
    height, width = _size(wishes.size, height, width)
    channels, deep = _channels(wishes.channels, measures), any(found.deep for found in measures)
    return replace(plan, canvas=replace(plan.canvas, height=height, width=width, channels=channels, deep=deep))


def _measured(gallery: Gallery, sample: Sequence[object], limits: Limits) -> list[Measure]:
    """The measures of those that a header could be read of."""
    measures, problems = [], []
    for value in sample:
        try:
            measures.append(measure(gallery.picture(value, limits), limits))
        except DataError as error:
            problems.append((value, error))
    if problems and not measures:
        raise none_usable("picture", USABLE, gallery.column, problems)
    return measures


def _painted(gallery: Gallery, sample: Sequence[object], canvas: Canvas, limits: Limits) -> Iterator[Painted]:
    for value in sample:
        with suppress(DataError):
            yield paint(gallery.picture(value, limits), canvas, limits)


def scaled(plan: Calibration, sample: Iterable[tuple[np.ndarray, np.ndarray | None]]) -> Calibration:
    """The plan with mean, spread and range of the known pixels of a sample.

    Each one is (channels, …, height, width) with where it is known, (height, width), None = everywhere.
    """
    channels = plan.canvas.channels
    count, total, squares = 0, np.zeros(channels), np.zeros(channels)
    low, high = np.inf, -np.inf
    for pixels, known in sample:
        values = (pixels if known is None else pixels[..., known]).reshape(channels, -1).astype(np.float64)
        if values.size:
            count, total, squares = count + values.shape[1], total + values.sum(1), squares + (values**2).sum(1)
            low, high = min(low, float(values.min())), max(high, float(values.max()))
    if count == 0:
        return replace(plan, mean=[plan.mean[0]] * channels, spread=[plan.spread[0]] * channels)
    mean = total / count
    spread = np.sqrt(np.maximum(squares / count - mean**2, 0.0))
    # A channel that never changes is only centred.
    spread = np.where(spread > 1e-6 * np.maximum(1.0, np.abs(mean)), spread, 1.0)
    told = replace(plan, mean=mean.tolist(), spread=spread.tolist())
    return replace(told, low=low, high=high) if plan.canvas.deep else told


def _channels(wish: Channels, measures: Sequence[Measure]) -> int:
    """As asked; else colour where any picture has it, else what most have."""
    if wish != "auto":
        return wish
    counts = Counter(found.channels for found in measures)
    return max(counts) if set(counts) <= {1, 3} else counts.most_common(1)[0][0]


def _size(wish: Size, height: float, width: float) -> tuple[int, int]:
    """As asked; else this size, shrunk until it is no larger than `LARGEST`."""
    if isinstance(wish, int):
        return wish, wish
    if not isinstance(wish, str):
        return wish[0], wish[1]
    scale = min(1.0, LARGEST / max(height, width))
    return max(SMALLEST, round(height * scale)), max(SMALLEST, round(width * scale))
