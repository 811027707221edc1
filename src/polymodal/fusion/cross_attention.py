"""The tokens of each modality look at the tokens of all the others."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, cast

import torch
from pydantic import Field
from torch import nn

from polymodal.core import Combine, Representation, Tokens
from polymodal.encoders.transformer import CrossBlock
from polymodal.fusion.base import Blocks, Fusion, averaged, last_matrix, looked, marked

__all__ = ["CrossAttention"]


class CrossAttention(Fusion):
    """Let the tokens of each modality look at those of all others, both ways (Tsai et al. 2019, section 3.1).

    Each modality has blocks of its own, or all have the same where they are `tied`, and any number of tokens. One that
    is alone in its row is changed by its own small net only. One view: the mean over the modalities that are there.
    """

    combine: Combine = "single"

    def __init__(
        self,
        layers: Annotated[int, Field(ge=1, le=64)] = 2,
        heads: Annotated[int, Field(ge=1, le=64)] = 4,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
        tied: bool = False,
    ) -> None:
        super().__init__()
        self.layers, self.heads, self.dropout, self.tied = layers, heads, dropout, tied

    def build(self, names: Sequence[str], width: int) -> None:
        """A mark for each modality, and a block for each modality and layer."""
        self.names = sorted(names)
        self.marks = nn.Parameter(torch.randn(len(self.names), width) * 0.02)
        self.blocks = nn.ModuleList(
            Blocks(self.names, lambda: CrossBlock(width, self.heads, dropout=self.dropout), self.tied)
            for _ in range(self.layers)
        )
        self.norm = nn.LayerNorm(width)

    @property
    def views(self) -> int:
        """One."""
        return 1

    def last_layers(self) -> list[nn.Module]:
        """The last of each modality's last block."""
        return [layer for block in self.blocks[-1].children() for layer in last_matrix(block)]

    def forward(self, tokens: Mapping[str, Tokens]) -> Representation:
        """In each layer all modalities look at once at what the others were before it."""
        parts = marked(tokens, self.names, self.marks)
        for layer in cast(Iterable[Blocks], self.blocks):
            parts = {name: looked(layer.of(name), name, parts, list(parts)) for name in parts}
        return averaged(parts, tokens, self.norm)
