"""A small residual convolutional net: the better choice while there are thousands of pictures, not millions."""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polymodal.core import Grid, Tokens
from polymodal.core.masking import keep, masked_mean
from polymodal.encoders.dropout import Dropout

__all__ = ["EDGES", "ConvolutionBlock", "ConvolutionNet", "grid_centres", "group_norm"]

EDGES = 16
"""Channels of the map at half the side of a large picture: few, since there are many places."""


class ConvolutionBlock(nn.Module):
    """Two 3 × 3 convolutions around which the picture also passes unchanged (pre-activation, He et al. 2016, fig. 4e).

    (n, channels, height, width) → the same. Norms are over groups within one picture (Wu and He 2018, eq. 7), so that
    no picture depends on its batch. The change starts small (`scale`).
    """

    def __init__(self, channels: int, scale: float = 0.5) -> None:
        super().__init__()
        self.first_norm, self.second_norm = group_norm(channels), group_norm(channels)
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.scale = nn.Parameter(torch.full((channels, 1, 1), scale))

    def forward(self, x: Tensor) -> Tensor:
        """x + scale · W2 relu(norm(W1 relu(norm(x))))."""
        change = self.first(F.relu(self.first_norm(x)))
        return x + self.scale * self.second(F.relu(self.second_norm(change)))


class ConvolutionNet(nn.Module):
    """Pictures of one size to tokens: one for the whole picture, or one for each cell of a coarse grid.

    The stem halves the picture until its shorter side is below 24; stages of residual blocks follow, each on half the
    grid and twice the channels, down to a side of about 4. A "pyramid" is a grid with the finer maps that it was made
    of, one of each stage but the last: its stem halves twice at most, and its stages end at a side of about 5. Where
    the stem halves twice, the map between is kept as `edges`. `size` (height, width) chooses how many; any other size
    works, too. Unknown pixels (`known` False) count as zero, the mean of normalised pictures, and cells without any
    known pixel are masked. Positions of grid tokens are (y, x) of cell centres, in cells.
    """

    def __init__(
        self,
        channels: int,
        width: int,
        size: tuple[int, int] = (32, 32),
        tokens: Literal["pooled", "grid", "pyramid"] = "pooled",
        base: int = 32,
        blocks: int = 1,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.tokens = tokens
        shortest = min(size)
        halvings = max(0, math.ceil(math.log2(shortest / 23)))
        deepest, aim = 3, 4
        if tokens == "pyramid":
            # What lies between a quarter and an eighth of the side tells edges, and is worth the work of whole stages.
            # A last stage of about 5 × 7 cells costs little, and sees what stands where in the whole scene.
            halvings, deepest, aim = min(halvings, 2), 4, 5
        stages = max(1, min(deepest, 1 + round(math.log2(max(shortest / 2**halvings / aim, 1)))))
        sides = [base * 2 ** min(stage, 2) for stage in range(stages)]
        self.stem = _stem(channels, base, halvings)
        self.sharp = tokens == "pyramid" and halvings == 2 and base <= 2 * EDGES
        self.stages = nn.ModuleList()
        for place, (before, after) in enumerate(zip([base, *sides], sides, strict=False)):
            down = [nn.AvgPool2d(2, ceil_mode=True), nn.Conv2d(before, after, 1, bias=False)] if place else []
            self.stages.append(nn.Sequential(*down, *(ConvolutionBlock(after) for _ in range(blocks))))
        self.norm = group_norm(sides[-1])
        self.dropout = Dropout(dropout)
        self.out = nn.Linear(sides[-1] * (2 if tokens == "pooled" else 1), width)
        finer = sides[:-1] if tokens == "pyramid" else []
        self.beside = nn.ModuleList(_sideways(channels, -(-width // 2)) for channels in finer)

    def forward(self, pixels: Tensor, known: Tensor | None = None) -> Tokens:
        """pixels (n, channels, height, width), known (n, height, width) → Tokens (n, 1 or cells, width)."""
        if known is not None:
            pixels = keep(pixels, known.unsqueeze(1).expand_as(pixels))
        pixels, passed = pixels.contiguous(memory_format=torch.channels_last), []
        grid, edges = self._begun(pixels)
        for stage in self.stages:
            grid = stage(grid)
            passed.append(grid)
        grid = F.relu(self.norm(grid))
        cells, mask = grid.flatten(2).transpose(1, 2), _cell_mask(grid, known)
        if self.tokens == "pooled":
            highest = torch.where(mask.unsqueeze(-1), cells, 0.0).amax(dim=1)
            cells = torch.cat([masked_mean(cells, mask), highest], dim=-1).unsqueeze(1)
            return Tokens(keep(self.out(self.dropout(cells)), mask.any(1, keepdim=True)), mask.any(1, keepdim=True))
        positions = grid_centres(grid.shape[-2], grid.shape[-1], like=cells).expand(len(cells), -1, -1)
        finer = [aside(part) for aside, part in zip(self.beside, passed, strict=False)]
        cut = Grid(grid.shape[-2], grid.shape[-1], tuple(reversed(finer)), edges)
        return Tokens(keep(self.out(self.dropout(cells)), mask), mask, keep(positions, mask), cut)

    def _begun(self, pixels: Tensor) -> tuple[Tensor, Tensor | None]:
        """What the stem makes, and the map at half the side that it went through, where a pyramid keeps that."""
        if not self.sharp:
            return self.stem(pixels), None
        edges = self.stem[:-1](pixels)
        return self.stem[-1](edges), edges


def grid_centres(rows: int, columns: int, like: Tensor) -> Tensor:
    """(1, rows · columns, 2): the centres (y, x) of the cells of a grid, row by row, in cells."""
    y = torch.arange(rows, dtype=like.dtype, device=like.device) + 0.5
    x = torch.arange(columns, dtype=like.dtype, device=like.device) + 0.5
    return torch.stack(torch.meshgrid(y, x, indexing="ij"), dim=-1).reshape(1, -1, 2)


def _stem(channels: int, base: int, halvings: int) -> nn.Sequential:
    """Halve by strided convolutions, with fewer channels while the picture is still large."""
    if halvings == 0:
        return nn.Sequential(nn.Conv2d(channels, base, 3, padding=1, bias=False))
    layers: list[nn.Module] = []
    for step in range(halvings):
        after = base if step == halvings - 1 else max(EDGES, base // 2)
        # A first window of five sees a stroke whole.
        side = 5 if step == 0 else 3
        layers += [nn.Conv2d(channels, after, side, stride=2, padding=side // 2, bias=False)]
        layers += [] if step == halvings - 1 else [group_norm(after), nn.ReLU()]
        channels = after
    return nn.Sequential(*layers)


def _sideways(channels: int, width: int) -> nn.Sequential:
    """What a finer map becomes for those who read it beside the tokens."""
    return nn.Sequential(group_norm(channels), nn.ReLU(), nn.Conv2d(channels, width, 1, bias=False))


def group_norm(channels: int) -> nn.GroupNorm:
    """A norm over groups of eight channels of one picture, or over all of them where they are no multiple of eight."""
    return nn.GroupNorm(channels // 8 if channels % 8 == 0 else 1, channels)


def _cell_mask(grid: Tensor, known: Tensor | None) -> Tensor:
    """(n, cells) True where a cell covers a known pixel."""
    if known is None:
        return torch.ones(len(grid), grid.shape[-2] * grid.shape[-1], dtype=torch.bool, device=grid.device)
    share = F.adaptive_max_pool2d(known.to(grid.dtype).unsqueeze(1), grid.shape[-2:])
    return share.flatten(1) > 0
