"""A transformer over patches of a picture, for any size of picture without another weight."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polymodal.core import Grid, Tokens
from polymodal.core.masking import keep
from polymodal.encoders.convolution import grid_centres
from polymodal.encoders.packing import packed_rows, transform_packed
from polymodal.encoders.transformer import Pool, Transformer

__all__ = ["PatchEmbedding", "PatchNet"]

WORTH_PACKING = 0.75
"""Rows of padded pictures are packed where that leaves at most this share of them."""


class PatchEmbedding(nn.Module):
    """Cuts pictures into patches of `patch` × `patch` pixels, each of which becomes a token (Dosovitskiy et al. 2021).

    A side that is no multiple of `patch` is filled up with zeros. A patch without any known pixel is masked, and
    unknown pixels count as zero, the mean of normalised pictures. Positions are (y, x) of patch centres, in patches
    from the upper left corner: they depend on the place alone, and so hold for every size of picture.
    """

    def __init__(self, channels: int, width: int, patch: int) -> None:
        super().__init__()
        self.patch = patch
        self.project = nn.Linear(channels * patch * patch, width)

    def forward(self, pixels: Tensor, known: Tensor | None = None) -> Tokens:
        """pixels (n, channels, height, width), known (n, height, width) → Tokens (n, patches, width)."""
        height, width = pixels.shape[-2:]
        rows, columns = math.ceil(height / self.patch), math.ceil(width / self.patch)
        # right and below
        frame = (0, columns * self.patch - width, 0, rows * self.patch - height)
        if known is None:
            mask = torch.ones(len(pixels), rows * columns, dtype=torch.bool, device=pixels.device)
        else:
            pixels = keep(pixels, known.unsqueeze(1).expand_as(pixels))
            mask = _patches(F.pad(known, frame).unsqueeze(1), self.patch).any(dim=-1)
        values = self.project(_patches(F.pad(pixels, frame), self.patch))
        positions = grid_centres(rows, columns, like=values).expand(len(values), -1, -1)
        return Tokens(keep(values, mask), mask, keep(positions, mask), Grid(rows, columns))


class PatchNet(nn.Module):
    """Patches that have looked at each other, as one token for the picture or as a token each.

    `pool` is "class" (a token that gathers the others), "mean", "attention" (a learned weighting) or "none" (all
    patches). One net serves pictures of any size and shape, together in one batch, too: `forward` takes them padded,
    `several` as they are. Where padding is much of the work, patches of several pictures share a row, in which none
    sees another (Dehghani et al. 2023). `skipped` is the rate of stochastic depth.
    """

    def __init__(
        self,
        channels: int,
        width: int,
        patch: int = 8,
        layers: int = 4,
        heads: int = 4,
        pool: Literal["class", "mean", "attention", "none"] = "mean",
        dropout: float = 0.1,
        skipped: float = 0.1,
    ) -> None:
        super().__init__()
        # Heads of equal width, and sines and cosines for y and x, need a multiple.
        step = math.lcm(4, heads)
        inner = step * math.ceil(width / step)
        self.embedding = PatchEmbedding(channels, inner, patch)
        self.transformer = Transformer(inner, layers, heads, dropout=dropout, skipped=skipped)
        self.pool = None if pool == "none" else Pool(inner, pool)
        self.out = nn.Linear(inner, width)

    def forward(self, pixels: Tensor, known: Tensor | None = None) -> Tokens:
        """pixels (n, channels, height, width), known (n, height, width) → Tokens (n, 1 or patches, width)."""
        cut = self.embedding(pixels, known)
        tokens, grid = self._opened(cut), cut.grid if self.pool is None else None
        if known is not None and packed_rows(tokens.mask) <= WORTH_PACKING * len(tokens.mask):
            return replace(self._told(transform_packed(self.transformer, [tokens])), grid=grid)
        return replace(self._told(self.transformer(tokens)), grid=grid)

    def several(self, pictures: Sequence[Tensor]) -> Tokens:
        """Pictures (channels, height, width), each of a size of its own → Tokens (n, 1 or most patches, width)."""
        parts = [self._opened(self.embedding(picture.unsqueeze(0))) for picture in pictures]
        return self._told(transform_packed(self.transformer, parts))

    def _opened(self, tokens: Tokens) -> Tokens:
        return tokens if self.pool is None else self.pool.open(tokens)

    def _told(self, looked: Tokens) -> Tokens:
        tokens = looked if self.pool is None else self.pool(looked)
        return Tokens(keep(self.out(tokens.values), tokens.mask), tokens.mask, tokens.positions)


def _patches(pixels: Tensor, side: int) -> Tensor:
    """(n, channels, height, width) → (n, patches, channels · side · side), row by row."""
    count, channels, height, width = pixels.shape
    cut = pixels.reshape(count, channels, height // side, side, width // side, side)
    return cut.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)
