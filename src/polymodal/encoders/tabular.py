"""Nets that read numbers and categories, some of which are missing."""

from collections.abc import Mapping, Sequence
from functools import reduce

import torch
from torch import Tensor, nn

from polymodal.core import Tokens
from polymodal.core.masking import keep
from polymodal.encoders.dropout import Dropout
from polymodal.encoders.mlp import ResidualBlock
from polymodal.encoders.transformer import Transformer

__all__ = ["ColumnTransformer", "PiecewiseLinear", "TabularMlp"]


class PiecewiseLinear(nn.Module):
    """Numbers as their progress through a row of bins (Gorishniy et al. 2022, eq. 1).

    numbers (n, columns), in units of a standard normal deviate, become (n, columns, bins): 1 for a bin that lies below
    the number, 0 for one above, the share covered for the one that holds it. Bins are equally likely under the normal
    law that scaling aims at. NaN gives zeros.
    """

    low: Tensor
    length: Tensor

    def __init__(self, bins: int) -> None:
        super().__init__()
        inner = torch.special.ndtri(torch.linspace(0, 1, bins + 1, dtype=torch.float64)[1:-1])
        edges = torch.cat([torch.tensor([-3.0]), inner.float(), torch.tensor([3.0])])
        self.register_buffer("low", edges[:-1])
        self.register_buffer("length", edges[1:] - edges[:-1])

    def forward(self, numbers: Tensor) -> Tensor:
        """(n, columns) → (n, columns, bins)."""
        share = ((numbers.unsqueeze(-1) - self.low) / self.length).clamp(0.0, 1.0)
        return keep(share, ~numbers.isnan())


class TabularMlp(nn.Module):
    """One token for a row of a table: a linear reading of its cells, refined by dense blocks.

    A missing number is left out of the sum and its own learned vector is added instead; that vector, and those of the
    codes 0 and 1 (no value, unknown value), start at zero, so that what training never shows says nothing. `bins` adds
    piecewise-linear features (0 = numbers enter linearly only, the better choice for few rows). `sizes` are the numbers
    of codes of the categories. The dense blocks start small: the net contains the linear model and begins as it.
    """

    offsets: Tensor

    def __init__(
        self,
        numbers: int,
        sizes: Sequence[int],
        width: int,
        bins: int = 16,
        layers: int = 2,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if not numbers and not len(sizes):
            raise ValueError("a table needs a number or a category, found neither")
        self.pieces = PiecewiseLinear(bins) if bins and numbers else None
        self.linear = nn.Linear(numbers * (2 + bins), width) if numbers else None
        if self.linear is not None:
            with torch.no_grad():
                self.linear.weight[:, numbers : 2 * numbers] = 0.0
        offsets = torch.tensor([0, *sizes]).cumsum(0)
        self.register_buffer("offsets", offsets[:-1])
        self.codes = nn.Embedding(int(offsets[-1]), width) if len(sizes) else None
        if self.codes is not None:
            nn.init.normal_(self.codes.weight, std=(max(1, len(sizes)) ** -0.5) * 0.5)
            _silence(self.codes, self.offsets)
        self.dropout = Dropout(dropout)
        self.blocks = nn.Sequential(*(ResidualBlock(width, dropout=dropout) for _ in range(layers)))

    def forward(self, parts: Mapping[str, Tensor]) -> Tokens:
        """numbers (n, numbers) with NaN where missing, codes (n, categories) → Tokens (n, 1, width)."""
        read = []
        if self.linear is not None:
            read.append(self.linear(self._features(parts["numbers"].to(self.linear.weight.dtype))))
        if self.codes is not None:
            read.append(self.codes(parts["codes"] + self.offsets).sum(dim=1))
        values = self.blocks(self.dropout(reduce(torch.add, read))).unsqueeze(1)
        return Tokens(values, torch.ones(values.shape[:2], dtype=torch.bool, device=values.device))

    def _features(self, numbers: Tensor) -> Tensor:
        """(n, numbers) → (n, features): the numbers, where they are missing, and the pieces they fill."""
        missing = numbers.isnan()
        features = [keep(numbers, ~missing), missing.to(numbers.dtype)]
        if self.pieces is not None:
            features.append(self.pieces(numbers).flatten(1))
        return torch.cat(features, dim=1)


class ColumnTransformer(nn.Module):
    """One token for each column of a table, read together by a transformer (Gorishniy et al. 2021, FT-Transformer).

    A missing cell is a masked token: nothing looks at it.
    """

    offsets: Tensor

    def __init__(
        self,
        numbers: int,
        sizes: Sequence[int],
        width: int,
        bins: int = 16,
        layers: int = 2,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.pieces = PiecewiseLinear(bins) if bins else None
        self.weight = nn.Parameter(torch.randn(numbers, 1 + bins, width) * (1 + bins) ** -0.5)
        self.bias = nn.Parameter(torch.randn(numbers, width) * 0.1)
        offsets = torch.tensor([0, *sizes]).cumsum(0)
        self.register_buffer("offsets", offsets[:-1])
        self.codes = nn.Embedding(int(offsets[-1]) if len(sizes) else 1, width)
        _silence(self.codes, self.offsets)
        self.transformer = Transformer(width, layers, dropout=dropout, place=False)

    def forward(self, parts: Mapping[str, Tensor]) -> Tokens:
        """numbers (n, numbers), codes (n, categories) → Tokens (n, numbers + categories, width)."""
        numbers, codes = parts["numbers"].to(self.weight.dtype), parts["codes"]
        known = ~numbers.isnan()
        features = keep(numbers, known).unsqueeze(-1)
        if self.pieces is not None:
            features = torch.cat([features, self.pieces(numbers)], dim=-1)
        values = [torch.einsum("ncf,cfw->ncw", features, self.weight) + self.bias, self.codes(codes + self.offsets)]
        mask = torch.cat([known, codes != 0], dim=1)
        return self.transformer(Tokens(keep(torch.cat(values, dim=1), mask), mask))


@torch.no_grad()
def _silence(codes: nn.Embedding, offsets: Tensor) -> None:
    """The vectors of "no value" and of "unknown value" of each category start at zero."""
    codes.weight[torch.cat([offsets, offsets + 1])] = 0.0
