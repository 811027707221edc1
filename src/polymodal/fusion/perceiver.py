"""A few learned vectors read all tokens and then think among themselves."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from polymodal.core import Combine, Representation, Tokens
from polymodal.encoders.transformer import CrossBlock, TransformerBlock
from polymodal.fusion.base import Fusion, joined, last_matrix, marked

__all__ = ["Perceiver"]


class Perceiver(Fusion):
    """Let a few latent vectors read the tokens of all modalities, layer by layer (Jaegle et al. 2021, section 3.1).

    The cost grows with latents times tokens, not with tokens squared: for many or long modalities. One view: the mean
    of the latents. Tokens of the modalities stay as they are.
    """

    combine: Combine = "single"

    def __init__(
        self,
        layers: Annotated[int, Field(ge=1, le=64)] = 2,
        latents: Annotated[int, Field(ge=1, le=1024)] = 8,
        heads: Annotated[int, Field(ge=1, le=64)] = 4,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
    ) -> None:
        super().__init__()
        self.layers, self.latents, self.heads, self.dropout = layers, latents, heads, dropout

    def build(self, names: Sequence[str], width: int) -> None:
        """Latents, a mark for each modality, and in each layer a block that reads and one that thinks."""
        self.names = sorted(names)
        self.start = nn.Parameter(torch.randn(self.latents, width) * 0.5)
        self.marks = nn.Parameter(torch.randn(len(self.names), width) * 0.02)
        self.reads = nn.ModuleList(CrossBlock(width, self.heads, dropout=self.dropout) for _ in range(self.layers))
        self.thinks = nn.ModuleList(
            TransformerBlock(width, self.heads, dropout=self.dropout) for _ in range(self.layers)
        )
        self.norm = nn.LayerNorm(width)

    @property
    def views(self) -> int:
        """One."""
        return 1

    def last_layers(self) -> list[nn.Module]:
        """The last of the last block that thinks."""
        return last_matrix(self.thinks[-1])

    def forward(self, tokens: Mapping[str, Tokens]) -> Representation:
        """Read everything, think, and again."""
        whole = joined(marked(tokens, self.names, self.marks))
        values, mask = whole.values, whole.mask
        latents = self.start.to(values.dtype).expand(len(mask), -1, -1)
        everyone = torch.ones(latents.shape[:2], dtype=torch.bool, device=mask.device)
        for read, think in zip(self.reads, self.thinks, strict=True):
            latents = think(read(latents, values, mask), everyone)
        pooled = self.norm(latents).mean(dim=1, keepdim=True)
        return Representation(pooled, mask.any(1, keepdim=True), "single", tokens, tokens)
