"""Tell pairs that belong together from pairs that only look as if they did."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor

from polymodal.core import Batch, Representation, Tokens
from polymodal.encoders.alignment import together
from polymodal.encoders.telling import Teller
from polymodal.modalities.base import Modality
from polymodal.model import Model
from polymodal.objectives.base import Objective, chosen_parts
from polymodal.objectives.contrastive import Contrastive
from polymodal.objectives.masked import read_tokens
from polymodal.tasks.base import Task

__all__ = ["Matching"]


class Matching(Objective):
    """Decide from what fusion makes of two modalities whether they belong to one row (Li et al. 2021, ALBEF, eq. 4).

    Each row is joined with its own partner, and with one of another row that is drawn the more often the more it
    resembles the right one by contrast, so that the wrong pairs are hard; the contrast is learned along. The decision
    looks at both modalities at once, so that it can be learned after a late fusion, too. `between` names two modalities
    (None: the first two of the model). `space` is the width in which resemblance is measured.
    """

    contrasts = True

    def __init__(
        self,
        between: Annotated[Sequence[str], Field(min_length=2, max_length=2)] | None = None,
        space: PositiveInt = 128,
        weight: PositiveFloat = 1.0,
    ) -> None:
        super().__init__()
        self.between, self.space, self.weight = between, space, weight

    def chosen(self, modalities: Mapping[str, Modality], tasks: Mapping[str, Task]) -> list[str]:
        """The two modalities to match."""
        return chosen_parts(self.between, list(modalities), "matching", least=2)[:2]

    def build(self, model: Model) -> None:
        """The contrast, and a net that decides."""
        self.first, self.second = self.chosen(model.modalities, model.tasks)
        self.contrast = Contrastive([self.first, self.second], space=self.space)
        self.contrast.build(model)
        self.decision = Teller(model.width, size=1, classes=0, layers=2)

    @property
    def parts(self) -> Sequence[str]:
        """The contrast, and the decision."""
        return ["contrast", "matching"]

    def losses(self, model: Model, batch: Batch, representation: Representation) -> dict[str, Tensor]:
        """Both losses over the rows that have both modalities, where two of these differ."""
        one, other = (batch.inputs[name] for name in (self.first, self.second))
        rows = (one.present & other.present).nonzero().squeeze(1)
        same = together(one.index[rows], other.index[rows])
        if not (same > 0).any():
            return {}
        places = self.contrast.alignment(representation.unfused)
        first, second = places[self.first][rows], places[self.second][rows]
        strange = self.drawn(first, second, same)
        pairs = [(rows, rows), (rows, rows[strange[0]]), (rows[strange[1]], rows)]
        logits = torch.cat([self.decided(model, representation.unfused, *pair) for pair in pairs])
        truth = torch.zeros_like(logits)
        truth[: len(rows)] = 1.0
        return {
            "contrast": self.contrast.contrast(first, second, same),
            "matching": F.binary_cross_entropy_with_logits(logits, truth),
        }

    @torch.no_grad()
    def drawn(self, first: Tensor, second: Tensor, same: Tensor) -> tuple[Tensor, Tensor]:
        """For each pair a wrong second, and for each a wrong first one, (n,) each, drawn by resemblance."""
        likeness = (first @ second.T * self.contrast.temperature().exp()).float()
        wrong = same.unsqueeze(1) != same.unsqueeze(0)
        chances = [torch.softmax(side.masked_fill(~wrong, -torch.inf), dim=1) for side in (likeness, likeness.T)]
        # A pair that has no wrong partner is drawn for itself by nobody: every label differs from some other one.
        return torch.multinomial(chances[0], 1).squeeze(1), torch.multinomial(chances[1], 1).squeeze(1)

    def decided(self, model: Model, tokens: Mapping[str, Tokens], first: Tensor, second: Tensor) -> Tensor:
        """(n,) logits that the rows `first` of one modality belong to the rows `second` of the other."""
        pair = {self.first: tokens[self.first].gather(first), self.second: tokens[self.second].gather(second)}
        made = model.fusion(pair)
        views = {"": Tokens(made.pooled, made.view_mask)}
        return self.decision.told(self.decision(read_tokens({**made.tokens, **views}), 1)).flatten()
