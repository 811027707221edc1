"""A column of sounds. Files stay closed until their batch is made."""

from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import torch

from polymodal.core import DataError, Refusal, Values
from polymodal.core.seeding import numpy_generator
from polymodal.data.base import Cells, Column, DataTable, Rows
from polymodal.data.cells import dense
from polymodal.data.cepstra import COEFFICIENTS, cepstral, run_of
from polymodal.data.files import Folder, Limits, content_of, misfit, none_usable
from polymodal.data.gallery import asked, each_once, filled
from polymodal.data.plain import Plain, plain_numbers
from polymodal.data.series import FARTHEST, SeriesScale, scaled, side_by_side
from polymodal.data.sounds import Hearing, Wave, decode, log_mel, rate_of

__all__ = ["AudioColumn", "SoundCells"]

USABLE = "sounds, or names of sound files below the data folder"
ALSO = ", or an array of samples"

SAMPLE = 300
"""How many training clips are listened to."""

BEST_RATE = 16_000
"""Highest rate that "auto" takes, in Hz: speech has little above half of it."""


PARTS = 4
"""Equal parts of a clip that a plain model is told of one by one: what comes first in a word matters."""


@dataclass(frozen=True)
class SoundCells(Cells):
    """The cells of one column of sounds. `heard` keeps bands of clips for the next epoch, up to `room` bytes."""

    series: pd.Series
    folder: Folder | None
    room: int = 0
    heard: dict[Hashable, np.ndarray] = field(default_factory=dict, compare=False)

    def ask(self, rows: Rows) -> list[tuple[Hashable | None, object]]:
        """For each row what its sound is known by (None where absent), and its cell."""
        return asked(self.series, self.present, rows)


class AudioColumn(Column[SoundCells]):
    """Sounds by file name below the data folder, as bytes, or as arrays of samples at the learned rate.

    Learns the rate (the commonest of the training clips, at most 16 kHz, unless given), mean and spread of each band,
    the same of what sums a clip up (`summary`; see `run_of`), and how long clips are. The part is "sound" (n, frames,
    bands) float32: logarithms of power in bands of the mel scale, in standard deviations of the training clips, NaN
    behind the end of a shorter one. A clip is heard up to `longest` seconds.
    """

    holds_files = True

    def __init__(
        self, column: str, hearing: Hearing, rate: int | None, longest: float, limits: Limits, cache_bytes: int = 0
    ) -> None:
        self.names, self.name = [column], column
        self.hearing = replace(hearing, rate=rate or BEST_RATE)
        self.rate, self.longest, self.limits, self.cache_bytes = rate, longest, limits, cache_bytes
        self.learned, self.summary = self._unlearned()

    def fit(self, table: DataTable, rows: Rows) -> None:
        """Listen to up to 300 training clips. Raises DataError where there are some and none can be used."""
        cells = self.read(table)
        there = np.sort(rows[cells.present[rows]])
        blank, self.summary = self._unlearned()
        self.learned = replace(blank, training_rows=len(there))
        few = numpy_generator(0, "sound sample").choice(there, min(SAMPLE, len(there)), replace=False)
        values = [value for _, value in cells.ask(np.sort(few))]
        self.hearing = replace(self.hearing, rate=self.rate or self._commonest(cells, values))
        usable, problems = [], []
        for value in values:
            try:
                usable.append(self._bands(cells, value))
            except DataError as error:
                problems.append((value, error))
        if problems and not usable:
            raise none_usable("sound", USABLE, self.name, problems)
        if usable:
            self.learned = replace(scaled(usable), training_rows=len(there))
            self.summary = scaled([self._told(self._standard(clip)) for clip in usable])

    def read(self, table: DataTable) -> SoundCells:
        """Which rows name or hold a sound."""
        series = dense(table.column(self.name))
        folder = None if table.files is None else Folder(table.files)
        return SoundCells(filled(series, table.missing), series, folder, self.cache_bytes)

    def collate(self, cells: SoundCells, rows: Rows) -> tuple[Values, list[Refusal]]:
        """The distinct sounds of these rows, filled up with NaN to the longest of them."""
        made, index, refusals = each_once(
            cells.ask(rows), rows, self.name, lambda key, value: self._heard(cells, key, value)
        )
        return Values({"sound": torch.from_numpy(side_by_side(made, self.hearing.bands))}, index), refusals

    def state(self) -> dict[str, Any]:
        """What was learned."""
        summary = {"mean": self.summary.mean, "spread": self.summary.spread}
        return {**asdict(self.learned), "rate": self.hearing.rate, "summary": summary}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become the column that gave this state."""
        known = dict(state)
        self.hearing = replace(self.hearing, rate=int(known.pop("rate")))
        self.summary = SeriesScale(**known.pop("summary"))
        self.learned = SeriesScale(**known)

    def plain(self, cells: SoundCells, rows: Rows) -> list[Plain]:
        """The shape of the spectrum of each clip, how much it varies and how fast; and its shape in each quarter."""
        many = len(self.summary.mean)
        table = np.full((len(rows), many + PARTS * (many // 3)), np.nan)
        for start in range(0, len(rows), 500):
            values, _ = self.collate(cells, rows[start : start + 500])
            for place in np.flatnonzero(values.present.numpy()):
                clip = values.data["sound"][values.index[place]].numpy()
                clip = clip[~np.isnan(clip).all(axis=1)]
                table[start + place] = np.concatenate(
                    [self._told(clip)[0], *map(self._shape, np.array_split(clip, PARTS))]
                )
        # Two blocks, so that the parts, which are more numbers, do not weigh more than the whole.
        return [plain_numbers(table[:, :many]), plain_numbers(table[:, many:])]

    def _shape(self, part: np.ndarray) -> np.ndarray:
        """(coefficients,) the mean shape of the spectrum; NaN where a clip is too short to have this part."""
        count = len(self.summary.mean) // 3
        return self._told(part)[0, :count] if len(part) else np.full(count, np.nan)

    def _unlearned(self) -> tuple[SeriesScale, SeriesScale]:
        bands, told = self.hearing.bands, 3 * min(COEFFICIENTS, self.hearing.bands)
        return SeriesScale([0.0] * bands, [1.0] * bands), SeriesScale([0.0] * told, [1.0] * told)

    def _told(self, clip: np.ndarray) -> np.ndarray:
        """(1, numbers) what sums up one clip (frames, bands)."""
        return np.asarray(run_of(torch.from_numpy(clip).unsqueeze(0), cepstral(self.hearing.bands))[0].numpy())

    def _standard(self, bands: np.ndarray) -> np.ndarray:
        away = (bands - np.asarray(self.learned.mean)) / np.asarray(self.learned.spread)
        return np.clip(away, -FARTHEST, FARTHEST).astype(np.float32)

    def _heard(self, cells: SoundCells, key: Hashable, value: object) -> np.ndarray:
        kept = cells.heard.get(key)
        if kept is None:
            kept = self._standard(self._bands(cells, value))
            if kept.nbytes * (len(cells.heard) + 1) <= cells.room:
                cells.heard[key] = kept
        return kept

    def _bands(self, cells: SoundCells, value: object) -> np.ndarray:
        """(frames, bands) before scaling. Raises DataError where the cell cannot be used."""
        if isinstance(value, np.ndarray | list | tuple):
            wave = _from_array(value, self.hearing.rate)
            return log_mel(replace(wave, samples=wave.samples[: int(self.longest * wave.rate)]), self.hearing)
        return log_mel(
            decode(content_of(value, cells.folder, self.limits, "sound", ALSO), self.longest, self.limits), self.hearing
        )

    def _commonest(self, cells: SoundCells, values: list[object]) -> int:
        rates: Counter[int] = Counter()
        for value in values:
            try:
                rates[rate_of(content_of(value, cells.folder, self.limits, "sound", ALSO), self.limits)] += 1
            except DataError:
                continue
        return min(BEST_RATE, rates.most_common(1)[0][0]) if rates else BEST_RATE


def _from_array(value: Any, rate: int) -> Wave:
    try:
        samples = np.asarray(value)
    except ValueError as error:  # lists of different lengths
        raise misfit("sound", "holds lists of different lengths", ALSO) from error
    if samples.dtype.kind not in "if" or samples.size == 0 or samples.ndim > 2:
        raise misfit(
            "sound", f"is an array {samples.shape} of {samples.dtype}, not samples or samples × channels", ALSO
        )
    samples = samples.astype(np.float32) / (np.iinfo(samples.dtype).max if samples.dtype.kind == "i" else 1)
    samples = samples if samples.ndim == 1 else samples.mean(axis=1)
    if not np.isfinite(samples).all():
        raise misfit("sound", "holds samples that are no finite numbers", ALSO)
    return Wave(samples, rate)
