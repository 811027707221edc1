"""What a task must offer: a target column, a head, a loss for each sample, a way to decode, and metrics."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from polymodal.core import Combine, Representation
from polymodal.core.masking import keep, masked_mean, masked_softmax, masked_sum
from polymodal.core.shapes import Outputs
from polymodal.data.base import Column
from polymodal.tasks.metrics import AnswerKind

__all__ = ["Decoded", "Head", "Task"]


@dataclass(frozen=True)
class Decoded:
    """Predictions in the user's own terms.

    `prediction` (n,) holds labels or numbers ((n, classes) booleans for multilabel). `probabilities` (n, classes) is
    given where the task has classes, in the order of `classes`.
    """

    prediction: np.ndarray
    probabilities: np.ndarray | None = None
    classes: Sequence[str] = ()

    @property
    def chances(self) -> np.ndarray:
        """(n, classes) the probabilities; (n, 0) where the task has no classes."""
        return np.empty((len(self.prediction), 0)) if self.probabilities is None else self.probabilities


class Head(nn.Module):
    """A linear decision on each view, and one decision out of them all.

    `mean` averages the decisions of the views that are there, `learned` weighs them by a gate that each view sets for
    itself, `product` adds them up (a product of experts for logits: Hinton 2002), `single` expects one view. `prior`
    (outputs,) is the decision for a row of which nothing is known; every decision starts from it.
    """

    def __init__(self, views: int, width: int, prior: Tensor, combine: Combine, dropout: float = 0.0) -> None:
        super().__init__()
        self.combine = combine
        self.dropout = nn.Dropout(dropout)
        self.weight = nn.Parameter(torch.empty(views, width, len(prior)).normal_(std=0.1 * width**-0.5))
        self.prior = nn.Parameter(prior.clone().float())
        self.gate = nn.Parameter(torch.zeros(views, width)) if combine == "learned" else None

    def decisions(self, representation: Representation) -> Tensor:
        """(batch, views, outputs): what each view would add to the prior; zero where a view is absent."""
        pooled = self.dropout(keep(representation.pooled, representation.view_mask))
        return torch.einsum("bvw,vwo->bvo", pooled, self.weight)

    def forward(self, representation: Representation) -> Outputs:
        """(batch, outputs) from the views that are there."""
        decisions, mask = self.decisions(representation), representation.view_mask
        if self.gate is not None:
            logits = torch.einsum("bvw,vw->bv", keep(representation.pooled, mask), self.gate)
            decisions = decisions * masked_softmax(logits, mask).unsqueeze(-1)
        joined = masked_mean(decisions, mask) if self.combine == "mean" else masked_sum(decisions, mask)
        return self.prior + joined


class Task(ABC):
    """One kind of question.

    Every option of the constructor is kept under its own name. `target` is the column to predict and `reader` reads it;
    it is fitted on training rows before `head` is called. `headline` names the metric that a comparison is read by, and
    `higher_is_better` its direction. `answers` says of what kind its answers are, so that plain baselines and intervals
    can be made for it.
    """

    target: str
    reader: Column[Any]
    answers: ClassVar[AnswerKind]
    headline: ClassVar[str]
    higher_is_better: ClassVar[bool] = True
    needs_input_gradient: ClassVar[bool] = False
    weight: float
    hides: tuple[str, ...] = ()

    @property
    def classes(self) -> Sequence[str]:
        """The labels in the order of the probabilities; empty where numbers are predicted."""
        return ()

    @abstractmethod
    def head(self, views: int, width: int, combine: Combine) -> nn.Module:
        """A fresh head from a Representation to outputs (batch, outputs)."""

    @abstractmethod
    def losses(self, outputs: Outputs, target: Tensor) -> Tensor:
        """(n,) the loss of each sample, all of them labelled; `target` is the column's part "target"."""

    @abstractmethod
    def decode(self, outputs: Outputs) -> Decoded:
        """Outputs (n, outputs) in the user's own terms."""

    @abstractmethod
    def truth(self, target: Tensor) -> np.ndarray:
        """The part "target" in the user's own terms, comparable with `Decoded.prediction`."""

    @abstractmethod
    def metrics(self, decoded: Decoded, truth: np.ndarray) -> dict[str, float]:
        """Metrics by name; one that is undefined here (a single class, say) is left out."""
