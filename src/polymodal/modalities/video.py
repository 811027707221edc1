"""Videos: clips of movements, walks, examinations, scenes; of any length, rate and size."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat
from torch import Generator, Tensor, nn

from polymodal.core.seeding import numpy_generator
from polymodal.data.augmentation import cut_patches, drawn_moves, recolour, warp
from polymodal.data.base import DataTable
from polymodal.data.calibration import Wishes
from polymodal.data.clips import Sampling
from polymodal.data.files import Limits
from polymodal.data.filming import film
from polymodal.data.watching import VideoColumn
from polymodal.encoders.clips import ClipNet
from polymodal.encoders.convolution import ConvolutionNet
from polymodal.encoders.patches import PatchNet
from polymodal.modalities.base import Budget, Content, Modality, Parts

__all__ = ["Video"]

Side = Annotated[int, Field(ge=4, le=1024)]
Size = Side | tuple[Side, Side] | Literal["auto"]


class Video(Modality):
    """A column of videos (mp4, mov, mkv, webm, avi, gif), by file name or as bytes; what is heard is left to `audio`.

    Up to `frames` frames are looked at, evenly over the length, or `rate` in a second from the beginning; no more than
    the first `longest` seconds. `size` is the side, or (height, width), in pixels; "auto" takes what training videos
    have, up to 64. With `padded`, proportions are kept. `encoder` is "convolution" or "patches" for each frame, "auto",
    or a function of the fitted column and the width that gives a module from parts (see `VideoColumn`) to Tokens.
    `layers` are those of the transformer over time; with 0, frames are averaged and their order is lost. `tokens` is
    "pooled" (one for a video) or "frames" (one for each, positions in seconds). `augment` is the strength of training's
    small changes, the same for all frames of a video; `flip` also mirrors; `drop` is the share of frames that a step of
    training does without. Needs the extra: pip install "polymodal[video]".
    """

    reader: VideoColumn

    def __init__(
        self,
        column: str,
        frames: Annotated[int, Field(ge=1, le=512)] = 8,
        rate: Annotated[float, Field(gt=0, le=1000)] | None = None,
        longest: PositiveFloat = 60.0,
        size: Size = "auto",
        channels: Literal[1, 3, "auto"] = "auto",
        padded: bool = True,
        encoder: Literal["convolution", "patches", "auto"] | Callable[[Any, int], nn.Module] = "auto",
        tokens: Literal["pooled", "frames"] = "pooled",
        patch: Annotated[int, Field(ge=1, le=256)] | None = None,
        layers: Annotated[int, Field(ge=0, le=64)] = 1,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
        augment: NonNegativeFloat = 0.6,
        flip: bool = False,
        drop: Annotated[float, Field(ge=0, lt=1)] = 0.1,
        max_megapixels: PositiveFloat = 40.0,
        max_megabytes: PositiveFloat = 256.0,
        cache_megabytes: NonNegativeFloat = 256.0,
    ) -> None:
        self.column, self.frames, self.rate, self.longest = column, frames, rate, longest
        self.size, self.channels, self.padded, self.encoder, self.tokens = size, channels, padded, encoder, tokens
        self.patch, self.layers, self.dropout = patch, layers, dropout
        self.augment, self.flip, self.drop = augment, flip, drop
        self.max_megapixels, self.max_megabytes, self.cache_megabytes = max_megapixels, max_megabytes, cache_megabytes
        limits = Limits(bytes=int(max_megabytes * 2**20), pixels=int(max_megapixels * 10**6))
        wishes, sampling = Wishes(size, channels, padded, limits), Sampling(frames, rate, longest)
        self.reader = VideoColumn(column, wishes, sampling, int(cache_megabytes * 2**20))

    def chosen(self) -> tuple[str, str]:
        """Which encoder is built, and why in a sentence."""
        if callable(self.encoder):
            return "custom", "a function builds it"
        if self.encoder != "auto":
            return self.encoder, "the spec asks for it"
        rows = self.reader.learned.picture.training_rows
        return "convolution", f"with {rows:,} training videos a convolution of each frame learns more than patches"

    def build_encoder(self, width: int) -> nn.Module:
        """A net for videos like those of the training rows."""
        if callable(self.encoder):
            return self.encoder(self.reader, width)
        learned = self.reader.learned
        canvas = learned.picture.canvas
        if self.chosen()[0] == "patches":
            net: nn.Module = PatchNet(canvas.channels, width, self.patch_side, layers=2, dropout=self.dropout)
        else:
            net = ConvolutionNet(canvas.channels, width, (canvas.height, canvas.width), dropout=self.dropout)
        scale = learned.picture.mean, learned.picture.spread
        return ClipNet(net, width, scale, learned.step, self.layers, self.tokens, self.dropout)

    @property
    def patch_side(self) -> int:
        """The side of a patch in pixels: as asked, or an eighth of the shorter side, rounded to an even number."""
        canvas = self.reader.learned.picture.canvas
        return self.patch if self.patch is not None else max(2, 2 * round(min(canvas.height, canvas.width) / 16))

    def perturb(self, parts: Parts, generator: Generator) -> Parts:
        """Shift, turn, zoom and recolour a little, all frames of a video alike, and leave some frames out."""
        changed = dict(parts)
        if self.augment > 0.0 or self.flip:
            # Frames laid out as channels of one picture move together.
            count, height, width = len(parts["frames"]), *parts["frames"].shape[-2:]
            moves = drawn_moves(count, (height, width), self.augment, self.flip, generator)
            pixels, known = warp(parts["frames"].flatten(1, 2), parts.get("known"), moves)
            pixels = recolour(pixels, 0.0, 255.0, self.augment, generator)
            changed["frames"] = pixels.view(parts["frames"].shape)
            changed |= {} if known is None else {"known": known}
        if self.drop > 0.0:
            seconds = parts["seconds"]
            dropped = (torch.rand(seconds.shape, generator=generator) < self.drop).to(seconds.device)
            left = (~dropped & ~seconds.isnan()).any(dim=1, keepdim=True)
            changed["seconds"] = seconds.masked_fill(dropped & left, torch.nan)
        return changed

    def corrupt(self, parts: Parts, rate: float, generator: Generator) -> tuple[Parts, Tensor]:
        """Paint over whole frames, or the same patches of all frames; (n, frames · patches) True where that was done.

        A frame is much like its neighbours: what is hidden in one alone would be read off the next (tubes: Tong et al.
        2022, section 3.2). Which of the two is hidden is drawn for each video.
        """
        frames, side = parts["frames"], self.patch_side
        count, many, _, height, width = frames.shape
        rows, columns = -(-height // side), -(-width // side)
        drawn = torch.rand(count, 1 + many + rows * columns, generator=generator).to(frames.device)
        whole, tubes = drawn[:, 1 : 1 + many, None] < rate, drawn[:, None, 1 + many :] < rate
        there = ~parts["seconds"].isnan().unsqueeze(2)
        hidden = torch.where(drawn[:, :1, None] < 0.5, whole, tubes) & there
        wide = hidden.view(count, many, 1, rows, columns).repeat_interleave(side, 3).repeat_interleave(side, 4)
        mean = torch.tensor(self.reader.learned.picture.mean, device=frames.device).view(-1, 1, 1)
        fill = mean.to(frames) if frames.is_floating_point() else mean.round().to(frames)
        covered = torch.where(wide[..., :height, :width], fill, frames)
        return {**parts, "frames": covered}, hidden.flatten(1)

    def content(self, parts: Parts) -> Content:
        """The pixels of each patch of each frame, at mean 0 and spread 1 of the training videos."""
        picture, frames = self.reader.learned.picture, parts["frames"]
        mean, spread = (torch.tensor(of, device=frames.device).view(-1, 1, 1) for of in (picture.mean, picture.spread))
        values = (frames.to(mean.dtype) - mean) / spread
        if "known" in parts:
            values = values.masked_fill(~parts["known"][:, None, None], torch.nan)
        values = values.masked_fill(parts["seconds"].isnan()[:, :, None, None, None], torch.nan)
        patches = cut_patches(values.flatten(0, 1), self.patch_side)
        cut = patches.view(len(frames), frames.shape[1] * patches.shape[1], patches.shape[2])
        return Content(cut, torch.zeros(len(cut), 0, dtype=torch.long, device=frames.device))

    def content_size(self) -> tuple[int, int]:
        """The values of a patch; no classes."""
        return self.reader.learned.picture.canvas.channels * self.patch_side**2, 0

    def budget(self) -> dict[str, Budget]:
        """Each value may move by 8/255 of the range, in every frame on its own."""
        return {"frames": Budget("linf", 8.0, 0.0, 255.0)}

    def example(self, rows: int, seed: int) -> DataTable:
        """Squares that wander over 3 to 6 frames of 16 × 12 pixels, as bytes of files; one row in six is without."""
        draw = numpy_generator(seed, "video example")
        cells: list[bytes | None] = [_wandering(draw) for _ in range(rows)]
        empty = draw.random(rows) < 1 / 6
        if rows > 2:
            empty[0], empty[rows // 2] = False, True
        shown = [None if gone else cell for cell, gone in zip(cells, empty, strict=True)]
        return DataTable(pd.DataFrame({self.column: pd.Series(shown, dtype=object)}), source="video example")


def _wandering(draw: np.random.Generator) -> bytes:
    """A square that moves along a line, ten frames a second, with a hum as its sound track."""
    count, ground, colour = int(draw.integers(3, 7)), draw.integers(150, 256, size=3), draw.integers(0, 120, size=3)
    frames = np.tile(ground.astype(np.uint8), (count, 16, 12, 1))
    start, pace = draw.uniform((1, 1), (10, 6)), draw.uniform(-1.5, 1.5, size=2)
    for place, frame in enumerate(frames):
        y, x = (start + place * pace).clip(0, (11, 7)).astype(int)
        frame[y : y + 5, x : x + 5] = colour
    moments = np.arange(800 * count) / 8000
    hum = 8000 * np.sin(2 * np.pi * draw.uniform(200, 800) * moments)
    return film(frames, 10, hum.astype(np.int16))
