"""A small residual convolutional net over volumes."""

import math
from collections.abc import Mapping
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polymodal.core import Tokens
from polymodal.core.masking import keep, masked_mean
from polymodal.encoders.dropout import Dropout
from polymodal.encoders.mlp import ResidualBlock

__all__ = ["SpacedVolumes", "VolumeBlock", "VolumeNet"]


class VolumeBlock(nn.Module):
    """Two 3 × 3 × 3 convolutions around which the volume also passes unchanged (pre-activation, He et al. 2016).

    (n, channels, x, y, z) → the same. Norms are over groups within one volume (Wu and He 2018, eq. 7), so that no
    volume depends on its batch. The change starts small (`scale`).
    """

    def __init__(self, channels: int, scale: float = 0.5) -> None:
        super().__init__()
        self.first_norm, self.second_norm = _norm(channels), _norm(channels)
        self.first = nn.Conv3d(channels, channels, 3, padding=1, bias=False)
        self.second = nn.Conv3d(channels, channels, 3, padding=1, bias=False)
        self.scale = nn.Parameter(torch.full((channels, 1, 1, 1), scale))

    def forward(self, x: Tensor) -> Tensor:
        """x + scale · W2 relu(norm(W1 relu(norm(x))))."""
        change = self.first(F.relu(self.first_norm(x)))
        return x + self.scale * self.second(F.relu(self.second_norm(change)))


class VolumeNet(nn.Module):
    """Volumes to tokens: one for the whole volume, or one for each cell of a coarse grid.

    The stem halves the volume until its shortest side is below 24; stages of residual blocks follow, each on half the
    grid and twice the channels, down to a side of about 4. `size` (x, y, z) chooses how many; any other size works,
    too. Three more channels tell where a voxel lies, from -1 to 1 along each axis (Liu et al. 2018, CoordConv), for a
    convolution alone knows no left and right; one more tells what is known. What is unknown counts as zero, the middle
    of a volume, and cells without anything known are masked. Positions of grid tokens are (x, y, z) of cell centres, in
    cells.
    """

    def __init__(
        self,
        channels: int,
        width: int,
        size: tuple[int, int, int] = (32, 32, 32),
        tokens: Literal["pooled", "grid"] = "pooled",
        base: int = 16,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.tokens = tokens
        shortest = min(size)
        halvings = max(0, math.ceil(math.log2(shortest / 23)))
        stages = max(1, min(3, 1 + round(math.log2(max(shortest / 2**halvings / 4, 1)))))
        sides = [base * 2**stage for stage in range(stages)]
        self.stem = _stem(channels + 4, base, halvings)
        self.stages = nn.ModuleList()
        for before, after in zip([base, *sides], sides, strict=False):
            down = [] if before == after else [nn.AvgPool3d(2, ceil_mode=True), nn.Conv3d(before, after, 1, bias=False)]
            self.stages.append(nn.Sequential(*down, VolumeBlock(after)))
        self.norm = _norm(sides[-1])
        self.dropout = Dropout(dropout)
        self.out = nn.Linear(sides[-1] * (2 if tokens == "pooled" else 1), width)

    def forward(self, voxels: Tensor) -> Tokens:
        """voxels (n, channels, x, y, z), NaN where unknown → Tokens (n, 1 or cells, width)."""
        known = ~voxels.isnan()
        somewhere = known.any(dim=1, keepdim=True)
        grid = self.stem(torch.cat([keep(voxels, known), somewhere.to(voxels.dtype), _places(voxels)], dim=1))
        for stage in self.stages:
            grid = stage(grid)
        grid = F.relu(self.norm(grid))
        cells, mask = grid.flatten(2).transpose(1, 2), _cell_mask(somewhere, grid)
        if self.tokens == "pooled":
            highest = torch.where(mask.unsqueeze(-1), cells, 0.0).amax(dim=1)
            cells = torch.cat([masked_mean(cells, mask), highest], dim=-1).unsqueeze(1)
            return Tokens(keep(self.out(self.dropout(cells)), mask.any(1, keepdim=True)), mask.any(1, keepdim=True))
        axes = [torch.arange(side, dtype=cells.dtype, device=cells.device) + 0.5 for side in grid.shape[2:]]
        positions = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).reshape(1, -1, 3)
        return Tokens(keep(self.out(self.dropout(cells)), mask), mask, keep(positions.expand(*mask.shape, 3), mask))


class SpacedVolumes(nn.Module):
    """A net for volumes whose tokens also know how large a cell is: a dense block reads both.

    Reads two parts: "voxels", and "spacing" (n, 3) in mm, as a logarithm of its ratio to `middle`, so that a token of
    the usual size is told nothing.
    """

    middle: Tensor

    def __init__(self, net: nn.Module, width: int, middle: tuple[float, float, float], dropout: float = 0.1) -> None:
        super().__init__()
        self.net = net
        self.told = nn.Linear(3, width, bias=False)
        self.block = ResidualBlock(width, dropout=dropout)
        self.register_buffer("middle", torch.tensor(middle))

    def forward(self, parts: Mapping[str, Tensor]) -> Tokens:
        """Parts → the Tokens of the net, changed."""
        tokens: Tokens = self.net(parts["voxels"])
        ratio = (parts["spacing"] / self.middle).log()
        values = self.block(tokens.values + self.told(ratio.to(tokens.values.dtype)).unsqueeze(1))
        return Tokens(keep(values, tokens.mask), tokens.mask, tokens.positions)


def _stem(channels: int, base: int, halvings: int) -> nn.Sequential:
    """Halve by strided convolutions."""
    if halvings == 0:
        return nn.Sequential(nn.Conv3d(channels, base, 3, padding=1, bias=False))
    layers: list[nn.Module] = []
    for step in range(halvings):
        layers += [nn.Conv3d(channels, base, 3, stride=2, padding=1, bias=False)]
        layers += [] if step == halvings - 1 else [_norm(base), nn.ReLU()]
        channels = base
    return nn.Sequential(*layers)


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(max(1, channels // 8), channels)


def _places(voxels: Tensor) -> Tensor:
    """(n, 3, x, y, z) from -1 to 1 along each axis."""
    axes = [torch.linspace(-1, 1, side, dtype=voxels.dtype, device=voxels.device) for side in voxels.shape[2:]]
    return torch.stack(torch.meshgrid(*axes, indexing="ij")).expand(len(voxels), -1, -1, -1, -1)


def _cell_mask(known: Tensor, grid: Tensor) -> Tensor:
    """(n, cells) True where a cell covers something that is known (n, 1, x, y, z)."""
    share = F.adaptive_max_pool3d(known.to(grid.dtype), grid.shape[2:])
    return share.flatten(1) > 0
