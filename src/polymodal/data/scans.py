"""A column of volumes. Files stay closed until their batch is made."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F

from polymodal.core import DataError, Refusal, Values
from polymodal.core.seeding import numpy_generator
from polymodal.data.base import Cells, Column, DataTable, Rows
from polymodal.data.cells import dense
from polymodal.data.files import Folder, Limits, none_usable
from polymodal.data.gallery import asked, each_once, filled
from polymodal.data.plain import Plain, plain_numbers
from polymodal.data.series import FARTHEST
from polymodal.data.volumes import Volume, decode, on_grid, unusable

__all__ = ["Empty", "Grid", "Scaling", "ScanCells", "ScanColumn", "ScanScale"]

USABLE = "names of NIfTI files (.nii, .nii.gz) below the data folder"

Scaling = Literal["volume", "training"]
Empty = Literal["zero", "none"]

SAMPLE = 100
"""How many training volumes are looked at."""
VOXELS = 4096
"""Cells of each of them that the common scale is learned from."""
PLAIN_SIDE = 8
"""Cells along each side of what a plain model is given."""
_QUARTILES = 1.349  # distance of the quartiles of a normal distribution, in standard deviations


@dataclass(frozen=True)
class Grid:
    """What volumes are laid out on: `size` cells along x, y, z; their side in mm (None stretches); channels.

    `scaling` says what values are measured by: the volume's own, or those of the training volumes. `oriented` off reads
    every volume as it is stored, whatever its header says of left and right. `empty` says what stands where nothing was
    measured: "zero", as scanners write around a body, or "none" where zero is a value like any other.
    """

    size: tuple[int, int, int] = (32, 32, 32)
    side: float | None = None
    channels: int = 1
    scaling: Scaling = "volume"
    oriented: bool = True
    empty: Empty = "zero"


@dataclass(frozen=True)
class ScanScale:
    """What was learned: `middle` and `spread` of each channel, sides (3,) of a middling cell in mm, training rows."""

    middle: Sequence[float]
    spread: Sequence[float]
    spacing: Sequence[float] = (1.0, 1.0, 1.0)
    training_rows: int = 0


@dataclass(frozen=True)
class ScanCells(Cells):
    """The cells of one column of volumes. `seen` keeps finished ones for the next epoch, up to `room` bytes."""

    series: pd.Series
    folder: Folder | None
    room: int = 0
    seen: dict[Hashable, Volume] = field(default_factory=dict, compare=False)

    def ask(self, rows: Rows) -> list[tuple[Hashable | None, object]]:
        """For each row what its volume is known by (None where absent), and its cell."""
        return asked(self.series, self.present, rows)


class ScanColumn(Column[ScanCells]):
    """Volumes by NIfTI file name below the data folder, or as the bytes of such a file.

    The parts are "voxels" (n, channels, x, y, z) float32 and "spacing" (n, 3) float32, sides of a cell in mm. A voxel
    is told by how many spreads it is from the middle, at most 10; these are the median and the distance of the
    quartiles, divided by 1.349, of all known cells of the volume itself or of up to 100 training volumes. NaN where
    nothing is known: voxels that are no finite numbers or, unless `empty` says otherwise, are exactly zero, and cells
    outside the volume.
    """

    holds_files = True

    def __init__(self, column: str, grid: Grid, limits: Limits, cache_bytes: int = 0) -> None:
        self.names, self.name = [column], column
        self.grid, self.limits, self.cache_bytes = grid, limits, cache_bytes
        self.learned = ScanScale([0.0] * grid.channels, [1.0] * grid.channels)

    def fit(self, table: DataTable, rows: Rows) -> None:
        """Look at up to 100 training volumes. Raises DataError where there are some and none can be used."""
        cells = self.read(table)
        there = np.sort(rows[cells.present[rows]])
        channels = self.grid.channels
        self.learned = ScanScale([0.0] * channels, [1.0] * channels, training_rows=len(there))
        few = numpy_generator(0, "scan sample").choice(there, min(SAMPLE, len(there)), replace=False)
        usable, problems = [], []
        for _, value in cells.ask(np.sort(few)):
            try:
                usable.append(self._laid_out(cells, value))
            except DataError as error:
                problems.append((value, error))
        if problems and not usable:
            raise none_usable("volume", USABLE, self.name, problems)
        if usable:
            spacing = np.exp(np.median(np.log([volume.spacing for volume in usable]), axis=0)).tolist()
            self.learned = ScanScale(*_common(usable), spacing, len(there))

    def read(self, table: DataTable) -> ScanCells:
        """Which rows name or hold a volume."""
        series = dense(table.column(self.name))
        folder = None if table.files is None else Folder(table.files)
        return ScanCells(filled(series, table.missing), series, folder, self.cache_bytes)

    def collate(self, cells: ScanCells, rows: Rows) -> tuple[Values, list[Refusal]]:
        """The distinct volumes of these rows, each read once."""
        made, index, refusals = each_once(
            cells.ask(rows), rows, self.name, lambda key, value: self._seen(cells, key, value)
        )
        voxels = np.empty((len(made), self.grid.channels, *self.grid.size), dtype=np.float32)
        spacing = np.empty((len(made), 3), dtype=np.float32)
        for place, volume in enumerate(made):
            voxels[place], spacing[place] = volume.voxels, volume.spacing
        return Values({"voxels": torch.from_numpy(voxels), "spacing": torch.from_numpy(spacing)}, index), refusals

    def state(self) -> dict[str, Any]:
        """What was learned."""
        return asdict(self.learned)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become the column that gave this state."""
        self.learned = ScanScale(**state)

    def plain(self, cells: ScanCells, rows: Rows) -> list[Plain]:
        """The volumes averaged down to 8 × 8 × 8, and the logarithms of the sides of a cell."""
        x, y, z = (min(PLAIN_SIDE, side) for side in self.grid.size)
        pixels = np.full((len(rows), self.grid.channels * x * y * z), np.nan, dtype=np.float32)
        spacing = np.full((len(rows), 3), np.nan)
        for start in range(0, len(rows), 100):
            values, _ = self.collate(cells, rows[start : start + 100])
            there = np.flatnonzero(values.present.numpy())
            place = values.index[there]
            # What is unknown is set to the middle, which is 0: a plain model has no other way to take it.
            small = F.adaptive_avg_pool3d(values.data["voxels"].nan_to_num(0.0), (x, y, z)).flatten(1)
            pixels[start + there] = small[place].numpy()
            spacing[start + there] = values.data["spacing"][place].log().numpy()
        return [Plain("pixels", pixels), plain_numbers(spacing)]

    def _seen(self, cells: ScanCells, key: Hashable, value: object) -> Volume:
        kept = cells.seen.get(key)
        if kept is None:
            kept = self._scaled(self._laid_out(cells, value))
            if kept.voxels.nbytes * (len(cells.seen) + 1) <= cells.room:
                cells.seen[key] = kept
        return kept

    def _laid_out(self, cells: ScanCells, value: object) -> Volume:
        """On the grid, before scaling. Raises DataError where the cell cannot be used."""
        grid = self.grid
        volume = decode(self._content(cells, value), grid.channels, self.limits, grid.oriented)
        if grid.empty == "zero":
            volume.voxels[volume.voxels == 0] = np.nan
        made = on_grid(volume, grid.size, grid.side)
        for channel in made.voxels:
            known = channel[~np.isnan(channel)]
            if len(known) == 0 or np.ptp(known) == 0:
                hint = "; where zero is a value, say empty: none" if grid.empty == "zero" else ""
                raise unusable("volume-empty", f"holds nothing: all voxels that are known are alike{hint}")
        return made

    def _scaled(self, volume: Volume) -> Volume:
        learned = self.learned
        middle, spread = learned.middle, learned.spread
        if self.grid.scaling == "volume":
            middle, spread = zip(*(_middle_and_spread(channel) for channel in volume.voxels), strict=True)
        shape = (-1, 1, 1, 1)
        away = (volume.voxels - np.reshape(middle, shape)) / np.reshape(spread, shape)
        return replace(volume, voxels=np.clip(away, -FARTHEST, FARTHEST).astype(np.float32))

    def _content(self, cells: ScanCells, value: object) -> bytes:
        if isinstance(value, bytes):
            return value
        if not isinstance(value, str):
            raise unusable("volume-source", f"is a {type(value).__name__}, not the name of a file and not its content")
        if cells.folder is None:
            raise unusable("file-folder-unknown", "names a file, and no data folder was given")
        return cells.folder.read(value, self.limits)


def _common(usable: Sequence[Volume]) -> tuple[list[float], list[float]]:
    """Middle and spread of each channel over some cells of all these volumes."""
    told = []
    for channel in range(len(usable[0].voxels)):
        some = [volume.voxels[channel][~np.isnan(volume.voxels[channel])] for volume in usable]
        told.append(_middle_and_spread(np.concatenate([each[:: 1 + len(each) // VOXELS] for each in some])))
    middle, spread = zip(*told, strict=True)
    return list(middle), list(spread)


def _middle_and_spread(values: np.ndarray) -> tuple[float, float]:
    """Median and robust spread; where half of all values are alike, the standard deviation."""
    known = values[~np.isnan(values)].astype(np.float64)
    low, middle, high = np.quantile(known, [0.25, 0.5, 0.75])
    spread = (high - low) / _QUARTILES
    if spread <= 1e-6 * np.abs(known).max():
        spread = known.std()
    return float(middle), float(spread) if spread > 1e-6 * np.abs(known).max() else 1.0
