"""The tokens of each modality look at the tokens of all the others."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, ClassVar, cast

import torch
from pydantic import Field
from torch import nn

from polymodal.core import Combine, Representation, Tokens
from polymodal.core.masking import keep, masked_mean
from polymodal.encoders.transformer import CrossBlock
from polymodal.fusion.base import Blocks, Fusion, last_matrix
from polymodal.fusion.early import mark_tokens

__all__ = ["CrossAttention", "averaged", "looked"]


class CrossAttention(Fusion):
    """Let the tokens of each modality look at those of all others, both ways (Tsai et al. 2019, section 3.1).

    Each modality has blocks of its own, or all have the same where they are `tied`, and any number of tokens. One that
    is alone in its row is changed by its own small net only. One view: the mean over the modalities that are there.
    """

    combine: Combine = "single"
    experimental: ClassVar[bool] = True

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
        given = [name for name in self.names if name in tokens]
        parts = {name: mark_tokens(tokens[name], self.marks[self.names.index(name)]) for name in given}
        for layer in cast(Iterable[Blocks], self.blocks):
            parts = {name: looked(layer.of(name), name, parts, given) for name in given}
        return averaged(parts, tokens, self.norm)


def looked(block: nn.Module, name: str, parts: Mapping[str, Tokens], partners: Sequence[str]) -> Tokens:
    """The tokens of one modality after they looked at those of its partners, as far as these are given."""
    own, others = parts[name], [parts[other] for other in partners if other in parts and other != name]
    if others:
        seen = torch.cat([part.values for part in others], dim=1)
        mask = torch.cat([part.mask for part in others], dim=1)
    else:
        seen, mask = own.values[:, :1], torch.zeros_like(own.mask[:, :1])
    return Tokens(keep(block(own.values, seen, mask), own.mask), own.mask, own.positions)


def averaged(parts: Mapping[str, Tokens], unfused: Mapping[str, Tokens], norm: nn.Module) -> Representation:
    """One view: the mean over the modalities that are there of the mean of their normed tokens."""
    fused = {
        name: Tokens(keep(norm(part.values), part.mask), part.mask, part.positions) for name, part in parts.items()
    }
    present = torch.stack([part.present for part in fused.values()], dim=1)
    means = torch.stack([masked_mean(part.values, part.mask) for part in fused.values()], dim=1)
    pooled = masked_mean(means, present).unsqueeze(1)
    return Representation(pooled, present.any(1, keepdim=True), "single", fused, unfused)
