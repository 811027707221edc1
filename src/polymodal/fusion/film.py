"""Each modality is stretched and shifted by what the others say."""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from polymodal.core import Combine, Representation, Tokens
from polymodal.core.masking import keep, masked_mean, masked_sum
from polymodal.encoders.mlp import ResidualBlock
from polymodal.fusion.base import Fusion

__all__ = ["Film"]


class Film(Fusion):
    """Let the others stretch and shift the tokens of each modality (feature-wise linear modulation, Perez et al. 2018).

    A token becomes (1 + stretch) · token + shift, where both are maps of the sum of what the other modalities show; a
    modality that is alone stays as it is. One view: the mean over the modalities that are there.
    """

    combine: Combine = "single"
    experimental: ClassVar[bool] = True

    def __init__(
        self, layers: Annotated[int, Field(ge=0, le=64)] = 1, dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    ) -> None:
        super().__init__()
        self.layers, self.dropout = layers, dropout

    def build(self, names: Sequence[str], width: int) -> None:
        """For each modality a map of what it shows, a map of what others do to it, and a map of what becomes of it."""
        self.names = sorted(names)
        self.shows = nn.ModuleDict({name: nn.Linear(width, width) for name in self.names})
        bends = {name: nn.Linear(width, 2 * width, bias=False) for name in self.names}
        for bend in bends.values():
            nn.init.normal_(bend.weight, std=0.1 * width**-0.5)  # begins as almost no change
        self.bends = nn.ModuleDict(bends)
        self.maps = nn.ModuleDict({name: nn.Linear(width, width) for name in self.names})
        self.stack = nn.Sequential(*(ResidualBlock(width, dropout=self.dropout) for _ in range(self.layers)))

    @property
    def views(self) -> int:
        """One."""
        return 1

    def last_layers(self) -> list[nn.Module]:
        """The last map of each modality."""
        return list(self.maps.values())

    def forward(self, tokens: Mapping[str, Tokens]) -> Representation:
        """Bend each modality by the others, then average."""
        given = [name for name in self.names if name in tokens]
        present = torch.stack([tokens[name].present for name in given], dim=1)
        means = [masked_mean(tokens[name].values, tokens[name].mask) for name in given]
        shown = torch.stack(
            [torch.tanh(self.shows[name](mean)) for name, mean in zip(given, means, strict=True)], dim=1
        )
        fused = {
            name: self._bent(name, tokens[name], masked_sum(shown, _others(present, place)))
            for place, name in enumerate(given)
        }
        pooled = [self.maps[name](masked_mean(part.values, part.mask)) for name, part in fused.items()]
        joint = self.stack(masked_mean(torch.stack(pooled, dim=1), present)).unsqueeze(1)
        return Representation(joint, present.any(1, keepdim=True), "single", fused, tokens)

    def _bent(self, name: str, own: Tokens, others: Tensor) -> Tokens:
        stretch, shift = self.bends[name](others).unsqueeze(1).chunk(2, dim=-1)
        values = keep(own.values, own.mask)
        return Tokens(keep(values * (1 + stretch) + shift, own.mask), own.mask, own.positions)


def _others(present: Tensor, place: int) -> Tensor:
    """(rows, modalities) True where another modality than this one is there."""
    index = torch.arange(present.shape[1], device=present.device)
    return present & (index != place)
