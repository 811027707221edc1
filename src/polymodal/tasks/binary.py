"""Yes or no."""

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

__all__ = ["Binary"]


class Binary(Task):
    """Whether something is the case: a probability for one of two classes, trained by logistic loss.

    `positive` names the label that counts as yes; unless given it is the later one in order (1 of 0 and 1, "yes" of
    "no" and "yes"). `class_weight="balanced"` weighs each class as if both were equally frequent (King and Zeng 2001).
    """

    reader: LabelColumn
    answers = "classes"
    headline = "auroc"

    def __init__(
        self,
        target: str,
        positive: str | None = None,
        class_weight: Literal["none", "balanced"] = "none",
        weight: NonNegativeFloat = 1.0,
    ) -> None:
        self.target, self.positive, self.class_weight, self.weight = target, positive, class_weight, weight
        self.reader = LabelColumn(target, last=positive, exactly=2)

    @property
    def classes(self) -> Sequence[str]:
        """The two labels, the positive one last."""
        return self.reader.classes

    def head(self, views: int, width: int, combine: Combine) -> nn.Module:
        """One logit, starting from the log-odds of the training rows."""
        negative, positive = (count + 1 for count in self.reader.counts)
        log_odds = 0.0 if self.class_weight == "balanced" else float(np.log(positive / negative))
        return Head(views, width, torch.tensor([log_odds]), combine)

    def losses(self, outputs: Outputs, target: Tensor) -> Tensor:
        """(n,) logistic loss."""
        loss = F.binary_cross_entropy_with_logits(outputs[:, 0], target.to(outputs.dtype), reduction="none")
        return loss if self.class_weight == "none" else loss * balanced_weights(self.reader.counts, loss)[target]

    def decode(self, outputs: Outputs) -> Decoded:
        """Probabilities of both classes, and the more probable label."""
        yes = torch.sigmoid(outputs[:, 0].double()).cpu().numpy()
        names = np.array(self.classes, dtype=object)
        return Decoded(names[(yes > 0.5).astype(int)], np.stack([1 - yes, yes], axis=1), self.classes)

    def truth(self, target: Tensor) -> np.ndarray:
        """Labels in the user's spelling."""
        return np.array(self.classes, dtype=object)[target.cpu().numpy()]

    def metrics(self, decoded: Decoded, truth: np.ndarray) -> dict[str, float]:
        """accuracy, balanced_accuracy, macro_f1, auroc, auprc, log_loss, brier, ece."""
        return classification(truth, decoded.chances, decoded.classes)
