"""What belongs to one row lies close, what belongs to different rows lies apart."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Annotated, Literal

import torch
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor, nn

from polymodal.core import Batch, Representation
from polymodal.encoders.alignment import Alignment, together
from polymodal.modalities.base import Modality
from polymodal.model import Model
from polymodal.objectives.base import Objective, chosen_parts
from polymodal.tasks.base import Task
from polymodal.tasks.info_nce import info_nce
from polymodal.tasks.siglip import siglip
from polymodal.tasks.temperature import Temperature

__all__ = ["Contrastive"]


class Contrastive(Objective):
    """Bring the modalities of a row together in one space, and keep those of different rows apart.

    `between` names two or more modalities (None: all); each pair of them has a loss, over the rows that have both.
    `loss` is "info_nce" (Radford et al. 2021) or "siglip" (Zhai et al. 2023), both with a learned temperature. `space`
    is the width of the common space. Rows that hold the same value of either modality count as positives of each other.
    """

    contrasts = True

    def __init__(
        self,
        between: Annotated[Sequence[str], Field(min_length=2)] | None = None,
        loss: Literal["info_nce", "siglip"] = "info_nce",
        space: PositiveInt = 128,
        weight: PositiveFloat = 1.0,
    ) -> None:
        super().__init__()
        self.between, self.loss, self.space, self.weight = between, loss, space, weight

    def chosen(self, modalities: Mapping[str, Modality], tasks: Mapping[str, Task]) -> list[str]:
        """The modalities to bring together."""
        return chosen_parts(self.between, list(modalities), "contrastive", least=2)

    def build(self, model: Model) -> None:
        """A map for each modality, and a temperature."""
        names = self.chosen(model.modalities, model.tasks)
        self.pairs = list(combinations(names, 2))
        self.alignment = Alignment(names, model.width, self.space)
        # SigLIP starts from a temperature of 1/10 and a bias that expects few positives (Zhai et al. 2023, 3.2).
        self.temperature = Temperature() if self.loss == "info_nce" else Temperature(start=0.1)
        self.bias = nn.Parameter(torch.tensor(-10.0)) if self.loss == "siglip" else None

    @property
    def parts(self) -> Sequence[str]:
        """A loss for each pair, such as "image-text"."""
        return [f"{first}-{second}" for first, second in self.pairs]

    def losses(self, model: Model, batch: Batch, representation: Representation) -> dict[str, Tensor]:
        """The loss of each pair of modalities that two different rows or more have."""
        places = self.alignment(representation.unfused)
        found = {}
        for name, (first, second) in zip(self.parts, self.pairs, strict=True):
            both = batch.inputs[first].present & batch.inputs[second].present
            same = together(batch.inputs[first].index[both], batch.inputs[second].index[both])
            if (same > 0).any():
                found[name] = self.contrast(places[first][both], places[second][both], same)
        return found

    def contrast(self, first: Tensor, second: Tensor, same: Tensor) -> Tensor:
        """The loss of pairs (n, space) and (n, space); equal numbers in `same` (n,) mark positives of each other."""
        positives = None if len(same.unique()) == len(same) else same
        if self.bias is None:
            return info_nce(first, second, self.temperature(), positives=positives)
        return siglip(first, second, self.temperature(), self.bias, positives=positives)
