"""A column of pictures. Pixels stay where they are until their batch is made."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from polymodal.core import Refusal, Values
from polymodal.data.base import Column, DataTable, Rows
from polymodal.data.calibration import Calibration, Wishes, calibrate
from polymodal.data.canvas import Painted, paint
from polymodal.data.gallery import Gallery, each_once, hang
from polymodal.data.plain import Plain, plain_pixels

__all__ = ["ImageColumn"]

_AT_ONCE = 1000


class ImageColumn(Column[Gallery]):
    """Pictures by file name below the data folder, or as bytes, arrays or Pillow pictures in the table itself.

    Learns channels, depth, a common size, and mean and spread of each channel from up to 500 training pictures. The
    parts are "pixels" (n, channels, height, width), uint8, or float32 in the file's own unit where training pictures
    are deeper than 8 bits; and, where they are padded or deep, "known" (n, height, width), False where there is no
    pixel. A picture that cannot be used is refused, and its rows are without one. Up to `cache_bytes` of finished
    pictures are kept in memory for each table.
    """

    holds_files = True

    def __init__(self, column: str, wishes: Wishes, cache_bytes: int = 0) -> None:
        self.names, self.name = [column], column
        self.wishes, self.cache_bytes = wishes, cache_bytes
        self.learned = Calibration.unlearned(wishes)

    @property
    def masked(self) -> bool:
        """Whether a picture can have unknown pixels; then there is a part "known"."""
        return self.learned.canvas.padded or self.learned.canvas.deep

    def fit(self, table: DataTable, rows: Rows) -> None:
        """Look at a sample of the training pictures. Raises DataError where there are some and none can be used."""
        self.learned = calibrate(hang(table, self.name, 0), rows, self.wishes)

    def read(self, table: DataTable) -> Gallery:
        """Which rows name or hold a picture."""
        return hang(table, self.name, self.cache_bytes)

    def collate(self, cells: Gallery, rows: Rows) -> tuple[Values, list[Refusal]]:
        """The distinct pictures of these rows, each decoded once."""
        painted, index, refusals = each_once(
            cells.ask(rows), rows, self.name, lambda key, value: self._painted(key, value, cells)
        )
        return Values(self._parts(painted), index), refusals

    def state(self) -> dict[str, Any]:
        """What was learned."""
        return self.learned.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become the column that gave this state."""
        self.learned = Calibration.restored(state)

    def plain(self, cells: Gallery, rows: Rows) -> list[Plain]:
        """The pictures averaged down to 16 × 16; a row whose picture is absent or cannot be used is absent."""
        blocks = [self._plain(cells, rows[start : start + _AT_ONCE]) for start in range(0, max(1, len(rows)), _AT_ONCE)]
        return [Plain("pixels", np.concatenate(blocks))]

    def _plain(self, cells: Gallery, rows: Rows) -> np.ndarray:
        values, _ = self.collate(cells, rows)
        if values.count == 0:
            canvas = self.learned.canvas
            blank = np.zeros((len(rows), canvas.channels, canvas.height, canvas.width), dtype=np.float32)
            return np.asarray(plain_pixels(blank, np.zeros(len(rows), dtype=bool)).values)
        small = np.asarray(plain_pixels(values.data["pixels"].numpy()).values)[values.index]
        return np.where(values.present.numpy()[:, None], small, np.nan)

    def _painted(self, key: Hashable, value: object, cells: Gallery) -> Painted:
        kept = cells.shelf.held.get(key)
        if kept is None:
            limits = self.wishes.limits
            kept = paint(cells.picture(value, limits), self.learned.canvas, limits)
            cells.shelf.put(key, kept)
        return kept

    def _parts(self, painted: Sequence[Painted]) -> dict[str, Tensor]:
        canvas = self.learned.canvas
        shape = (len(painted), canvas.channels, canvas.height, canvas.width)
        pixels = np.empty(shape, dtype=np.float32 if canvas.deep else np.uint8)
        for place, one in enumerate(painted):
            pixels[place] = one.pixels
        parts = {"pixels": torch.from_numpy(pixels)}
        if self.masked:
            known = np.ones((len(painted), canvas.height, canvas.width), dtype=bool)
            for place, one in enumerate(painted):
                known[place] = True if one.known is None else one.known
            parts["known"] = torch.from_numpy(known)
        return parts
