"""Modalities talk to each other only through a few shared tokens."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, ClassVar, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from polymodal.core import Combine, Representation, Tokens
from polymodal.core.masking import keep, masked_mean
from polymodal.encoders.transformer import TransformerBlock
from polymodal.fusion.base import Blocks, Fusion, last_matrix, marked

__all__ = ["Bottleneck"]


class Bottleneck(Fusion):
    """Let modalities talk through a few shared tokens only (Nagrani et al. 2021, eqs. 8 and 9).

    In each layer a modality reads its own tokens and the shared ones; what the modalities wrote into the shared tokens
    is averaged over those that are there. Each has blocks of its own, or all have the same where they are `tied`. One
    view: the mean of the last shared tokens. The cost grows with the tokens of each modality alone.
    """

    combine: Combine = "single"
    experimental: ClassVar[bool] = True

    def __init__(
        self,
        layers: Annotated[int, Field(ge=1, le=64)] = 2,
        bottlenecks: Annotated[int, Field(ge=1, le=1024)] = 4,
        heads: Annotated[int, Field(ge=1, le=64)] = 4,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
        tied: bool = False,
    ) -> None:
        super().__init__()
        self.layers, self.bottlenecks, self.heads, self.dropout = layers, bottlenecks, heads, dropout
        self.tied = tied

    def build(self, names: Sequence[str], width: int) -> None:
        """Shared tokens, a mark for each modality, and a block for each modality and layer."""
        self.names, self.width = sorted(names), width
        self.shared = nn.Parameter(torch.randn(self.bottlenecks, width) * 0.02)
        self.marks = nn.Parameter(torch.randn(len(self.names), width) * 0.02)
        self.blocks = nn.ModuleList(
            Blocks(self.names, lambda: TransformerBlock(width, self.heads, dropout=self.dropout), self.tied)
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
        """Alternate between reading within a modality and averaging what was written into the shared tokens."""
        parts = marked(tokens, self.names, self.marks)
        present = torch.stack([parts[name].present for name in parts], dim=1)
        values = {name: parts[name].values for name in parts}
        shared = self.shared.expand(len(present), -1, -1)
        for layer in cast(Iterable[Blocks], self.blocks):
            written = []
            for name in parts:
                values[name], wrote = self._read(layer.of(name), values[name], parts[name].mask, shared)
                written.append(wrote)
            shared = masked_mean(torch.stack(written, dim=1), present)
        pooled = masked_mean(self.norm(shared), torch.ones_like(shared[..., 0], dtype=torch.bool)).unsqueeze(1)
        fused = {
            name: Tokens(keep(self.norm(values[name]), parts[name].mask), parts[name].mask, parts[name].positions)
            for name in parts
        }
        return Representation(pooled, present.any(1, keepdim=True), "single", fused, tokens)

    def _read(self, block: nn.Module, own: Tensor, mask: Tensor, shared: Tensor) -> tuple[Tensor, Tensor]:
        """One block over a modality's own tokens and the shared ones: what became of each."""
        opened = mask.new_ones(len(mask), shared.shape[1])
        read = block(torch.cat([shared, own], dim=1), torch.cat([opened, mask], dim=1))
        return keep(read[:, shared.shape[1] :], mask), read[:, : shared.shape[1]]
