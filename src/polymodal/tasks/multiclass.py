"""Which one of several."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import NonNegativeFloat
from torch import Tensor, nn

from polymodal.core import Combine
from polymodal.core.shapes import Outputs
from polymodal.tasks.base import Decoded, Head, Task
from polymodal.tasks.metrics import classification
from polymodal.tasks.targets import LabelColumn, balanced_weights

__all__ = ["Multiclass"]


class Multiclass(Task):
    """Which one of several classes: a probability for each, trained by cross-entropy.

    `class_weight="balanced"` weighs each class as if all were equally frequent.
    """

    reader: LabelColumn
    answers = "classes"
    headline = "auroc"

    def __init__(
        self, target: str, class_weight: Literal["none", "balanced"] = "none", weight: NonNegativeFloat = 1.0
    ) -> None:
        self.target, self.class_weight, self.weight = target, class_weight, weight
        self.reader = LabelColumn(target)

    @property
    def classes(self) -> Sequence[str]:
        """The labels in the order of the probabilities."""
        return self.reader.classes

    def head(self, views: int, width: int, combine: Combine) -> nn.Module:
        """A logit for each class, starting from the frequencies of the training rows."""
        counts = torch.tensor(self.reader.counts, dtype=torch.float64) + 1
        even = self.class_weight == "balanced"
        prior = torch.zeros(len(counts)) if even else (counts.log() - counts.log().mean()).float()
        return Head(views, width, prior, combine)

    def losses(self, outputs: Outputs, target: Tensor) -> Tensor:
        """(n,) cross-entropy."""
        loss = F.cross_entropy(outputs, target, reduction="none")
        return loss if self.class_weight == "none" else loss * balanced_weights(self.reader.counts, loss)[target]

    def decode(self, outputs: Outputs) -> Decoded:
        """A probability for each class, and the most probable label."""
        probabilities = torch.softmax(outputs.double(), dim=1).cpu().numpy()
        names = np.array(self.classes, dtype=object)
        return Decoded(names[probabilities.argmax(axis=1)], probabilities, self.classes)

    def truth(self, target: Tensor) -> np.ndarray:
        """Labels in the user's spelling."""
        return np.array(self.classes, dtype=object)[target.cpu().numpy()]

    def metrics(self, decoded: Decoded, truth: np.ndarray) -> dict[str, float]:
        """accuracy, balanced_accuracy, macro_f1, auroc (macro one-vs-rest), auprc, log_loss, brier, ece."""
        return classification(truth, decoded.chances, decoded.classes)
