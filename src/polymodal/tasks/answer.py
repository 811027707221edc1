"""Answer a question about what else the row holds: a picture, a sound, a table."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import NonNegativeFloat
from torch import Tensor, nn

from polymodal.core import Combine
from polymodal.core.shapes import Outputs
from polymodal.tasks.base import Decoded, Task
from polymodal.tasks.multiclass import Multiclass

__all__ = ["Answer"]


class Answer(Task):
    """Which of the answers seen in training is right, such as in visual question answering (Antol et al. 2015).

    It is learned as a choice among classes. `question` names the modality that asks: the result then holds two
    controls, what the question alone is good for, and what becomes of it when everything else is swapped among the
    rows; an answer that stays as good was never looked up. `by` names a column with the kind of each question, by which
    accuracy is told apart.
    """

    answers = "classes"
    headline = "accuracy"

    def __init__(
        self,
        target: str,
        question: str | None = None,
        by: str | None = None,
        class_weight: Literal["none", "balanced"] = "none",
        weight: NonNegativeFloat = 1.0,
    ) -> None:
        self.target, self.question, self.by = target, question, by
        self.class_weight, self.weight = class_weight, weight
        self.choice = Multiclass(target, class_weight, weight)
        self.reader = self.choice.reader

    @property
    def speaks_of(self) -> dict[str, Sequence[str]]:
        """What it hides, which is nothing, and the modality that asks."""
        return super().speaks_of | {"question": [] if self.question is None else [self.question]}

    @property
    def columns(self) -> Sequence[str]:
        """The column with the kind of each question."""
        return [] if self.by is None else [self.by]

    @property
    def classes(self) -> Sequence[str]:
        """The answers in the order of the probabilities."""
        return self.choice.classes

    def head(self, views: int, width: int, combine: Combine) -> nn.Module:
        """A logit for each answer, starting from the frequencies of the training rows."""
        return self.choice.head(views, width, combine)

    def losses(self, outputs: Outputs, target: Tensor) -> Tensor:
        """(n,) cross-entropy."""
        return self.choice.losses(outputs, target)

    def decode(self, outputs: Outputs) -> Decoded:
        """A probability for each answer, and the most probable one."""
        return self.choice.decode(outputs)

    def truth(self, target: Tensor) -> np.ndarray:
        """Answers in the user's spelling."""
        return self.choice.truth(target)

    def metrics(self, decoded: Decoded, truth: np.ndarray) -> dict[str, float]:
        """Those of a multiclass task."""
        return self.choice.metrics(decoded, truth)
