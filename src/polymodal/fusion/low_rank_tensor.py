"""All products of numbers of the modalities at once, through factors of low rank."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from polymodal.core import Combine, Representation, Tokens
from polymodal.core.masking import masked_mean
from polymodal.encoders.mlp import ResidualBlock
from polymodal.fusion.base import Fusion

__all__ = ["LowRankTensor"]


class LowRankTensor(Fusion):
    """Multiply what the modalities say, number by number and summed over `rank` factors (Liu et al. 2018, eq. 6).

    That is a linear reading of the outer product of all modalities, each with a one appended, without ever forming it.
    Factors start near one, and the factor of an absent modality is one: the product is that of the others. One view.
    """

    combine: Combine = "single"

    def __init__(
        self,
        rank: Annotated[int, Field(ge=1, le=256)] = 4,
        layers: Annotated[int, Field(ge=0, le=64)] = 1,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
    ) -> None:
        super().__init__()
        self.rank, self.layers, self.dropout = rank, layers, dropout

    def build(self, names: Sequence[str], width: int) -> None:
        """For each modality `rank` maps, and a stack of dense blocks."""
        self.names, self.width = sorted(names), width
        self.norms = nn.ModuleDict({name: nn.LayerNorm(width) for name in self.names})
        factors = {name: nn.Linear(width, self.rank * width) for name in self.names}
        for factor in factors.values():
            nn.init.normal_(factor.weight, std=0.5 * width**-0.5)
            nn.init.ones_(factor.bias)
        self.factors = nn.ModuleDict(factors)
        self.weights = nn.Parameter(torch.randn(self.rank, width) * self.rank**-0.5)
        self.stack = nn.Sequential(*(ResidualBlock(width, dropout=self.dropout) for _ in range(self.layers)))

    @property
    def views(self) -> int:
        """One."""
        return 1

    def last_layers(self) -> list[nn.Module]:
        """The factors of each modality."""
        return list(self.factors.values())

    def forward(self, tokens: Mapping[str, Tokens]) -> Representation:
        """Multiply the factors of what is there."""
        given = [name for name in self.names if name in tokens]
        present = torch.stack([tokens[name].present for name in given], dim=1)
        product = torch.ones((), dtype=tokens[given[0]].values.dtype, device=present.device)
        for name in given:
            mean = self.norms[name](masked_mean(tokens[name].values, tokens[name].mask))
            factor = self.factors[name](mean).unflatten(-1, (self.rank, self.width))
            product = product * torch.where(tokens[name].present[:, None, None], factor, 1.0)
        pooled = self.stack((product * self.weights).sum(dim=1)).unsqueeze(1)
        return Representation(pooled, present.any(1, keepdim=True), "single", tokens, tokens)
