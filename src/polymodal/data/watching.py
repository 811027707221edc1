"""A column of videos. Files stay closed until their batch is made."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from polymodal.core import DataError, Refusal, Values
from polymodal.core.seeding import numpy_generator
from polymodal.data.base import Cells, Column, DataTable, Rows
from polymodal.data.calibration import Calibration, Wishes, fitting, scaled
from polymodal.data.canvas import paint
from polymodal.data.cells import dense
from polymodal.data.clips import Sampling, frames_of
from polymodal.data.files import Folder, content_of, none_usable
from polymodal.data.gallery import asked, each_once, filled
from polymodal.data.pictures import Measure
from polymodal.data.plain import Plain, plain_pixels

__all__ = ["Clip", "ClipCells", "ClipScale", "VideoColumn"]

USABLE = "videos, or names of video files below the data folder"

SAMPLE = 100
"""How many training videos are looked at."""

_AT_ONCE = 100


@dataclass(frozen=True)
class Clip:
    """A video as it is kept: `frames` (n, channels, height, width) uint8, `seconds` (n,), `known` (height, width)."""

    frames: np.ndarray
    seconds: np.ndarray
    known: np.ndarray

    @property
    def nbytes(self) -> int:
        """What it takes in memory."""
        return int(self.frames.nbytes + self.seconds.nbytes + self.known.nbytes)


@dataclass(frozen=True)
class ClipScale:
    """What was learned: the canvas and scale of the `picture`, and how many seconds lie between two frames (`step`)."""

    picture: Calibration
    step: float = 1.0


@dataclass(frozen=True)
class ClipCells(Cells):
    """The cells of one column of videos. `seen` keeps clips for the next epoch, up to `room` bytes."""

    series: pd.Series
    folder: Folder | None
    room: int = 0
    seen: dict[Hashable, Clip] = field(default_factory=dict, compare=False)

    def ask(self, rows: Rows) -> list[tuple[Hashable | None, object]]:
        """For each row what its video is known by (None where absent), and its cell."""
        return asked(self.series, self.present, rows)


class VideoColumn(Column[ClipCells]):
    """Videos by file name below the data folder, or as bytes.

    Learns a common size, mean and spread of each channel, and the usual time between two frames, from up to 100
    training videos. The parts are "frames" (n, frames, channels, height, width) uint8; "seconds" (n, frames) float32
    since the first frame of the file, NaN where there is no frame; and, where pictures are padded, "known" (n, height,
    width), False where there is no pixel. A video that cannot be used is refused, and its rows are without one.
    """

    holds_files = True

    def __init__(self, column: str, wishes: Wishes, sampling: Sampling, cache_bytes: int = 0) -> None:
        self.names, self.name = [column], column
        self.wishes, self.sampling, self.cache_bytes = wishes, sampling, cache_bytes
        self.learned = ClipScale(Calibration.unlearned(wishes))

    def fit(self, table: DataTable, rows: Rows) -> None:
        """Watch a sample of the training videos. Raises DataError where there are some and none can be used."""
        cells = self.read(table)
        there = np.sort(rows[cells.present[rows]])
        plan = replace(Calibration.unlearned(self.wishes), training_rows=len(there))
        self.learned = ClipScale(plan)
        few = numpy_generator(0, "video sample").choice(there, min(SAMPLE, len(there)), replace=False)
        measures, usable, problems = [], [], []
        for _, value in cells.ask(np.sort(few)):
            try:
                measures.append(self._measure(content_of(value, cells.folder, self.wishes.limits, "video")))
                usable.append(value)
            except DataError as error:
                problems.append((value, error))
        if problems and not usable:
            raise none_usable("video", USABLE, self.name, problems)
        if usable:
            self._learn(cells, usable, fitting(self.wishes, measures, plan))

    def read(self, table: DataTable) -> ClipCells:
        """Which rows name or hold a video."""
        series = dense(table.column(self.name))
        folder = None if table.files is None else Folder(table.files)
        return ClipCells(filled(series, table.missing), series, folder, self.cache_bytes)

    def collate(self, cells: ClipCells, rows: Rows) -> tuple[Values, list[Refusal]]:
        """The distinct videos of these rows, each decoded once."""
        made, index, refusals = each_once(
            cells.ask(rows), rows, self.name, lambda key, value: self._seen(cells, key, value)
        )
        return Values(self._parts(made), index), refusals

    def state(self) -> dict[str, Any]:
        """What was learned."""
        return {"picture": self.learned.picture.state(), "step": self.learned.step}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become the column that gave this state."""
        self.learned = ClipScale(Calibration.restored(state["picture"]), state["step"])

    def plain(self, cells: ClipCells, rows: Rows) -> list[Plain]:
        """The mean of the frames, and how much each place changes from frame to frame, both at 16 × 16 pixels."""
        canvas = self.learned.picture.canvas
        blank = np.zeros((1, canvas.channels, canvas.height, canvas.width))
        size = np.asarray(plain_pixels(blank).values).shape[1]
        table = np.full((2, len(rows), size), np.nan)
        for start in range(0, len(rows), _AT_ONCE):
            values, _ = self.collate(cells, rows[start : start + _AT_ONCE])
            for place in np.flatnonzero(values.present.numpy()):
                at = values.index[place]
                frames = values.data["frames"][at][~values.data["seconds"][at].isnan()].float().numpy()
                moved = np.abs(np.diff(frames, axis=0)).mean(axis=0) if len(frames) > 1 else blank[0]
                small = plain_pixels(np.stack([frames.mean(axis=0), moved]))
                table[:, start + place] = np.asarray(small.values)
        return [Plain("pixels", table[0]), Plain("pixels", table[1])]

    def _learn(self, cells: ClipCells, usable: Sequence[object], plan: Calibration) -> None:
        self.learned = ClipScale(plan)
        steps: list[float] = []
        sample = self._sample(cells, usable, steps)
        picture = scaled(plan, ((clip.frames.swapaxes(0, 1), clip.known) for clip in sample))
        self.learned = ClipScale(picture, float(np.median(steps)) if steps else 1.0)

    def _sample(self, cells: ClipCells, usable: Sequence[object], steps: list[float]) -> Iterator[Clip]:
        for value in usable:
            try:
                clip = self._clip(content_of(value, cells.folder, self.wishes.limits, "video"))
            except DataError:  # beyond its first frame
                continue
            steps += np.diff(clip.seconds).tolist()
            yield clip

    def _measure(self, content: bytes) -> Measure:
        _, first = next(frames_of(content, Sampling(frames=1, rate=1.0), self.wishes.limits))
        return Measure(first.height, first.width, 1 if first.mode == "L" else 3, False)

    def _seen(self, cells: ClipCells, key: Hashable, value: object) -> Clip:
        kept = cells.seen.get(key)
        if kept is None:
            kept = self._clip(content_of(value, cells.folder, self.wishes.limits, "video"))
            if kept.nbytes * (len(cells.seen) + 1) <= cells.room:
                cells.seen[key] = kept
        return kept

    def _clip(self, content: bytes) -> Clip:
        canvas, limits = self.learned.picture.canvas, self.wishes.limits
        frames, seconds, known = [], [], np.ones((canvas.height, canvas.width), dtype=bool)
        for moment, picture in frames_of(content, self.sampling, limits):
            painted = paint(picture, canvas, limits)
            frames.append(painted.pixels)
            seconds.append(moment)
            known &= True if painted.known is None else painted.known
        return Clip(np.stack(frames), np.array(seconds, dtype=np.float32), known)

    def _parts(self, made: Sequence[Clip]) -> dict[str, Tensor]:
        canvas, most = self.learned.picture.canvas, self.sampling.frames
        frames = np.zeros((len(made), most, canvas.channels, canvas.height, canvas.width), dtype=np.uint8)
        seconds = np.full((len(made), most), np.nan, dtype=np.float32)
        for place, clip in enumerate(made):
            frames[place, : len(clip.frames)] = clip.frames
            seconds[place, : len(clip.seconds)] = clip.seconds
        parts = {"frames": torch.from_numpy(frames), "seconds": torch.from_numpy(seconds)}
        if canvas.padded:
            known = np.array([clip.known for clip in made], dtype=bool)
            parts["known"] = torch.from_numpy(known.reshape(len(made), canvas.height, canvas.width))
        return parts
