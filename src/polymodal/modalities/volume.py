"""Volumes: scans of a head, a chest or a joint, and whatever else is measured throughout a body."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat
from torch import Generator, Tensor, nn

from polymodal.core.seeding import numpy_generator
from polymodal.data.augmentation import cut_cubes, hide_cubes, move_cubes
from polymodal.data.base import DataTable
from polymodal.data.files import Limits
from polymodal.data.scans import Empty, Grid, Scaling, ScanColumn
from polymodal.data.series import FARTHEST
from polymodal.data.volumes import encode
from polymodal.encoders.volumes import SpacedVolumes, VolumeNet
from polymodal.modalities.base import Budget, Content, Modality, Parts

__all__ = ["Volume"]

Side = Annotated[int, Field(ge=8, le=256)]

SHIFT, GAIN, NOISE = 0.08, 0.2, 0.2
"""Changes at strength 1: shares of a side, of the values, and spreads."""


class Volume(Modality):
    """A column of volumes in NIfTI files (.nii, .nii.gz), by file name or as their bytes.

    Each volume is turned by right angles to the nearest RAS (x to the right, y to the front, z upwards) and laid
    out on a grid of `size` cells, a number or three, with cells of `side` mm about its middle; None stretches the
    grid over the whole volume, and the net is told how large cells are. Volumes that do not say which way they lie
    are refused; with `oriented` off, every volume is read as it is stored. Of files with a fourth axis, `channels`
    says how long it is. Voxels that are no finite numbers are unknown, and so are those that are exactly zero, as
    scanners write around a body; with `empty` "none", zero is a value (CT, maps of labels). Values are scaled by
    median and quartiles of what is known, of the volume itself or, with `scaling` "training", of the training
    volumes: right where numbers have a unit. `encoder` is "convolution" (what "auto" takes), or a function of the
    fitted column and the width that gives a module from the parts "voxels" (n, channels, x, y, z) and "spacing" (n,
    3) to Tokens. `tokens` is "pooled" (one for a volume) or "grid" (one for each coarse cell, places counted in
    these). `patch` is the side of a cube that is hidden at a time, in cells; None takes a quarter. `augment` is the
    strength of training's small changes (0 = none); `flip` also swaps left and right, which is wrong wherever sides
    matter. Volumes over `max_megavoxels` or files over `max_megabytes` are refused; `cache_megabytes` of finished
    volumes stay in memory. Needs the extra: pip install "polymodal[imaging]".
    """

    reader: ScanColumn

    def __init__(
        self,
        column: str,
        size: Side | tuple[Side, Side, Side] = 32,
        side: PositiveFloat | None = None,
        channels: Annotated[int, Field(ge=1, le=32)] = 1,
        scaling: Scaling = "volume",
        oriented: bool = True,
        empty: Empty = "zero",
        encoder: Literal["convolution", "auto"] | Callable[[Any, int], nn.Module] = "auto",
        tokens: Literal["pooled", "grid"] = "pooled",
        patch: Annotated[int, Field(ge=1, le=256)] | None = None,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
        augment: NonNegativeFloat = 0.5,
        flip: bool = False,
        max_megavoxels: PositiveFloat = 32.0,
        max_megabytes: PositiveFloat = 256.0,
        cache_megabytes: NonNegativeFloat = 256.0,
    ) -> None:
        self.column, self.size, self.side, self.channels = column, size, side, channels
        self.scaling, self.oriented, self.empty = scaling, oriented, empty
        self.encoder, self.tokens = encoder, tokens
        self.patch, self.dropout, self.augment, self.flip = patch, dropout, augment, flip
        self.max_megavoxels, self.max_megabytes, self.cache_megabytes = max_megavoxels, max_megabytes, cache_megabytes
        sides = (size, size, size) if isinstance(size, int) else (size[0], size[1], size[2])
        limits = Limits(bytes=int(max_megabytes * 2**20), pixels=int(max_megavoxels * 2**20))
        grid = Grid(sides, side, channels, scaling, oriented, empty)
        self.reader = ScanColumn(column, grid, limits, int(cache_megabytes * 2**20))

    def chosen(self) -> tuple[str, str]:
        """Which encoder is built, and why in a sentence."""
        if callable(self.encoder):
            return "custom", "a function builds it"
        if self.encoder != "auto":
            return self.encoder, "the spec asks for it"
        rows = self.reader.learned.training_rows
        return "convolution", f"with {rows:,} training volumes a small convolutional net learns most"

    def build_encoder(self, width: int) -> nn.Module:
        """A net for volumes on this grid."""
        if callable(self.encoder):
            return self.encoder(self.reader, width)
        net = VolumeNet(self.channels, width, self.reader.grid.size, self.tokens, dropout=self.dropout)
        x, y, z = self.reader.learned.spacing
        return SpacedVolumes(net, width, (x, y, z), self.dropout)

    @property
    def patch_side(self) -> int:
        """The side in cells of a cube that is hidden at a time: as asked, or a quarter of the shortest side."""
        return self.patch if self.patch is not None else max(2, round(min(self.reader.grid.size) / 4))

    def perturb(self, parts: Parts, generator: Generator) -> Parts:
        """Shift, brighten, stretch the contrast of, and add noise to each volume on its own; never turn or zoom it."""
        if self.augment == 0.0 and not self.flip:
            return parts
        voxels, strength = parts["voxels"], self.augment
        count = len(voxels)
        moved = move_cubes(voxels, min(strength * SHIFT, 0.5), self.flip, generator)
        drawn = (torch.rand(count, 2, 1, 1, 1, 1, generator=generator) * 2 - 1).to(voxels.device)
        noise = torch.randn(voxels.shape, generator=generator).to(voxels)
        gain, offset = 1 + strength * GAIN * drawn[:, 0], strength * GAIN * drawn[:, 1]
        changed = moved * gain + offset + strength * NOISE * noise
        return {**parts, "voxels": changed.clamp(-FARTHEST, FARTHEST)}

    def corrupt(self, parts: Parts, rate: float, generator: Generator) -> tuple[Parts, Tensor]:
        """Make cubes of `patch_side` cells unknown; (n, cubes) True where something was hidden."""
        voxels, hidden = hide_cubes(parts["voxels"], self.patch_side, rate, generator)
        return {**parts, "voxels": voxels}, hidden

    def content(self, parts: Parts) -> Content:
        """The values of each cube of `patch_side` cells."""
        cubes = cut_cubes(parts["voxels"], self.patch_side)
        return Content(cubes, torch.zeros(len(cubes), 0, dtype=torch.long, device=cubes.device))

    def content_size(self) -> tuple[int, int]:
        """The values of a cube; no classes."""
        return self.channels * self.patch_side**3, 0

    def budget(self) -> dict[str, Budget]:
        """Each value may move by a tenth of its spread."""
        return {"voxels": Budget("linf", 0.1, -FARTHEST, FARTHEST)}

    def example(self, rows: int, seed: int) -> DataTable:
        """Bright balls in noise, 12 × 10 × 8 voxels, as the bytes of NIfTI files; about one row in six is without."""
        draw = numpy_generator(seed, "volume example")
        cells: list[bytes | None] = [_ball(draw, self.channels) for _ in range(rows)]
        empty = draw.random(rows) < 1 / 6
        if rows > 2:
            empty[0], empty[rows // 2] = False, True
        shown = [None if gone else cell for cell, gone in zip(cells, empty, strict=True)]
        return DataTable(pd.DataFrame({self.column: pd.Series(shown, dtype=object)}), source="volume example")


def _ball(draw: np.random.Generator, channels: int) -> bytes:
    """One ball as a NIfTI file whose x runs to the right or to the left."""
    shape, spacing = (12, 10, 8), np.array([1.0, 1.2, draw.uniform(1.5, 3.0)])
    places = np.stack(np.meshgrid(*(np.arange(side) for side in shape), indexing="ij"), axis=-1)
    middle, radius = draw.uniform((3, 3, 2), (9, 7, 6)), draw.uniform(1.5, 3.0)
    ball = np.linalg.norm(places - middle, axis=-1) < radius
    voxels = 100 + 300 * ball[..., None] + draw.normal(0, 20, (*shape, channels))
    way = np.array([draw.choice([-1.0, 1.0]), 1.0, 1.0])
    return encode(voxels.round().astype(np.int16), np.diag([*(way * spacing), 1.0]))
