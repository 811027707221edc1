"""The pooled vectors of the modalities are joined into one."""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import nn

from polymodal.core import Combine, Representation, Tokens
from polymodal.core.masking import masked_mean, masked_sum
from polymodal.encoders.mlp import ResidualBlock
from polymodal.fusion.base import Fusion

__all__ = ["Intermediate"]


class Intermediate(Fusion):
    """Pool each modality, concatenate, mix by dense blocks: one view.

    Concatenation followed by a linear map is the sum of one map for each modality; written so, the maps of absent
    modalities are left out of the sum instead of being fed zeros.
    """

    combine: Combine = "single"
    experimental: ClassVar[bool] = True

    def __init__(
        self, layers: Annotated[int, Field(ge=1, le=64)] = 2, dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    ) -> None:
        super().__init__()
        self.layers, self.dropout = layers, dropout

    def build(self, names: Sequence[str], width: int) -> None:
        """A linear map for each modality and a stack of dense blocks."""
        self.names = sorted(names)
        self.maps = nn.ModuleDict({name: nn.Linear(width, width) for name in self.names})
        self.stack = nn.Sequential(*(ResidualBlock(width, dropout=self.dropout) for _ in range(self.layers)))

    @property
    def views(self) -> int:
        """One."""
        return 1

    def forward(self, tokens: Mapping[str, Tokens]) -> Representation:
        """Sum the maps of what is there, then mix."""
        given = [name for name in self.names if name in tokens]
        mapped = torch.stack(
            [self.maps[name](masked_mean(tokens[name].values, tokens[name].mask)) for name in given], dim=1
        )
        present = torch.stack([tokens[name].present for name in given], dim=1)
        pooled = self.stack(masked_sum(mapped, present)).unsqueeze(1)
        return Representation(pooled, present.any(1, keepdim=True), "single", tokens, tokens)
