"""Codes of words or symbols, any number of them, to tokens: embedded, read in chunks, pooled."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polymodal.core import Tokens
from polymodal.core.masking import keep, masked_mean
from polymodal.encoders.dropout import Dropout
from polymodal.encoders.transformer import Pool

__all__ = ["PADDING", "SequenceNet"]

PADDING = 0
"""The code that stands for no symbol at all."""


class SequenceNet(nn.Module):
    """Reads a sequence of codes (n, length) with a net of your choice and gives one token, or one for each code.

    `body` is a module from Tokens to Tokens of this width. A sequence longer than `longest` is read in chunks of that
    length; a pooled token is then the mean over the chunks. Without a `pool`, every code keeps its token. Codes of 0
    are padding.
    """

    def __init__(
        self,
        codes: int,
        width: int,
        body: nn.Module,
        pool: Literal["mean", "class", "attention"] | None = "mean",
        longest: int = 256,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.longest = longest
        self.embedding = nn.Embedding(codes, width)
        nn.init.normal_(self.embedding.weight, std=0.5)
        self.dropout = Dropout(dropout)
        self.body = body
        self.pool = Pool(width, pool) if pool is not None else None

    def forward(self, codes: Tensor) -> Tokens:
        """(n, length) int64 → Tokens (n, 1, width), or (n, length, width) with positions counted in codes."""
        count, length = codes.shape
        size = min(self.longest, max(length, 1))
        folded = F.pad(codes, (0, -length % size), value=PADDING).view(count, -1, size)
        mask = folded != PADDING
        used = mask.any(dim=2)
        read = self.chunk(folded[used], mask[used])
        if self.pool is None:
            return unfolded(read, used, mask)
        pooled = read.values.new_zeros(*used.shape, read.values.shape[-1])
        pooled = pooled.masked_scatter(used.unsqueeze(-1), read.values)
        present = used.any(dim=1, keepdim=True)
        return Tokens(keep(masked_mean(pooled, used).unsqueeze(1), present), present)

    def chunk(self, codes: Tensor, mask: Tensor) -> Tokens:
        """Codes (chunks, size) to Tokens, pooled where there is a pool."""
        embedded = self.dropout(self.embedding(codes))
        place = torch.arange(codes.shape[1], device=codes.device, dtype=embedded.dtype)
        tokens = Tokens(keep(embedded, mask), mask, keep(place.expand(codes.shape).unsqueeze(-1), mask))
        if self.pool is None:
            return self.body(tokens)
        return self.pool(self.body(self.pool.open(tokens)))


def unfolded(read: Tokens, used: Tensor, mask: Tensor) -> Tokens:
    """Chunks laid end to end again: (n, chunks · size, width), with positions counted from the first code."""
    count, chunks, size = mask.shape
    whole = read.values.new_zeros(count, chunks, size, read.values.shape[-1])
    whole = whole.masked_scatter(used[:, :, None, None], read.values).flatten(1, 2)
    flat = mask.flatten(1)
    place = torch.arange(chunks * size, device=mask.device, dtype=whole.dtype)
    return Tokens(keep(whole, flat), flat, keep(place.expand(flat.shape).unsqueeze(-1), flat))
