"""What a second net can read of a nuisance, the encoders unlearn: gradient reversal."""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any, cast

import torch
import torch.nn.functional as F
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor, nn

from polymodal.core import Batch, Representation
from polymodal.data.base import Column
from polymodal.modalities.base import Modality
from polymodal.model import Model
from polymodal.objectives.adversary import Adversary, reversed_gradient
from polymodal.objectives.base import Objective, chosen_parts
from polymodal.objectives.nuisance import Kind, Layers, NuisanceColumn, layers_of, nuisance_name
from polymodal.tasks.base import Task
from polymodal.tasks.targets import LabelColumn

__all__ = ["Adversarial"]

LEAST = 1e-12
MOST = 20.0
"""The most that is told of how much better than chance a nuisance is read."""


class Adversarial(Objective):
    """Keep a nuisance, such as the speaker, the scanner or the site, out of what the model makes of a row.

    A net for each layer learns to read `column` off it, and the encoders learn against what it finds, by gradients that
    are turned round (Ganin et al. 2016). `kind` says whether the column holds classes or numbers. `layers` are those
    that are cleaned: what heads read ("pooled"), what encoders hand to fusion ("tokens"), or both, since what is left
    in the layer before can be read there. `modalities` are those whose tokens are cleaned (None: all). The strength
    rises from 0 to `weight` over `ramp` steps of training, as 2 / (1 + exp(-10 p)) - 1. At each step each net learns
    `steps` times, from vectors that are not taught; it has `hidden` units. No net is pushed to be worse than one that
    knows nothing. The loss that is told is how many times less that one loses than this one, from 1, where nothing can
    be read, to 20. Training goes on to its last epoch, for the contest has no best one.

    What this leaves is for a fresh net to say: `polymodal fit` puts probes into metrics.json and the report.
    """

    steady = True
    contests = True

    def __init__(
        self,
        column: str,
        kind: Kind = "auto",
        layers: Layers = "both",
        modalities: Annotated[Sequence[str], Field(min_length=1)] | None = None,
        ramp: PositiveInt = 1000,
        steps: Annotated[int, Field(ge=1, le=100)] = 5,
        hidden: Annotated[int, Field(ge=1, le=4096)] = 128,
        weight: PositiveFloat = 0.3,
    ) -> None:
        super().__init__()
        self.column, self.kind, self.layers, self.modalities = column, kind, layers, modalities
        self.ramp, self.steps, self.hidden, self.weight = ramp, steps, hidden, weight
        self.reader = NuisanceColumn(column, kind)

    @property
    def reads(self) -> Mapping[str, Column[Any]]:
        """The nuisance."""
        return {nuisance_name(self.column, self.kind): self.reader}

    def chosen(self, modalities: Mapping[str, Modality], tasks: Mapping[str, Task]) -> list[str]:
        """The modalities whose tokens are cleaned."""
        return chosen_parts(self.modalities, list(modalities), "adversarial")

    def build(self, model: Model) -> None:
        """An adversary for each layer, that starts from what is commonest, and a count of the steps."""
        self.names = self.chosen(model.modalities, model.tasks)
        inner = self.reader.inner
        counts = torch.tensor(inner.counts).clamp(min=1).double() if isinstance(inner, LabelColumn) else None
        self.register_buffer("start", torch.zeros(1) if counts is None else (counts / counts.sum()).log().float())
        self.register_buffer("taken", torch.zeros((), dtype=torch.long))
        widths = {} if self.layers == "tokens" else {"pooled": model.width * model.fusion.views}
        if self.layers != "pooled":
            widths |= {f"tokens of {name}": model.width for name in self.names}
        self.places = {name: str(number) for number, name in enumerate(widths)}
        self.adversaries = nn.ModuleDict(
            {
                self.places[name]: Adversary(width, self.hidden, self.get_buffer("start"))
                for name, width in widths.items()
            }
        )

    @property
    def parts(self) -> Sequence[str]:
        """One loss: how well the nuisance is read, the mean over the layers."""
        return ["read"]

    def losses(self, model: Model, batch: Batch, representation: Representation) -> dict[str, Tensor]:
        """How well the adversaries read the rows whose nuisance is known; in training they learn first."""
        wanted, known = self.reader.known(batch)
        strength, found = self._strength(), []
        with torch.autocast(batch.rows.device.type, enabled=False):
            for name, (vectors, there) in layers_of(representation, self.names, self.layers).items():
                rows = there & known
                if rows.any():
                    found.append(self._read(name, vectors[rows], wanted[rows], strength))
        if not found:
            return {}
        told, push = (torch.stack(part) for part in zip(*found, strict=True))
        return {"read": told.mean() + (push.sum() - push.sum().detach())}

    def _read(self, layer: str, vectors: Tensor, target: Tensor, strength: float) -> tuple[Tensor, Tensor]:
        """How much better than chance one layer is read, and the loss that its vectors are pushed by."""
        adversary = cast(Adversary, self.adversaries[self.places[layer]])
        each = partial(self._each, target=target)
        if self.training:
            adversary.learn(vectors, each, self.steps)
        blind = each(self.get_buffer("start").expand(len(target), -1)).mean()
        push = torch.minimum(each(adversary(reversed_gradient(vectors, strength))).mean(), blind)
        return (blind / push.detach().clamp(min=LEAST)).clamp(1.0, MOST), push

    def _each(self, made: Tensor, target: Tensor) -> Tensor:
        """(n,) what an adversary loses: cross-entropy, or the squared error in units of the spread."""
        if self.reader.is_numbers:
            return (made[:, 0] - target).square()
        return F.cross_entropy(made, target, reduction="none")

    def _strength(self) -> float:
        """How strongly gradients are turned round at this step (Ganin et al. 2016, section 5.2.2, with gamma 10)."""
        if self.training:
            self.get_buffer("taken").add_(1)
        done = min(1.0, float(self.get_buffer("taken")) / self.ramp)
        return 2.0 / (1.0 + math.exp(-10.0 * done)) - 1.0
