"""Which grade on a scale."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import NonNegativeFloat
from torch import Tensor, nn

from polymodal.core import Combine
from polymodal.core.shapes import Outputs
from polymodal.tasks import metrics as measures
from polymodal.tasks.base import Decoded, Head, Task
from polymodal.tasks.targets import LabelColumn, Names

__all__ = ["Ordinal"]


class Ordinal(Task):
    """A grade on an ordered scale, asked as one question for each step: is it above this grade (Frank and Hall 2001).

    `order` lists the grades from low to high; unless given, numbers are ordered by size and other labels by letter.
    Each of the K - 1 questions is trained by logistic loss. Decoding makes the answers fall from step to step, and
    predicts the grade nearest to the expected one, which is the choice that keeps large misses rare.
    """

    reader: LabelColumn
    answers = "ordered"
    headline = "qwk"

    def __init__(self, target: str, order: Names | None = None, weight: NonNegativeFloat = 1.0) -> None:
        self.target, self.order, self.weight = target, order, weight
        self.reader = LabelColumn(target, order=order)

    @property
    def classes(self) -> Sequence[str]:
        """The grades from low to high."""
        return self.reader.classes

    def head(self, views: int, width: int, combine: Combine) -> nn.Module:
        """A logit for each step, starting from how often the training rows lie above it."""
        counts = np.array(self.reader.counts, dtype=np.float64) + 1
        above = counts[::-1].cumsum()[::-1][1:] / counts.sum()
        return Head(views, width, torch.from_numpy(np.log(above / (1 - above))), combine)

    def losses(self, outputs: Outputs, target: Tensor) -> Tensor:
        """(n,) logistic loss summed over the steps."""
        steps = torch.arange(outputs.shape[1], device=outputs.device)
        above = (target[:, None] > steps).to(outputs.dtype)
        return F.binary_cross_entropy_with_logits(outputs, above, reduction="none").sum(dim=1)

    def decode(self, outputs: Outputs) -> Decoded:
        """A probability for each grade, and the grade nearest to the expected one."""
        above = torch.sigmoid(outputs.double()).cummin(dim=1).values
        edge = above.new_ones(len(above), 1)
        probabilities = torch.cat([edge, above], dim=1) - torch.cat([above, edge * 0], dim=1)
        grade = above.sum(dim=1).round().long().cpu().numpy()
        return Decoded(np.array(self.classes, dtype=object)[grade], probabilities.cpu().numpy(), self.classes)

    def truth(self, target: Tensor) -> np.ndarray:
        """Grades in the user's spelling."""
        return np.array(self.classes, dtype=object)[target.cpu().numpy()]

    def metrics(self, decoded: Decoded, truth: np.ndarray) -> dict[str, float]:
        """qwk (quadratic weighted kappa, Cohen 1968), mae in grades, and the metrics of a multiclass task."""
        return measures.ordinal(truth, decoded.prediction, decoded.probabilities, decoded.classes)
