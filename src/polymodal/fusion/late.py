"""Each modality decides for itself; the decisions are combined."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import nn

from polymodal.core import Combine, Representation, Tokens
from polymodal.core.masking import masked_mean
from polymodal.encoders.mlp import ResidualBlock
from polymodal.fusion.base import Fusion, last_matrix

__all__ = ["Late"]


class Late(Fusion):
    """One view for each modality: the heads decide on each view, and `combine` says how one decision comes of them.

    "product" adds the evidence of the views that are there (a product of experts), "mean" averages it, "learned" weighs
    it by a gate. A row with a single modality is decided by that one alone. `layers` dense blocks refine each view.
    """

    def __init__(
        self,
        combine: Literal["mean", "learned", "product"] = "product",
        layers: Annotated[int, Field(ge=1, le=64)] = 1,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
    ) -> None:
        super().__init__()
        self.combine: Combine = combine
        self.layers, self.dropout = layers, dropout

    def build(self, names: Sequence[str], width: int) -> None:
        """A stack of dense blocks for each modality."""
        self.names = sorted(names)
        self.stacks = nn.ModuleList(
            nn.Sequential(*(ResidualBlock(width, dropout=self.dropout) for _ in range(self.layers))) for _ in self.names
        )

    @property
    def views(self) -> int:
        """One for each modality."""
        return len(self.names)

    def last_layers(self) -> list[nn.Module]:
        """The last of each modality's stack."""
        return [layer for stack in self.stacks for layer in last_matrix(stack)]

    def forward(self, tokens: Mapping[str, Tokens]) -> Representation:
        """Pool and refine each modality; a modality that is not given is a masked view."""
        given = next(iter(tokens.values()))
        rows, width = given.values.shape[0], given.values.shape[2]
        pooled = [
            stack(masked_mean(tokens[name].values, tokens[name].mask))
            if name in tokens
            else given.values.new_zeros(rows, width)
            for name, stack in zip(self.names, self.stacks, strict=True)
        ]
        nobody = torch.zeros_like(given.present)
        mask = [tokens[name].present if name in tokens else nobody for name in self.names]
        return Representation(torch.stack(pooled, 1), torch.stack(mask, 1), self.combine, tokens, tokens)
