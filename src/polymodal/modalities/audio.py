"""Sounds: speech, cries of animals, machines, heart and lung; of any length and any rate."""

import io
import wave
from collections.abc import Callable
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
from polymodal.data.hearing import AudioColumn
from polymodal.data.series import FARTHEST
from polymodal.data.sounds import Hearing
from polymodal.encoders.series import PartReader, SeriesPlan
from polymodal.encoders.summary import SummaryNet
from polymodal.encoders.vectors import SideBySide
from polymodal.modalities.base import Budget, Content, Modality, Parts

__all__ = ["Audio"]

Choice = Literal["convolution", "patches", "recurrent", "summary", "both", "auto"]

STRIDE = 4
"""Frames that the convolution takes at a time: windows of 25 ms each 10 ms, which look much like their neighbours."""

MASKED_BANDS, MASKED_TIME = 0.25, 0.2
"""The widest masks of SpecAugment at strength 1: shares of the bands, and of the clip."""

SHIFTED = 0.125
"""How far a spectrum is moved up or down at most at strength 1, in shares of the bands: throats differ in length."""


class Audio(Modality):
    """A column of sounds (wav, flac, ogg, mp3), by file name, as bytes, or as arrays of samples.

    Sound enters as the logarithm of its power in `bands` bands of the mel scale, each 10 ms, at `rate` in Hz ("auto"
    takes what training clips have, up to 16,000). With `level`, each clip is brought to the same loudness. A clip is
    heard up to `longest` seconds. Of a video its sound track is heard (pip install "polymodal[video]"); one that has
    none is absent. `encoder` is "convolution" (over time), "patches" (a transformer), "recurrent",
    "summary" (mean, spread and restlessness of the spectrum's shape: how it is said rather than what), "both"
    (convolution and summary, a token of each), "auto", or a function of the fitted column and the width that gives a
    module from the part "sound" (n, frames, bands) to Tokens. `tokens` is "pooled" (a token of each net for a clip) or
    "steps" (several in order of time). `patch` is in frames, and what a token of steps stands for at most; None takes 8
    for patches, and leaves about eight tokens of a middling clip to a convolution. `augment` is the strength of
    training's changes (0 = none): SpecAugment (Park et al. 2019), and spectra moved up or down. Files over
    `max_megabytes` are refused; `cache_megabytes` of finished clips stay in memory. Needs the extra: pip install
    "polymodal[audio]".
    """

    reader: AudioColumn

    def __init__(
        self,
        column: str,
        rate: Annotated[int, Field(ge=1000, le=192_000)] | Literal["auto"] = "auto",
        bands: Annotated[int, Field(ge=8, le=256)] = 48,
        level: bool = True,
        longest: PositiveFloat = 30.0,
        encoder: Choice | Callable[[Any, int], nn.Module] = "auto",
        tokens: Literal["pooled", "steps"] = "pooled",
        patch: Annotated[int, Field(ge=1, le=1024)] | None = None,
        layers: Annotated[int, Field(ge=1, le=64)] = 2,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
        augment: NonNegativeFloat = 0.5,
        max_megabytes: PositiveFloat = 64.0,
        cache_megabytes: NonNegativeFloat = 256.0,
    ) -> None:
        self.column, self.rate, self.bands, self.level, self.longest = column, rate, bands, level, longest
        self.encoder, self.tokens, self.patch, self.layers = encoder, tokens, patch, layers
        self.dropout, self.augment = dropout, augment
        self.max_megabytes, self.cache_megabytes = max_megabytes, cache_megabytes
        if tokens == "steps" and encoder in ("summary", "both"):
            raise ValueError(f'a summary has no steps: encoder "{encoder}" goes with tokens "pooled"')
        limits, kept = Limits(bytes=int(max_megabytes * 2**20)), int(cache_megabytes * 2**20)
        hearing = Hearing(bands=bands, level=level)
        self.reader = AudioColumn(column, hearing, None if rate == "auto" else rate, longest, limits, kept)

    def chosen(self) -> tuple[str, str]:
        """Which encoder is built, and why in a sentence."""
        if callable(self.encoder):
            return "custom", "a function builds it"
        if self.encoder != "auto":
            return self.encoder, "the spec asks for it"
        seen = f"with {self.reader.learned.training_rows:,} training clips"
        if self.tokens == "steps":
            return "convolution", f"{seen} a convolution over time learns more than a transformer"
        return "both", f"a summary tells how it is said, a convolution over time what: {seen} both are learned"

    def build_encoder(self, width: int) -> nn.Module:
        """A net for clips like those of the training rows."""
        if callable(self.encoder):
            return self.encoder(self.reader, width)
        kind, learned, summary = self.chosen()[0], self.reader.learned, self.reader.summary
        told = SummaryNet(learned.channels, summary.mean, summary.spread, width, dropout=self.dropout)
        if kind == "summary":
            return PartReader("sound", told)
        size = (learned.channels, learned.steps, learned.longest, self.patch_frames)
        plan = SeriesPlan(*size, self.layers, self.dropout, self.tokens, stride=STRIDE, finest=self.patch)
        if kind != "both":
            return PartReader("sound", plan.build(kind, width))
        return SideBySide([PartReader("sound", plan.build("convolution", width)), PartReader("sound", told)])

    @property
    def patch_frames(self) -> int:
        """Frames of a patch: as asked, or 8 (80 ms, about a sound of speech)."""
        return self.patch if self.patch is not None else 8

    def perturb(self, parts: Parts, generator: Generator) -> Parts:
        """Move the spectrum up or down, and cover a run of bands and one of frames with the mean of training clips."""
        if self.augment == 0.0:
            return parts
        count, longest, bands = parts["sound"].shape
        drawn = torch.rand(5, count, generator=generator)
        strength = min(self.augment, 1.0)
        sound = _moved(parts["sound"], (2 * drawn[4] - 1) * SHIFTED * strength * bands)
        known = ~sound.isnan()
        frames = known.any(dim=2).sum(dim=1).cpu()
        across = _run(drawn[0], drawn[1], torch.full((count,), bands), bands, MASKED_BANDS * strength)
        along = _run(drawn[2], drawn[3], frames, longest, MASKED_TIME * strength)
        covered = (across.unsqueeze(1) | along.unsqueeze(2)).to(sound.device)
        return {"sound": sound.masked_fill(covered & known, 0.0)}

    def corrupt(self, parts: Parts, rate: float, generator: Generator) -> tuple[Parts, Tensor]:
        """Hide stretches of `patch_frames` frames; (n, stretches) True where something was hidden."""
        sound, hidden = hide_stretches(parts["sound"], self.patch_frames, rate, generator)
        return {"sound": sound}, hidden

    def content(self, parts: Parts) -> Content:
        """The values of each stretch of `patch_frames` frames."""
        stretches = cut_stretches(parts["sound"], self.patch_frames)
        return Content(stretches, torch.zeros(len(stretches), 0, dtype=torch.long, device=stretches.device))

    def content_size(self) -> tuple[int, int]:
        """The values of a stretch; no classes."""
        return self.patch_frames * self.reader.learned.channels, 0

    def budget(self) -> dict[str, Budget]:
        """The power in each band and frame may move by a tenth of its standard deviation over the training clips."""
        return {"sound": Budget("linf", 0.1, -FARTHEST, FARTHEST)}

    def example(self, rows: int, seed: int) -> DataTable:
        """Tones with overtones and noise of .15 to .4 s as the bytes of WAV files; about one row in six is without."""
        draw = numpy_generator(seed, "audio example")
        cells: list[bytes | None] = [_tone(draw) for _ in range(rows)]
        empty = draw.random(rows) < 1 / 6
        if rows > 2:
            empty[0], empty[rows // 2] = False, True
        shown = [None if gone else cell for cell, gone in zip(cells, empty, strict=True)]
        return DataTable(pd.DataFrame({self.column: pd.Series(shown, dtype=object)}), source="audio example")


def _moved(sound: Tensor, by: Tensor) -> Tensor:
    """Each of the clips (n, frames, bands) with its spectrum moved by so many bands (n,); the outermost are repeated.

    What lies between two bands is drawn straight. Moving mel bands stretches the frequencies of speech about as a
    longer or shorter throat does (Jaitly and Hinton 2013).
    """
    bands = sound.shape[2]
    place = (torch.arange(bands) + by.unsqueeze(1)).clamp(0, bands - 1).to(sound)
    low = place.floor().clamp(max=bands - 2)
    share = (place - low).unsqueeze(1)
    low = low.long().unsqueeze(1).expand(sound.shape)
    return torch.lerp(sound.gather(2, low), sound.gather(2, low + 1), share)


def _run(size: Tensor, start: Tensor, lengths: Tensor, places: int, most: float) -> Tensor:
    """(n, places) True on one run of up to `most` of the `lengths` (n,), by `size` and `start` (n,) from [0, 1)."""
    wide = (size * (most * lengths + 1)).floor()
    first = (start * (lengths - wide + 1)).floor()
    place = torch.arange(places)
    return (place >= first.unsqueeze(1)) & (place < (first + wide).unsqueeze(1))


def _tone(draw: np.random.Generator) -> bytes:
    """A short tone as a WAV file of 16 bits at 8 kHz."""
    seconds = draw.uniform(0.15, 0.4)
    moments = np.arange(int(8000 * seconds)) / 8000
    pitch = draw.uniform(150, 900)
    samples = sum(np.sin(2 * np.pi * pitch * part * moments) / part for part in (1, 2, 3))
    samples = 0.2 * samples * np.exp(-3 * moments) + draw.normal(0, 0.01, len(moments))
    stream = io.BytesIO()
    with wave.open(stream, "wb") as written:
        written.setparams((1, 2, 8000, 0, "NONE", ""))
        written.writeframes((samples.clip(-1, 1) * 32767).astype("<i2").tobytes())
    return stream.getvalue()
