"""Each number of the joint vector is a weighing of what the modalities say, by gates that all of them set."""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import nn

from polymodal.core import Combine, Representation, Tokens
from polymodal.core.masking import masked_mean, masked_softmax, masked_sum
from polymodal.encoders.mlp import ResidualBlock
from polymodal.fusion.base import Fusion

__all__ = ["Gated"]


class Gated(Fusion):
    """Weigh the modalities by learned gates, one for each number of the vector (Arevalo et al. 2017, eqs. 3 to 6).

    What a modality says is tanh of a map of its mean token. Its gates look at all that is there, and sum to one over
    the modalities that a row has, so that an absent one leaves its weight to the others. One view.
    """

    combine: Combine = "single"
    experimental: ClassVar[bool] = True

    def __init__(
        self, layers: Annotated[int, Field(ge=0, le=64)] = 1, dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    ) -> None:
        super().__init__()
        self.layers, self.dropout = layers, dropout

    def build(self, names: Sequence[str], width: int) -> None:
        """For each modality a map, one into what the gates see, and one out of it."""
        self.names = sorted(names)
        self.says, self.shows, self.gates = (
            nn.ModuleDict({name: nn.Linear(width, width) for name in self.names}) for _ in range(3)
        )
        self.stack = nn.Sequential(*(ResidualBlock(width, dropout=self.dropout) for _ in range(self.layers)))

    @property
    def views(self) -> int:
        """One."""
        return 1

    def last_layers(self) -> list[nn.Module]:
        """What each modality says."""
        return list(self.says.values())

    def forward(self, tokens: Mapping[str, Tokens]) -> Representation:
        """Pool, gate, add."""
        given = [name for name in self.names if name in tokens]
        means = {name: masked_mean(tokens[name].values, tokens[name].mask) for name in given}
        present = torch.stack([tokens[name].present for name in given], dim=1)
        seen = torch.tanh(masked_sum(torch.stack([self.shows[name](means[name]) for name in given], dim=1), present))
        said = torch.tanh(torch.stack([self.says[name](means[name]) for name in given], dim=1))
        logits = torch.stack([self.gates[name](seen) for name in given], dim=1)
        weights = masked_softmax(logits, present.unsqueeze(-1).expand_as(logits), dim=1)
        pooled = self.stack(masked_sum(weights * said, present)).unsqueeze(1)
        return Representation(pooled, present.any(1, keepdim=True), "single", tokens, tokens)
