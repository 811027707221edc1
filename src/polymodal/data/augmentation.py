"""Small changes to pictures and volumes that leave their meaning alone, and what hides patches, stretches and cubes."""

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

__all__ = [
    "cut_cubes",
    "cut_patches",
    "cut_stretches",
    "drawn_moves",
    "follow",
    "hide_cubes",
    "hide_patches",
    "hide_stretches",
    "move_cubes",
    "recolour",
    "tint",
    "warp",
]

_TURN = math.radians(10)
_ZOOM = 0.12
_SHIFT = 0.08
_BRIGHTNESS = 0.1
_CONTRAST = 0.2
_GAMMA = math.log(1.4)
_GAIN = math.log(1.2)
_SATURATION = 0.5


def drawn_moves(count: int, size: tuple[int, int], strength: float, flip: bool, generator: Generator) -> Tensor:
    """(count, 2, 3) movements that turn, zoom, shift and, with `flip`, mirror pictures of this (height, width).

    A movement says where each place of the moved picture comes from, as (x, y) from −1 to 1 along each side; so it
    moves whatever lies on the same picture, of any size. At strength 1: by up to 10°, 12 % and 8 % of the side.
    """
    height, width = size
    drawn = torch.rand(count, 5, generator=generator) * 2 - 1
    turn, zoom = drawn[:, 0] * _TURN * strength, torch.exp(drawn[:, 1] * _ZOOM * strength)
    mirror = torch.where(drawn[:, 2] < 0, -1.0, 1.0) if flip else torch.ones_like(turn)
    # Each side counts as 2 long, whatever its length in pixels: that has to be undone for a true turn.
    matrix = [
        torch.stack([zoom * turn.cos() * mirror, -zoom * turn.sin() * (height / width), drawn[:, 3] * 2 * _SHIFT]),
        torch.stack([zoom * turn.sin() * (width / height) * mirror, zoom * turn.cos(), drawn[:, 4] * 2 * _SHIFT]),
    ]
    return torch.stack(matrix).permute(2, 0, 1) * torch.tensor([1.0, 1.0, strength])


def warp(pixels: Tensor, known: Tensor | None, moves: Tensor) -> tuple[Tensor, Tensor | None]:
    """Move each picture on its own, by `moves` (n, 2, 3) as `drawn_moves` gives them.

    pixels (n, channels, height, width), known (n, height, width) or None → the same. What comes in from outside
    continues the edge, and is unknown where `known` is given.
    """
    count, _, height, width = pixels.shape
    if count == 0:
        return pixels, known
    grid = F.affine_grid(moves.to(pixels.device), [count, 1, height, width], align_corners=False)
    values = _floating(pixels)
    moved = F.grid_sample(values, grid.to(values.dtype), padding_mode="border", align_corners=False)
    if known is None:
        return _like(moved, pixels), None
    # A pixel that mixes known with unknown ones is not known any more.
    sure = F.grid_sample(known.unsqueeze(1).to(grid.dtype), grid, align_corners=False).squeeze(1) > 0.999
    return _like(moved, pixels), sure


def follow(maps: Tensor, unknown: float, moves: Tensor) -> Tensor:
    """What is known place by place, (n, height, width), moved along with the pictures it belongs to.

    Each place takes over the nearest value; what comes in from outside is `unknown` (a number, or NaN).
    """
    if len(maps) == 0:
        return maps
    grid = F.affine_grid(moves.to(maps.device, torch.float32), [len(maps), 1, *maps.shape[1:]], align_corners=False)
    # Zero stands for outside, so that places are counted from 1; a float holds them exactly up to 2^24.
    places = torch.arange(1, 1 + maps[0].numel(), device=maps.device).view(1, 1, *maps.shape[1:])
    found = F.grid_sample(places.float().expand(len(maps), -1, -1, -1), grid, mode="nearest", align_corners=False)
    at = found.long().flatten(1)
    taken = maps.flatten(1).gather(1, (at - 1).clamp(min=0))
    return taken.masked_fill(at == 0, unknown).view_as(maps)


def recolour(pixels: Tensor, low: float, high: float, strength: float, generator: Generator) -> Tensor:
    """Change brightness and contrast of each picture, within [low, high]; at strength 1 by up to 10 % and 20 %."""
    drawn = (torch.rand(len(pixels), 2, 1, 1, 1, generator=generator) * 2 - 1).to(pixels.device) * strength
    values = _floating(pixels)
    middle = values.mean(dim=(1, 2, 3), keepdim=True)
    changed = middle + (values - middle) * (1 + _CONTRAST * drawn[:, 0]) + _BRIGHTNESS * (high - low) * drawn[:, 1]
    return _like(changed.clamp(low, high), pixels)


def tint(pixels: Tensor, low: float, high: float, strength: float, generator: Generator) -> Tensor:
    """Photographs under another light: gamma, the gain of each channel and saturation change, within [low, high].

    At strength 1: gamma by up to a factor of 1.4, gains by one of 1.2, saturation by up to 50 %. Black stays black.
    """
    count, channels = pixels.shape[:2]
    drawn = ((torch.rand(count, channels + 2, 1, 1, generator=generator) * 2 - 1) * strength).to(pixels.device)
    share = ((_floating(pixels) - low) / (high - low)).clamp(0, 1)
    share = share ** torch.exp(_GAMMA * drawn[:, :1]) * torch.exp(_GAIN * drawn[:, 2:])
    grey = share.mean(dim=1, keepdim=True)
    share = torch.lerp(grey, share, 1 + _SATURATION * drawn[:, 1:2])
    return _like((low + (high - low) * share).clamp(low, high), pixels)


def move_cubes(voxels: Tensor, share: float, flip: bool, generator: Generator) -> Tensor:
    """Shift each volume (n, channels, x, y, z) on its own by whole cells, up to this share of each side.

    What comes in from outside continues the edge. With `flip`, half of them are also mirrored along x.
    """
    drawn = torch.rand(len(voxels), 4, generator=generator).to(voxels.device)
    for axis, side in enumerate(voxels.shape[2:]):
        most = round(share * side)
        shift = ((2 * most + 1) * drawn[:, axis]).long() - most
        place = (torch.arange(side, device=voxels.device) + shift.unsqueeze(1)).clamp(0, side - 1)
        if flip and axis == 0:
            place = torch.where(drawn[:, 3:] < 0.5, side - 1 - place, place)
        voxels = torch.take_along_dim(
            voxels, place.view(-1, 1, *(side if at == axis else 1 for at in range(3))), axis + 2
        )
    return voxels


def hide_patches(pixels: Tensor, fill: Tensor, side: int, rate: float, generator: Generator) -> tuple[Tensor, Tensor]:
    """Paint about `rate` of the patches of `side` × `side` pixels over with `fill` (channels,).

    → the changed pixels, and (n, patches) True where one was hidden, row by row.
    """
    count, _, height, width = pixels.shape
    rows, columns = math.ceil(height / side), math.ceil(width / side)
    hidden = (torch.rand(count, rows, columns, generator=generator) < rate).to(pixels.device)
    wide = hidden.repeat_interleave(side, 1).repeat_interleave(side, 2)[:, None, :height, :width]
    return torch.where(wide, _like(fill, pixels).view(1, -1, 1, 1), pixels), hidden.flatten(1)


def hide_stretches(series: Tensor, side: int, rate: float, generator: Generator) -> tuple[Tensor, Tensor]:
    """Turn about `rate` of the stretches of `side` steps of series (n, steps, channels) unknown (NaN).

    → the changed series, and (n, stretches) True where something that was known was hidden.
    """
    count, steps, _ = series.shape
    places = math.ceil(steps / side)
    drawn = (torch.rand(count, places, generator=generator) < rate).to(series.device)
    wide = drawn.repeat_interleave(side, dim=1)[:, :steps].unsqueeze(2)
    held = F.pad(~series.isnan().all(dim=2), (0, places * side - steps))
    hidden = drawn & held.unflatten(1, (places, side)).any(dim=2)
    return series.masked_fill(wide, torch.nan), hidden


def hide_cubes(voxels: Tensor, side: int, rate: float, generator: Generator) -> tuple[Tensor, Tensor]:
    """Turn about `rate` of the cubes of `side` cells of volumes (n, channels, x, y, z) unknown (NaN).

    → the changed volumes, and (n, cubes) True where something that was known was hidden.
    """
    places = [math.ceil(cells / side) for cells in voxels.shape[2:]]
    drawn = (torch.rand(len(voxels), *places, generator=generator) < rate).to(voxels.device)
    wide = drawn
    for axis, cells in enumerate(voxels.shape[2:], start=1):
        wide = wide.repeat_interleave(side, axis).narrow(axis, 0, cells)
    held = ~cut_cubes(voxels, side).isnan().all(dim=2)
    return voxels.masked_fill(wide.unsqueeze(1), torch.nan), drawn.flatten(1) & held


def cut_patches(pixels: Tensor, side: int) -> Tensor:
    """Pictures (n, channels, height, width) as the patches that `hide_patches` hides: (n, patches, channels · side²).

    What a patch has beyond the picture is NaN.
    """
    count, channels, height, width = pixels.shape
    frame = (0, -width % side, 0, -height % side)
    whole = F.pad(_floating(pixels), frame, value=torch.nan)
    cut = whole.unflatten(3, (-1, side)).unflatten(2, (-1, side))
    return cut.permute(0, 2, 4, 1, 3, 5).reshape(count, -1, channels * side * side)


def cut_cubes(voxels: Tensor, side: int) -> Tensor:
    """Volumes (n, channels, x, y, z) as the cubes that `hide_cubes` hides: (n, cubes, channels · side³).

    What a cube has beyond the volume is NaN.
    """
    count, channels, x, y, z = voxels.shape
    whole = F.pad(voxels, (0, -z % side, 0, -y % side, 0, -x % side), value=torch.nan)
    cut = whole.unflatten(4, (-1, side)).unflatten(3, (-1, side)).unflatten(2, (-1, side))
    return cut.permute(0, 2, 4, 6, 1, 3, 5, 7).reshape(count, -1, channels * side**3)


def cut_stretches(series: Tensor, side: int) -> Tensor:
    """Series (n, steps, channels) as the stretches that `hide_stretches` hides: (n, stretches, side · channels).

    What a stretch has beyond the series is NaN.
    """
    whole = F.pad(series, (0, 0, 0, -series.shape[1] % side), value=torch.nan)
    return whole.unflatten(1, (-1, side)).flatten(2)


def _floating(pixels: Tensor) -> Tensor:
    return pixels if pixels.is_floating_point() else pixels.float()


def _like(values: Tensor, pixels: Tensor) -> Tensor:
    """In the type of `pixels`; to whole numbers by rounding."""
    return values.to(pixels) if pixels.is_floating_point() else values.round().to(pixels)
