"""What a model makes of rows says nothing of a nuisance: the dependence itself is measured, and lowered."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import torch
import torch.nn.functional as F
from pydantic import Field, PositiveFloat
from torch import Tensor

from polymodal.core import Batch, Representation
from polymodal.data.base import Column
from polymodal.modalities.base import Modality
from polymodal.model import Model
from polymodal.objectives.base import Objective, chosen_parts
from polymodal.objectives.nuisance import Kind, Layers, NuisanceColumn, layers_of, nuisance_name
from polymodal.tasks.base import Task

__all__ = ["Independence", "dependence", "gaussian"]

FEWEST = 8
"""Rows under which a dependence says nothing: most of it would be chance."""
MOST = 2048
"""Rows that are compared with one another; their kernel takes 16 MiB."""
FLAT = 1e-4
"""The least spread that a feature is divided by."""
NOTHING = 1e-12


class Independence(Objective):
    """Keep a nuisance, such as the speaker, the scanner or the site, out of what the model makes of a row.

    The loss is the dependence between the vectors of a layer and `column` over the rows of a batch, by the
    Hilbert-Schmidt criterion (Gretton et al. 2005, eq. 9), brought between 0 and 1 as Kornblith et al. 2019 (eq. 4) do.
    There is no second net to be deceived; but it sees as much as one batch shows, and fewer than 8 rows teach nothing.
    `kind` says whether the column holds classes or numbers. `layers` are those that are cleaned: what heads read
    ("pooled"), what encoders hand to fusion ("tokens"), or both. `modalities` are those whose tokens are cleaned (None:
    all).

    What this leaves is for a fresh net to say: `polymodal fit` puts probes into metrics.json and the report.
    """

    steady = True

    def __init__(
        self,
        column: str,
        kind: Kind = "auto",
        layers: Layers = "both",
        modalities: Annotated[Sequence[str], Field(min_length=1)] | None = None,
        weight: PositiveFloat = 10.0,
    ) -> None:
        super().__init__()
        self.column, self.kind, self.layers, self.modalities = column, kind, layers, modalities
        self.weight = weight
        self.reader = NuisanceColumn(column, kind)

    @property
    def reads(self) -> Mapping[str, Column[Any]]:
        """The nuisance."""
        return {nuisance_name(self.column, self.kind): self.reader}

    def chosen(self, modalities: Mapping[str, Modality], tasks: Mapping[str, Task]) -> list[str]:
        """The modalities whose tokens are cleaned."""
        return chosen_parts(self.modalities, list(modalities), "independence")

    def build(self, model: Model) -> None:
        """No weights: there is nothing to learn but by the model."""
        self.names = self.chosen(model.modalities, model.tasks)

    @property
    def parts(self) -> Sequence[str]:
        """One loss: the dependence, the mean over the layers."""
        return ["dependence"]

    def losses(self, model: Model, batch: Batch, representation: Representation) -> dict[str, Tensor]:
        """The dependence over the rows whose nuisance is known; none where these are few, or all the same."""
        wanted, known = self.reader.known(batch)
        found = []
        with torch.autocast(batch.rows.device.type, enabled=False):
            for vectors, there in layers_of(representation, self.names, self.layers).values():
                rows = (there & known).nonzero()[:MOST, 0]
                target = wanted[rows]
                if len(rows) < FEWEST or bool((target == target[0]).all()):
                    continue
                found.append(dependence(gaussian(vectors[rows]), self._alike(target)))
        return {"dependence": torch.stack(found).mean()} if found else {}

    def _alike(self, target: Tensor) -> Tensor:
        """(n, n) how alike the nuisance of two rows is: the same class or not, or numbers that lie close."""
        if self.reader.is_numbers:
            return gaussian(target.unsqueeze(1))
        one_hot = F.one_hot(target).float()
        return one_hot @ one_hot.T


def gaussian(vectors: Tensor) -> Tensor:
    """(n, n) how alike vectors (n, k) are, by a Gaussian kernel as wide as the median distance (Gretton et al. 2005).

    Each feature is first divided by its spread, so that what is small is not overlooked.
    """
    centred = vectors - vectors.mean(0)
    scaled = centred / (centred.square().mean(0) + FLAT**2).sqrt()
    sizes = scaled.square().sum(1)
    squares = (sizes.unsqueeze(1) + sizes - 2 * scaled @ scaled.T).clamp(min=0)
    others = ~torch.eye(len(vectors), dtype=torch.bool, device=vectors.device)
    middle = squares.detach()[others].median().clamp(min=NOTHING)
    # A row is as like itself as can be, whatever rounding says.
    return torch.where(others, torch.exp(-squares / (2 * middle)), 1.0)


def dependence(first: Tensor, second: Tensor) -> Tensor:
    """From 0 to 1, how much two kernels (n, n) of the same rows say of each other (Kornblith et al. 2019, eq. 4)."""
    first, second = _centred(first), _centred(second)
    sizes = [part.square().sum().clamp(min=NOTHING).sqrt() for part in (first, second)]
    return (first * second).sum() / (sizes[0] * sizes[1])


def _centred(kernel: Tensor) -> Tensor:
    return kernel - kernel.mean(0) - kernel.mean(1, keepdim=True) + kernel.mean()
