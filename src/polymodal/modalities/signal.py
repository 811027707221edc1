"""Series of measurements: sensors, forces and torques, tactile arrays, gas sensors, activity, electrodes."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat
from torch import Generator, Tensor, nn

from polymodal.core.seeding import numpy_generator
from polymodal.data.augmentation import cut_stretches, hide_stretches
from polymodal.data.base import DataTable
from polymodal.data.files import Limits
from polymodal.data.series import FARTHEST, Layout, SeriesColumn
from polymodal.encoders.series import PartReader, SeriesPlan
from polymodal.modalities.base import Budget, Content, Modality, Parts

__all__ = ["Signal"]

Choice = Literal["convolution", "patches", "recurrent", "dense", "auto"]

SHORT = 512
"""Up to so many values, a series that is always equally long is read by a net with a weight for each value."""


class Signal(Modality):
    """Multichannel series of any length, any channel or stretch of which may be missing.

    `columns` (names or patterns) are single numbers, which are the channels of one step or, with `layout="steps"`, the
    steps of one channel; or they hold series (arrays, lists, text such as "0.5 1 2"), each column a channel, a lone one
    (steps, channels); or, with `files`, names of files (.npy, or text with a line for each step). `encoder` is
    "convolution", "patches" (a transformer), "recurrent", "dense" (a weight for each value, for short series of one
    length), "auto", or a function of the fitted column and the width that gives a module from the part "series"
    (n, steps, channels) to Tokens. `tokens` is "pooled" (one for a series) or "steps" (several in order of time).
    `patch` is in steps, and what a token of steps stands for at most; None takes about a sixteenth of the series for
    patches, and leaves about eight tokens of it to a convolution. A series of more than `longest` steps is averaged
    down to fewer. `augment` is the strength of training's small changes (0 = none).
    """

    reader: SeriesColumn

    def __init__(
        self,
        columns: Annotated[Sequence[str], Field(min_length=1)],
        layout: Layout = "channels",
        files: bool = False,
        encoder: Choice | Callable[[Any, int], nn.Module] = "auto",
        tokens: Literal["pooled", "steps"] = "pooled",
        patch: Annotated[int, Field(ge=1, le=4096)] | None = None,
        layers: Annotated[int, Field(ge=1, le=64)] = 2,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
        augment: NonNegativeFloat = 0.5,
        longest: Annotated[int, Field(ge=8, le=2**20)] = 4096,
        max_megabytes: PositiveFloat = 64.0,
    ) -> None:
        self.columns, self.layout, self.files, self.encoder, self.tokens = columns, layout, files, encoder, tokens
        self.patch, self.layers, self.dropout, self.augment = patch, layers, dropout, augment
        self.longest, self.max_megabytes = longest, max_megabytes
        self.reader = SeriesColumn(columns, layout, files, longest, Limits(bytes=int(max_megabytes * 2**20)))

    def chosen(self) -> tuple[str, str]:
        """Which encoder is built, and why in a sentence."""
        if callable(self.encoder):
            return "custom", "a function builds it"
        if self.encoder != "auto":
            return self.encoder, "the spec asks for it"
        learned = self.reader.learned
        shape = f"{learned.steps:,} steps of {learned.channels} channels"
        even = learned.steps == learned.longest
        if self.tokens == "pooled" and even and learned.steps * learned.channels <= SHORT:
            return "dense", f"every training series has {shape}: each value can have a weight of its own"
        return "convolution", f"a convolution reads series of any length, here {shape} in the middle"

    def build_encoder(self, width: int) -> nn.Module:
        """A net for series like those of the training rows."""
        if callable(self.encoder):
            return self.encoder(self.reader, width)
        learned = self.reader.learned
        size = (learned.channels, learned.steps, learned.longest, self.patch_steps)
        plan = SeriesPlan(*size, self.layers, self.dropout, self.tokens, finest=self.patch)
        return PartReader("series", plan.build(self.chosen()[0], width))

    @property
    def patch_steps(self) -> int:
        """Steps of a patch: as asked, or about a sixteenth of a series of middling length."""
        return self.patch if self.patch is not None else max(1, round(self.reader.learned.steps / 16))

    def perturb(self, parts: Parts, generator: Generator) -> Parts:
        """Add a little noise, change each channel's strength a little, and hide some channels; gaps stay gaps."""
        if self.augment == 0.0:
            return parts
        series = parts["series"]
        count, _, channels = series.shape
        gain = torch.exp(0.1 * self.augment * torch.randn(count, 1, channels, generator=generator))
        noise = 0.05 * self.augment * torch.randn(series.shape, generator=generator)
        changed = (series * gain.to(series) + noise.to(series)).clamp(-FARTHEST, FARTHEST)
        dropped = torch.rand(count, 1, channels, generator=generator) < 0.1 * self.augment
        # A value keeps at least one of its channels.
        dropped &= ~dropped.all(dim=2, keepdim=True)
        return {"series": changed.masked_fill(dropped.to(series.device), torch.nan)}

    def corrupt(self, parts: Parts, rate: float, generator: Generator) -> tuple[Parts, Tensor]:
        """Hide stretches of `patch_steps` steps; (n, stretches) True where something was hidden."""
        series, hidden = hide_stretches(parts["series"], self.patch_steps, rate, generator)
        return {"series": series}, hidden

    def content(self, parts: Parts) -> Content:
        """The values of each stretch of `patch_steps` steps."""
        stretches = cut_stretches(parts["series"], self.patch_steps)
        return Content(stretches, torch.zeros(len(stretches), 0, dtype=torch.long, device=stretches.device))

    def content_size(self) -> tuple[int, int]:
        """The values of a stretch; no classes."""
        return self.patch_steps * self.reader.learned.channels, 0

    def budget(self) -> dict[str, Budget]:
        """Each value may move by a tenth of a standard deviation of the training rows."""
        return {"series": Budget("linf", 0.1, -FARTHEST, FARTHEST)}

    def example(self, rows: int, seed: int) -> DataTable:
        """Waves of 12 to 30 steps with noise and a gap here and there; about one row in six is without."""
        draw = numpy_generator(seed, "signal example")
        names = [name.replace("*", "1") for name in self.columns]
        cells: dict[str, list[object]] = {name: [] for name in names}
        for row in range(rows):
            steps, empty = int(draw.integers(12, 31)), bool(draw.random() < 1 / 6) or row == rows // 2
            for name in names:
                shape = (steps,) if len(names) > 1 else (steps, 2)
                wave = np.sin(np.linspace(0, draw.uniform(2, 9), steps)).reshape(-1, *[1] * (len(shape) - 1))
                made = (draw.uniform(1, 3) * wave + draw.normal(0, 0.3, shape)).round(3)
                made[draw.random(shape) < 0.05] = np.nan
                cells[name].append(None if empty and row > 0 else made)
        return DataTable(pd.DataFrame({name: pd.Series(made, dtype=object) for name, made in cells.items()}))
