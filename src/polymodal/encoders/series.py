"""Nets that read series of any length, some channels or steps of which are missing."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polymodal.core import Tokens
from polymodal.core.masking import keep, masked_mean
from polymodal.encoders.dropout import Dropout
from polymodal.encoders.mlp import ResidualBlock
from polymodal.encoders.recurrent import Recurrent
from polymodal.encoders.transformer import Pool, Transformer

__all__ = ["PartReader", "SeriesConvolution", "SeriesMlp", "SeriesPatchNet", "SeriesPatches", "SeriesPlan"]


class SeriesBlock(nn.Module):
    """Two convolutions over time around which the series also passes unchanged; unknown steps are zero for both.

    (n, steps, width) → the same, of no meaning where the mask is False. With a `dilation` a convolution reads every so
    manieth step (Yu and Koltun 2016). Norms are over the channels of one step (Ba et
    al. 2016), so that neither padding nor the batch changes anything.
    """

    def __init__(self, width: int, reach: int = 5, dropout: float = 0.1, scale: float = 0.2, dilation: int = 1) -> None:
        super().__init__()
        self.first_norm, self.second_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        padding = reach // 2 * dilation
        self.first = nn.Conv1d(width, width, reach, padding=padding, dilation=dilation)
        self.second = nn.Conv1d(width, width, reach, padding=padding, dilation=dilation)
        self.dropout = Dropout(dropout)
        self.scale = nn.Parameter(torch.full((width,), scale))

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """values + scale · W2 relu(norm(W1 relu(norm(values))))."""
        change = self.along(self.first, F.relu(self.first_norm(values)), mask)
        change = self.along(self.second, self.dropout(F.relu(self.second_norm(change))), mask)
        return torch.addcmul(values, change, self.scale)

    @staticmethod
    def along(convolution: nn.Conv1d, values: Tensor, mask: Tensor) -> Tensor:
        """A convolution over steps that sees zeros where nothing is known.

        Computed as one over pictures: their layout with channels last is how (n, steps, width) lies in memory, where a
        convolution over series would copy it there and back. The pictures are as wide as the dilation, so that the
        steps that are read together lie below one another.
        """
        weight = convolution.weight.unsqueeze(3).contiguous(memory_format=torch.channels_last)
        steps, wide = values.shape[1], convolution.dilation[0]
        pictures = F.pad(keep(values, mask), (0, 0, 0, -steps % wide)).unflatten(1, (-1, wide)).permute(0, 3, 1, 2)
        made = F.conv2d(pictures, weight, convolution.bias, padding=(weight.shape[2] // 2, 0))
        return made.permute(0, 2, 3, 1).flatten(1, 2)[:, :steps]


class SeriesConvolution(nn.Module):
    """A residual convolutional net over time: one token for a series, or one for each remaining step.

    The stem takes `stride` steps (1, 2, 4 …) at a time, together with half as many before and behind them, which suits
    series that change little from step to step; fewer where that would leave less than eight of `steps`. Stages of two
    convolutions follow, each on half the steps of the one before, until a series of `steps` has about eight left; any
    other length works, too. With `finest`, a token of steps stands for so many of them at most: stages that would halve
    further stay at that. The pooled token reads mean and maximum. Positions are counted in steps of the series.
    """

    def __init__(
        self,
        channels: int,
        width: int,
        steps: int,
        tokens: Literal["pooled", "steps"] = "pooled",
        inner: int = 64,
        dropout: float = 0.1,
        stride: int = 1,
        finest: int | None = None,
    ) -> None:
        super().__init__()
        self.tokens, self.finest = tokens, finest if tokens == "steps" else None
        halvings = max(0, math.floor(math.log2(max(steps, 1) / 8)))
        stride = min(stride, 2**halvings, stride if self.finest is None else 2 ** int(math.log2(self.finest)))
        self.stem = SeriesPatches(channels, inner, stride, reach=stride // 2)
        stages = 1 + min(5, halvings - int(math.log2(stride)))
        self.stages = nn.ModuleList(SeriesBlock(inner, dropout=dropout) for _ in range(stages))
        self.norm = nn.LayerNorm(inner)
        self.dropout = Dropout(dropout)
        self.out = nn.Linear(inner * (2 if tokens == "pooled" else 1), width)

    def forward(self, series: Tensor) -> Tokens:
        """series (n, steps, channels), NaN where unknown → Tokens (n, 1 or fewer steps, width)."""
        start = self.stem(series)
        values, mask, stretch = start.values, start.mask, self.stem.patch
        for number, stage in enumerate(self.stages):
            if number and (self.finest is None or 2 * stretch <= self.finest):
                values, mask, stretch = *halved(values, mask), 2 * stretch
            values = stage(values, mask)
        values = keep(F.relu(self.norm(values)), mask)
        if self.tokens == "steps":
            positions = middles(mask, stretch, values.dtype)
            return Tokens(keep(self.out(self.dropout(values)), mask), mask, positions)
        highest = values.amax(dim=1)  # no value is below zero
        pooled = torch.cat([masked_mean(values, mask), highest], dim=-1).unsqueeze(1)
        present = mask.any(dim=1, keepdim=True)
        return Tokens(keep(self.out(self.dropout(pooled)), present), present)


class SeriesPatches(nn.Module):
    """Cuts a series into patches of `patch` steps, each of which becomes a token (Nie et al. 2023, PatchTST).

    A patch also reads `reach` steps before and behind it. What is unknown enters as zero beside a mark that says so,
    and what lies beyond the ends of the series is unknown; a patch in which nothing of its own is known is masked.
    Positions are middles of patches, in steps.
    """

    def __init__(self, channels: int, width: int, patch: int, reach: int = 0) -> None:
        super().__init__()
        self.patch, self.reach = patch, reach
        self.project = nn.Linear(2 * channels * (patch + 2 * reach), width)

    def forward(self, series: Tensor) -> Tokens:
        """series (n, steps, channels), NaN where unknown → Tokens (n, patches, width)."""
        steps, patch, reach = series.shape[1], self.patch, self.reach
        whole = F.pad(series.to(self.project.weight.dtype), (0, 0, reach, reach - steps % -patch), value=torch.nan)
        known = ~whole.isnan()
        mask = known[:, reach : whole.shape[1] - reach].any(dim=2).unflatten(1, (-1, patch)).any(dim=2)
        marked = torch.cat([keep(whole, known), (~known).to(whole.dtype)], dim=2)
        # Windows that overlap are a view: nothing is copied before the product.
        windows = marked.unfold(1, patch + 2 * reach, patch).transpose(2, 3).flatten(2)
        return Tokens(keep(self.project(windows), mask), mask, middles(mask, patch, whole.dtype))


class SeriesPatchNet(nn.Module):
    """Patches of a series, read by a net from Tokens to Tokens of this width (a transformer, a recurrent net)."""

    def __init__(
        self, patches: SeriesPatches, body: nn.Module, width: int, pool: Literal["mean", "attention"] | None = "mean"
    ) -> None:
        super().__init__()
        self.patches, self.body = patches, body
        self.pool = Pool(width, pool) if pool is not None else None

    def forward(self, series: Tensor) -> Tokens:
        """series (n, steps, channels), NaN where unknown → Tokens (n, 1 or patches, width)."""
        tokens: Tokens = self.body(self.patches(series))
        return tokens if self.pool is None else self.pool(tokens)


class SeriesMlp(nn.Module):
    """One token for a short series that always has the same steps: every value has a weight of its own.

    A longer series is cut off behind `steps`; the missing end of a shorter one is unknown.
    """

    def __init__(self, channels: int, width: int, steps: int, layers: int = 2, dropout: float = 0.1) -> None:
        super().__init__()
        self.steps = steps
        self.linear = SeriesPatches(channels, width, steps)
        self.dropout = Dropout(dropout)
        self.blocks = nn.ModuleList(ResidualBlock(width, dropout=dropout) for _ in range(layers))

    def forward(self, series: Tensor) -> Tokens:
        """series (n, steps, channels), NaN where unknown → Tokens (n, 1, width)."""
        read = self.linear(series[:, : self.steps])
        values = self.dropout(read.values)
        for block in self.blocks:
            values = block(values)
        return Tokens(keep(values, read.mask), read.mask)


@dataclass(frozen=True)
class SeriesPlan:
    """What a net for series is made for, and how.

    `channels`; the steps of a middling series (`steps`) and of the longest one seen (`longest`); steps of a `patch`;
    `layers` of a transformer, a recurrent or a dense net; one token or several; steps that a convolution takes at a
    time (`stride`), and that a token of it stands for at most (`finest`).
    """

    channels: int
    steps: int
    longest: int
    patch: int
    layers: int = 2
    dropout: float = 0.1
    tokens: Literal["pooled", "steps"] = "pooled"
    stride: int = 1
    finest: int | None = None

    def build(self, kind: str, width: int) -> nn.Module:
        """A net from series (n, steps, channels) to Tokens: "convolution", "patches", "recurrent" or "dense"."""
        if kind == "dense":
            return SeriesMlp(self.channels, width, self.longest, self.layers, self.dropout)
        if kind == "convolution":
            size = (self.channels, width, self.steps, self.tokens)
            return SeriesConvolution(*size, dropout=self.dropout, stride=self.stride, finest=self.finest)
        body: nn.Module
        if kind == "patches":
            heads = next(heads for heads in (4, 2, 1) if width % heads == 0)
            body = Transformer(width, self.layers, heads, dropout=self.dropout)
        else:
            body = Recurrent(width, self.layers, dropout=self.dropout)
        patches = SeriesPatches(self.channels, width, self.patch)
        return SeriesPatchNet(patches, body, width, "mean" if self.tokens == "pooled" else None)


class PartReader(nn.Module):
    """Hands one part of a modality, (n, …), to a net that reads a tensor."""

    def __init__(self, part: str, net: nn.Module) -> None:
        super().__init__()
        self.part, self.net = part, net

    def forward(self, parts: Mapping[str, Tensor]) -> Tokens:
        """Parts → Tokens (n, tokens, width)."""
        tokens: Tokens = self.net(parts[self.part])
        return tokens


def halved(values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Means of neighbours, two by two, over those that are known: (n, steps / 2, width), and which are left."""
    odd = values.shape[1] % 2
    pairs, known = F.pad(values, (0, 0, 0, odd)), F.pad(mask, (0, odd))
    pairs, known = pairs.unflatten(1, (-1, 2)), known.unflatten(1, (-1, 2))
    made = masked_mean(pairs.flatten(0, 1), known.flatten(0, 1)).unflatten(0, known.shape[:2])
    return made, known.any(dim=2)


def middles(mask: Tensor, stretch: int, dtype: torch.dtype) -> Tensor:
    """(n, stretches, 1) middles of stretches of so many steps, zero where the mask (n, stretches) is False."""
    place = (torch.arange(mask.shape[1], device=mask.device, dtype=dtype) + 0.5) * stretch
    return keep(place.expand(mask.shape).unsqueeze(-1), mask)
