"""Draws small pictures from noise: a net that knows which way to go, and the flow that follows it."""

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from polymodal.core import Tokens
from polymodal.core.masking import keep, masked_mean
from polymodal.encoders.convolution import grid_centres
from polymodal.encoders.dropout import Dropout
from polymodal.encoders.positions import sine_cosine
from polymodal.encoders.transformer import TransformerBlock

__all__ = ["FlowMatching", "VelocityNet"]

COARSEST = 8
"""Cells a side of the grid on which the picture looks at its condition."""
INSTANTS = 1000.0
"""Steps that time is told apart by."""


class VelocityNet(nn.Module):
    """Which way each pixel should move at this time, under this condition: a small U-Net with attention at its bottom.

    Squares of two by two pixels are its finest cells, so sides must be even. `size` (height, width) says how often the
    grid is halved, down to about eight cells; any other even size works, too. There the cells, the tokens of the
    condition and one for the time look at each other in `layers` of a transformer (U-ViT, Bao et al. 2023, 3.1);
    the layers on finer grids are bent by the time, the mean of the condition, and whether there is one. `base` is the
    number of channels of the finest grid, the coarsest has four times as many. No picture depends on its batch.
    """

    def __init__(
        self,
        channels: int,
        condition_width: int,
        base: int = 32,
        size: tuple[int, int] = (32, 32),
        layers: int = 2,
        heads: int = 4,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        halvings = max(0, math.ceil(math.log2(max(size) / 2 / COARSEST)))
        sides = [base * min(2**level, 4) for level in range(halvings)] + [4 * base]
        known = 4 * base
        self.base = base
        self.time = nn.Sequential(nn.Linear(base, known), nn.SiLU(), nn.Linear(known, known))
        self.normed = nn.LayerNorm(condition_width)
        self.condition = nn.Linear(condition_width + 1, known)
        self.tell = nn.Linear(condition_width, sides[-1])
        self.stem = nn.Conv2d(4 * channels, sides[0], 3, padding=1)
        self.down = nn.ModuleList(_Bent(side, side, known, dropout) for side in sides[:-1])
        self.narrow = nn.ModuleList(nn.Conv2d(fine, coarse, 3, stride=2, padding=1) for fine, coarse in pairwise(sides))
        self.blocks = nn.ModuleList(
            TransformerBlock(sides[-1], heads, dropout=dropout, scale=1.0) for _ in range(layers)
        )
        self.widen = nn.ModuleList(nn.Conv2d(coarse, 4 * fine, 1) for fine, coarse in pairwise(sides))
        self.up = nn.ModuleList(_Bent(2 * side, side, known, dropout) for side in sides[:-1])
        self.norm = _norm(sides[0])
        self.out = nn.Conv2d(sides[0], 4 * channels, 3, padding=1)
        nn.init.zeros_(self.out.weight)

    def forward(self, pictures: Tensor, time: Tensor, condition: Tokens) -> Tensor:
        """pictures (n, channels, height, width), time (n,) from 0 to 1 → velocities of the same shape as pictures.

        Raises ValueError for a side that is odd.
        """
        if pictures.shape[-2] % 2 or pictures.shape[-1] % 2:
            raise ValueError(f"pictures must have even sides, found {tuple(pictures.shape[-2:])}")
        condition = Tokens(self.normed(keep(condition.values, condition.mask)), condition.mask)
        known = self._known(time.to(pictures.dtype), condition)
        bent = F.silu(known)
        grid = self.stem(F.pixel_unshuffle(pictures, 2).contiguous(memory_format=torch.channels_last))
        grid, passed = grid + _places(grid), []
        for block, narrow in zip(self.down, self.narrow, strict=True):
            passed.append(block(grid, bent))
            grid = narrow(passed[-1])
        grid = self._looked(grid, known, condition)
        for place in range(len(passed) - 1, -1, -1):
            fine = passed[place]
            wide = F.pixel_shuffle(self.widen[place](grid), 2)[:, :, : fine.shape[2], : fine.shape[3]]
            grid = self.up[place](torch.cat([wide, fine], dim=1), bent)
        return F.pixel_shuffle(self.out(F.silu(self.norm(grid))), 2)

    def _known(self, time: Tensor, condition: Tokens) -> Tensor:
        """(n, known): the time, the mean of the condition, and whether there is one."""
        instant = sine_cosine(INSTANTS * time.view(-1, 1, 1), self.base).squeeze(1)
        there = condition.present.to(instant.dtype).unsqueeze(1)
        return self.time(instant) + self.condition(torch.cat([masked_mean(condition.values, condition.mask), there], 1))

    def _looked(self, grid: Tensor, known: Tensor, condition: Tokens) -> Tensor:
        """The cells of the coarsest grid after they looked at each other, at the condition and at the time."""
        cells = (grid + _places(grid)).flatten(2).transpose(1, 2)
        values = torch.cat([cells, known.unsqueeze(1), self.tell(condition.values)], dim=1)
        always = condition.mask.new_ones(len(cells), cells.shape[1] + 1)
        mask = torch.cat([always, condition.mask], dim=1)
        for block in self.blocks:
            values = block(values, mask)
        cells = values[:, : cells.shape[1]].transpose(1, 2).unflatten(2, grid.shape[-2:])
        return cells.contiguous(memory_format=torch.channels_last)


class FlowMatching(nn.Module):
    """Learns to turn noise into pictures along straight lines, and draws by following them (Lipman et al. 2023).

    Between noise x₀ and a picture x₁ stands x_t = (1 − t) x₀ + t x₁, which moves at x₁ − x₀ (eq. 22 and 23 with σ_min =
    0, the rectified flow of Liu et al. 2023, eq. 1). Pictures run from −1 to 1. `shape` is (channels, height, width).
    In training the condition of a `dropped` share of rows is hidden, so that the net also knows the way without one.
    """

    def __init__(self, net: nn.Module, shape: tuple[int, int, int], dropped: float = 0.1) -> None:
        super().__init__()
        self.net, self.shape, self.dropped = net, shape, dropped
        self.early = 1.0

    def losses(self, pictures: Tensor, condition: Tokens, generator: Generator | None = None) -> Tensor:
        """(n,) squared error of the velocity, the mean over pixels, at a time and from a noise that are drawn.

        From `generator` (of the CPU), or from torch's own state where none is given, as dropout does.
        """
        start = _noise(pictures.shape, generator).to(pictures)
        chances = torch.rand(2, len(pictures), generator=generator).to(pictures)
        hidden = (chances[1] < self.dropped) & self.training
        condition = Tokens(condition.values, condition.mask & ~hidden.unsqueeze(1))
        moment = 1.0 - (1.0 - chances[0]) ** self.early
        time = moment.view(-1, 1, 1, 1)
        aim = self.net((1.0 - time) * start + time * pictures, moment, condition)
        return (aim - (pictures - start)).square().flatten(1).mean(dim=1)

    @torch.no_grad()
    def draw(
        self,
        condition: Tokens,
        steps: int = 30,
        guidance: float = 2.0,
        generator: Generator | None = None,
        noise: Tensor | None = None,
    ) -> Tensor:
        """Pictures (n, channels, height, width) from −1 to 1, one for each row of the condition.

        They start from `noise`, of the same shape, or from what `generator` draws. `steps` looks ahead are taken, two
        to each step (Heun's method). With `guidance` w a step goes the way without condition plus w times what the
        condition changes about it (Ho and Salimans 2022, eq. 6, whose w is one less); 1 is the condition alone.
        """
        like = condition.values
        grid = _noise((len(like), *self.shape), generator).to(like) if noise is None else noise
        moments = torch.linspace(0.0, 1.0, max(1, steps // 2) + 1).tolist()
        for now, then in pairwise(moments):
            first = self._velocity(grid, now, condition, guidance)
            second = self._velocity(grid + (then - now) * first, then, condition, guidance)
            grid = grid + (then - now) * (first + second) / 2
        return grid.clamp(-1.0, 1.0)

    def _velocity(self, grid: Tensor, time: float, condition: Tokens, guidance: float) -> Tensor:
        when = grid.new_full((len(grid),), time)
        if guidance == 1.0:
            return self.net(grid, when, condition)
        blind = Tokens(condition.values, torch.zeros_like(condition.mask))
        both = Tokens(torch.cat([condition.values, blind.values]), torch.cat([condition.mask, blind.mask]))
        told, untold = self.net(torch.cat([grid, grid]), torch.cat([when, when]), both).chunk(2)
        return untold + guidance * (told - untold)


class _Bent(nn.Module):
    """Two convolutions around which the picture passes, bent by what is known (FiLM, Perez et al. 2018, eq. 2)."""

    def __init__(self, before: int, after: int, known: int, dropout: float) -> None:
        super().__init__()
        self.first_norm, self.second_norm = _norm(before), _norm(after)
        self.first = nn.Conv2d(before, after, 3, padding=1)
        self.second = nn.Conv2d(after, after, 3, padding=1)
        self.bend = nn.Linear(known, 2 * after)
        self.past = nn.Identity() if before == after else nn.Conv2d(before, after, 1)
        self.dropout = Dropout(dropout)
        nn.init.zeros_(self.second.weight)

    def forward(self, grid: Tensor, known: Tensor) -> Tensor:
        """(n, before, height, width) and (n, known) → (n, after, height, width)."""
        stretch, shift = self.bend(known)[:, :, None, None].chunk(2, dim=1)
        change = self.second_norm(self.first(F.silu(self.first_norm(grid))))
        change = F.silu(change * (1.0 + stretch) + shift)
        return self.past(grid) + self.second(self.dropout(change))


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(math.gcd(8, channels), channels)


def _noise(shape: tuple[int, ...], generator: Generator | None) -> Tensor:
    return torch.randn(shape, generator=generator)


def _places(grid: Tensor) -> Tensor:
    """(1, channels, height, width): where each cell of a grid stands."""
    rows, columns = grid.shape[-2:]
    places = sine_cosine(grid_centres(rows, columns, like=grid), grid.shape[1])
    return places.transpose(1, 2).unflatten(2, (rows, columns))
