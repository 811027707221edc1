"""Pictures: photographs, scans, drawings, depth maps; of 1 to N channels and any depth."""

import io
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
import torch
from PIL import Image as Pillow
from pydantic import Field, NonNegativeFloat, PositiveFloat
from torch import Generator, Tensor, nn

from polymodal.core import Tokens
from polymodal.core.seeding import numpy_generator
from polymodal.data.augmentation import cut_patches, drawn_moves, hide_patches, recolour, tint, warp
from polymodal.data.base import DataTable
from polymodal.data.calibration import Calibration, Wishes
from polymodal.data.files import Limits
from polymodal.data.imaging import ImageColumn
from polymodal.encoders.convolution import ConvolutionNet
from polymodal.encoders.patches import PatchNet
from polymodal.modalities.base import Budget, Content, Modality, Parts

__all__ = ["Image"]

Choice = Literal["convolution", "patches", "auto"]
Side = Annotated[int, Field(ge=4, le=2048)]
Size = Side | tuple[Side, Side] | Literal["auto"]


class Image(Modality):
    """A column of pictures, by file name or in the table itself.

    `size` is the side, or (height, width), in pixels; "auto" takes what training pictures have, up to 64.
    `channels` is a number or "auto". With `padded`, proportions are kept; without, pictures are stretched.
    `encoder` is "convolution", "patches" (a transformer), "auto", or a function of the fitted column and the width
    that gives a module from parts to Tokens. `tokens` is "pooled" (one for a picture), "grid" (one for each cell
    of it, for fusions that look closely) or "pyramid" (a grid with the finer maps it was made of, for tasks that answer
    for each pixel; patches have no finer maps). `patch` is the side of a patch in pixels; None takes about an eighth of
    the picture. `layers` are the layers of the transformer. `augment` is the strength of training's small changes
    (0 = none), `flip` also mirrors: right for photographs, wrong for writing. `colours` is the strength of changes of
    light and colour (0 = none): right where the light or the camera may change, wrong where a hue is the answer.
    Pictures over `max_megapixels` or files over `max_megabytes` are refused; `cache_megabytes` of finished pictures
    stay in memory (0 = none).
    """

    reader: ImageColumn

    def __init__(
        self,
        column: str,
        size: Size = "auto",
        channels: Annotated[int, Field(ge=1, le=256)] | Literal["auto"] = "auto",
        padded: bool = False,
        encoder: Choice | Callable[[Any, int], nn.Module] = "auto",
        tokens: Literal["pooled", "grid", "pyramid"] = "pooled",
        patch: Annotated[int, Field(ge=1, le=256)] | None = None,
        layers: Annotated[int, Field(ge=1, le=64)] = 4,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
        augment: NonNegativeFloat = 0.6,
        flip: bool = False,
        colours: Annotated[float, Field(ge=0, le=2)] = 0.0,
        max_megapixels: PositiveFloat = 40.0,
        max_megabytes: PositiveFloat = 64.0,
        cache_megabytes: NonNegativeFloat = 256.0,
    ) -> None:
        self.column = column
        self.size, self.channels, self.padded, self.encoder, self.tokens = size, channels, padded, encoder, tokens
        self.patch, self.layers, self.dropout, self.augment = patch, layers, dropout, augment
        self.flip, self.colours = flip, colours
        self.max_megapixels, self.max_megabytes, self.cache_megabytes = max_megapixels, max_megabytes, cache_megabytes
        limits = Limits(bytes=int(max_megabytes * 2**20), pixels=int(max_megapixels * 10**6))
        self.reader = ImageColumn(column, Wishes(size, channels, padded, limits), int(cache_megabytes * 2**20))

    def build_encoder(self, width: int) -> nn.Module:
        """A net for pictures like those of the training rows."""
        if callable(self.encoder):
            return self.encoder(self.reader, width)
        learned = self.reader.learned
        canvas = learned.canvas
        if self.encoder == "patches":
            pool: Literal["mean", "none"] = "mean" if self.tokens == "pooled" else "none"
            net: nn.Module = PatchNet(
                canvas.channels, width, self.patch_side, self.layers, pool=pool, dropout=self.dropout
            )
        else:
            size = (canvas.height, canvas.width)
            net = ConvolutionNet(canvas.channels, width, size, self.tokens, dropout=self.dropout)
        return NormalisedEncoder(learned, net)

    @property
    def patch_side(self) -> int:
        """The side of a patch in pixels: as asked, or an eighth of the shorter side, rounded to an even number."""
        canvas = self.reader.learned.canvas
        return self.patch if self.patch is not None else max(2, 2 * round(min(canvas.height, canvas.width) / 16))

    def chosen(self) -> tuple[str, str]:
        """Which encoder is built, and why in a sentence."""
        if callable(self.encoder):
            return "custom", "a function builds it"
        if self.encoder != "auto":
            return self.encoder, "the spec asks for it"
        rows = self.reader.learned.training_rows
        return "convolution", f"with {rows:,} training pictures a convolutional net learns more than a transformer"

    def perturb(self, parts: Parts, generator: Generator) -> Parts:
        """Shift, turn, zoom and recolour a little, each picture on its own; depths are never recoloured."""
        return self.perturb_along(parts, generator)[0]

    def perturb_along(self, parts: Parts, generator: Generator) -> tuple[Parts, Tensor | None]:
        """The same, with (n, 2, 3) how each picture was moved."""
        learned, changed, moves = self.reader.learned, dict(parts), None
        if self.augment > 0.0 or self.flip:
            height, width = parts["pixels"].shape[-2:]
            moves = drawn_moves(len(parts["pixels"]), (height, width), self.augment, self.flip, generator)
            changed["pixels"], known = warp(parts["pixels"], parts.get("known"), moves)
            changed |= {} if known is None else {"known": known}
            if not learned.canvas.deep:
                changed["pixels"] = recolour(changed["pixels"], learned.low, learned.high, self.augment, generator)
        if self.colours > 0.0 and not learned.canvas.deep:
            changed["pixels"] = tint(changed["pixels"], learned.low, learned.high, self.colours, generator)
        return changed, moves

    def corrupt(self, parts: Parts, rate: float, generator: Generator) -> tuple[Parts, Tensor]:
        """Paint patches over with the mean colour; (n, patches) True where that was done."""
        fill = torch.tensor(self.reader.learned.mean)
        pixels, hidden = hide_patches(parts["pixels"], fill, self.patch_side, rate, generator)
        return {**parts, "pixels": pixels}, hidden

    def content(self, parts: Parts) -> Content:
        """The pixels of each patch, at mean 0 and spread 1 of the training pictures."""
        learned, pixels = self.reader.learned, parts["pixels"]
        mean, spread = (torch.tensor(of, device=pixels.device).view(-1, 1, 1) for of in (learned.mean, learned.spread))
        values = (pixels.to(mean.dtype) - mean) / spread
        if "known" in parts:
            values = values.masked_fill(~parts["known"].unsqueeze(1), torch.nan)
        patches = cut_patches(values, self.patch_side)
        return Content(patches, torch.zeros(len(patches), 0, dtype=torch.long, device=patches.device))

    def content_size(self) -> tuple[int, int]:
        """The values of a patch; no classes."""
        return self.reader.learned.canvas.channels * self.patch_side**2, 0

    @property
    def quarters(self) -> Sequence[int]:
        """A canvas that is not square can only be stood on its head."""
        canvas = self.reader.learned.canvas
        return (0, 1, 2, 3) if canvas.height == canvas.width else (0, 2)

    def turn(self, parts: Parts, quarters: Tensor) -> Parts:
        """The pictures, each turned by its number (n,) of quarters against the clock; unknown pixels turn along."""
        turned = {name: part.clone() for name, part in parts.items()}
        for quarter in self.quarters:
            chosen = quarters == quarter
            for name, part in turned.items():
                part[chosen] = torch.rot90(parts[name][chosen], quarter, (-2, -1))
        return turned

    def budget(self) -> dict[str, Budget]:
        """Each value may move by 8/255 of the range, in the unit of the file (the usual ball, Madry et al. 2018)."""
        low, high = self.reader.learned.low, self.reader.learned.high
        return {"pixels": Budget("linf", 8 / 255 * (high - low), low, high)}

    def example(self, rows: int, seed: int) -> DataTable:
        """Coloured discs and squares of 20 × 16 pixels as PNG bytes; about one row in six is without."""
        draw = numpy_generator(seed, "image example")
        cells = [_drawing(draw) for _ in range(rows)]
        empty = draw.random(rows) < 1 / 6
        if rows > 2:
            empty[0], empty[rows // 2] = False, True
        shown = [None if gone else cell for cell, gone in zip(cells, empty, strict=True)]
        return DataTable(pd.DataFrame({self.column: pd.Series(shown, dtype=object)}), source="image example")


class NormalisedEncoder(nn.Module):
    """Brings pixels to mean 0 and spread 1 of the training pictures, then hands them to a net of (pixels, known)."""

    mean: Tensor
    spread: Tensor

    def __init__(self, learned: Calibration, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("mean", torch.tensor(learned.mean).view(-1, 1, 1))
        self.register_buffer("spread", torch.tensor(learned.spread).view(-1, 1, 1))
        # Depths far beyond any seen in training are cut off at twice the range.
        reach = (learned.high - learned.low) / 2
        self.low, self.high = learned.low - reach, learned.high + reach

    def forward(self, parts: Parts) -> Tokens:
        """Parts (n, …) → Tokens (n, tokens, width)."""
        pixels = parts["pixels"].to(self.mean.dtype).clamp(self.low, self.high)
        tokens: Tokens = self.net((pixels - self.mean) / self.spread, parts.get("known"))
        return tokens


def _drawing(draw: np.random.Generator) -> bytes:
    """One shape on a pale ground, as the bytes of a PNG."""
    y, x = np.mgrid[0:20, 0:16]
    centre, radius = draw.uniform((6, 5), (14, 11)), draw.uniform(3, 6)
    away = np.stack([y - centre[0], x - centre[1]])
    inside = np.hypot(*away) < radius if draw.random() < 0.5 else np.abs(away).max(axis=0) < radius
    ground, colour = draw.integers(180, 256, size=3), draw.integers(0, 160, size=3)
    pixels = np.where(inside[:, :, None], colour, ground).astype(np.uint8)
    stream = io.BytesIO()
    Pillow.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()
