"""All tokens of all modalities look at each other from the start."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import nn

from polymodal.core import Combine, Representation, Tokens
from polymodal.encoders.transformer import Pool, Transformer
from polymodal.fusion.base import Fusion, joined, marked, parted

__all__ = ["Early"]


class Early(Fusion):
    """Join the tokens of what is there into one sequence, each marked with its modality, and let a transformer read it.

    One view: the mean of the fused tokens, a class token that looks at all of them, or a learned weighting, by `pool`.
    The cost grows with the square of the number of tokens. With a `share` below 1, every second layer works on that
    share of them alone, those that it scores highest (mixture of depths, Raposo et al. 2024), in as much less time.
    """

    combine: Combine = "single"

    def __init__(
        self,
        layers: Annotated[int, Field(ge=1, le=64)] = 2,
        heads: Annotated[int, Field(ge=1, le=64)] = 4,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
        pool: Literal["mean", "class", "attention"] = "mean",
        share: Annotated[float, Field(gt=0, le=1)] = 1.0,
    ) -> None:
        super().__init__()
        self.layers, self.heads, self.dropout, self.pool, self.share = layers, heads, dropout, pool, share

    def build(self, names: Sequence[str], width: int) -> None:
        """A mark for each modality, one transformer, and what makes one token of its own."""
        self.names, self.width = sorted(names), width
        self.marks = nn.Parameter(torch.randn(len(self.names), width) * 0.02)
        self.transformer = Transformer(
            width, self.layers, self.heads, dropout=self.dropout, place=False, share=self.share
        )
        self.pooling = Pool(width, self.pool)

    @property
    def views(self) -> int:
        """One."""
        return 1

    def forward(self, tokens: Mapping[str, Tokens]) -> Representation:
        """Concatenate, read, and hand each modality its own tokens back."""
        parts = marked(tokens, self.names, self.marks)
        whole = joined(parts)
        fused = self.transformer(self.pooling.open(whole))
        pooled, own = self.pooling(fused), fused.values[:, -whole.values.shape[1] :]
        return Representation(pooled.values, pooled.mask, "single", parted(own, parts), tokens)
