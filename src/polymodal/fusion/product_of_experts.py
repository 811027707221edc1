"""Each modality says what it believes and how sure it is; beliefs are multiplied."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import nn

from polymodal.core import Combine, Representation, Tokens
from polymodal.core.masking import masked_mean, masked_sum
from polymodal.encoders.mlp import ResidualBlock
from polymodal.fusion.base import Fusion

__all__ = ["ProductOfExperts"]


class ProductOfExperts(Fusion):
    """Multiply normal distributions, one for each modality and a standard one before all (Wu and Goodman 2018, eq. 3).

    The joint vector is the mean of the product: beliefs weighted by their precision (one over the variance). An absent
    modality has no precision and so no say; who knows little says little. One view.
    """

    combine: Combine = "single"

    def __init__(
        self, layers: Annotated[int, Field(ge=0, le=64)] = 1, dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    ) -> None:
        super().__init__()
        self.layers, self.dropout = layers, dropout

    def build(self, names: Sequence[str], width: int) -> None:
        """For each modality a map to means and precisions, and a stack of dense blocks."""
        self.names = sorted(names)
        self.beliefs = nn.ModuleDict({name: nn.Linear(width, 2 * width) for name in self.names})
        self.stack = nn.Sequential(*(ResidualBlock(width, dropout=self.dropout) for _ in range(self.layers)))

    @property
    def views(self) -> int:
        """One."""
        return 1

    def last_layers(self) -> list[nn.Module]:
        """What each modality believes."""
        return list(self.beliefs.values())

    def forward(self, tokens: Mapping[str, Tokens]) -> Representation:
        """Weigh beliefs by their precision; the standard normal has precision 1 and mean 0."""
        given = [name for name in self.names if name in tokens]
        present = torch.stack([tokens[name].present for name in given], dim=1)
        told = torch.stack(
            [self.beliefs[name](masked_mean(tokens[name].values, tokens[name].mask)) for name in given], dim=1
        )
        means, raw = told.chunk(2, dim=-1)
        precisions = F.softplus(raw)
        joint = masked_sum(means * precisions, present) / (1.0 + masked_sum(precisions, present))
        pooled = self.stack(joint).unsqueeze(1)
        return Representation(pooled, present.any(1, keepdim=True), "single", tokens, tokens)
