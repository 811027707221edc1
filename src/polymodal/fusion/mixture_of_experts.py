"""All tokens look at each other, and each is then changed by the few experts that suit it."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from polymodal.core import Combine, Representation, Tokens
from polymodal.core.masking import keep, masked_mean
from polymodal.core.shapes import TokenMask, TokenValues
from polymodal.encoders.dropout import Dropout
from polymodal.encoders.experts import MixtureOfExperts as Experts
from polymodal.encoders.transformer import Residual, SelfAttention
from polymodal.fusion.base import Fusion, joined, marked, parted

__all__ = ["MixtureOfExperts"]


class ExpertBlock(nn.Module):
    """One layer: attention, then for each token the experts that its router chooses, each behind a norm (pre-norm).

    With `top_k` experts a token costs what it does in a plain block; it is the number of weights that grows.
    """

    def __init__(self, width: int, heads: int, experts: int, top_k: int, dropout: float, scale: float = 0.1) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = SelfAttention(width, heads)
        self.attention_residual = Residual(width, scale, 0.0)
        self.feed_norm = nn.LayerNorm(width)
        self.feed = Experts(width, experts, top_k, hidden=max(4 * width // top_k, 1))
        self.feed_residual = Residual(width, scale, 0.0)
        self.dropout = Dropout(dropout)

    def forward(self, values: TokenValues, mask: TokenMask) -> Tensor:
        """(rows, tokens, width) → the same shape."""
        change = self.attention(self.attention_norm(values), mask)
        values = self.attention_residual(values, self.dropout(change))
        changed: Tensor = self.feed_residual(values, self.dropout(self.feed(self.feed_norm(values), mask)))
        return changed


class MixtureOfExperts(Fusion):
    """Let the tokens of what is there read each other, and send each to the experts that suit it.

    As early fusion, with a sparse mixture of experts in the place of the small net on each token, so that modalities
    may share experts or keep some to themselves (Mustafa et al. 2022, section 2). No token is ever dropped, and none
    competes with those of another row; a penalty keeps the experts in use. One view: the mean of the fused tokens.
    Raises ValueError where `top_k` is more than there are `experts`.
    """

    combine: Combine = "single"

    def __init__(
        self,
        layers: Annotated[int, Field(ge=1, le=64)] = 2,
        experts: Annotated[int, Field(ge=2, le=1024)] = 4,
        top_k: Annotated[int, Field(ge=1, le=64)] = 2,
        heads: Annotated[int, Field(ge=1, le=64)] = 4,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
    ) -> None:
        super().__init__()
        if top_k > experts:
            raise ValueError(f"top_k must be at most the number of experts, found {top_k} of {experts}")
        self.layers, self.experts, self.top_k, self.heads, self.dropout = layers, experts, top_k, heads, dropout

    def build(self, names: Sequence[str], width: int) -> None:
        """A mark for each modality, and blocks that all of them go through."""
        self.names, self.width = sorted(names), width
        self.marks = nn.Parameter(torch.randn(len(self.names), width) * 0.02)
        self.blocks = nn.ModuleList(
            ExpertBlock(width, self.heads, self.experts, self.top_k, self.dropout) for _ in range(self.layers)
        )
        self.norm = nn.LayerNorm(width)

    @property
    def views(self) -> int:
        """One."""
        return 1

    def last_layers(self) -> list[nn.Module]:
        """The experts of the last block."""
        return [self.blocks[-1].get_submodule("feed")]

    def forward(self, tokens: Mapping[str, Tokens]) -> Representation:
        """Concatenate, read, and hand each modality its own tokens back."""
        parts = marked(tokens, self.names, self.marks)
        whole = joined(parts)
        values, mask = whole.values, whole.mask
        for block in self.blocks:
            values = keep(block(values, mask), mask)
        values = keep(self.norm(values), mask)
        pooled = masked_mean(values, mask).unsqueeze(1)
        return Representation(pooled, mask.any(1, keepdim=True), "single", parted(values, parts), tokens)
