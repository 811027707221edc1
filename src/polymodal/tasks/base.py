"""What a task must offer: a target column, a head, a loss for each sample, a way to decode, and metrics."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from polymodal.core import Combine, Representation, Values
from polymodal.core.masking import keep, masked_mean, masked_softmax, masked_sum
from polymodal.core.shapes import Outputs
from polymodal.data.base import Column
from polymodal.encoders.dropout import Dropout
from polymodal.tasks.hazards import Curves
from polymodal.tasks.metrics import AnswerKind

__all__ = ["Aspect", "Decoded", "Head", "Task", "TaughtHead"]


@dataclass(frozen=True)
class Decoded:
    """Predictions in the user's own terms.

    `prediction` (n,) holds labels or numbers ((n, classes) booleans for multilabel). `probabilities` (n, classes) is
    given where the task has classes, in the order of `classes`; `curves` where it tells of chances over time.
    """

    prediction: np.ndarray
    probabilities: np.ndarray | None = None
    classes: Sequence[str] = ()
    curves: Curves | None = None

    @property
    def chances(self) -> np.ndarray:
        """(n, classes) the probabilities; (n, 0) where the task has no classes."""
        return np.empty((len(self.prediction), 0)) if self.probabilities is None else self.probabilities


@dataclass(frozen=True)
class Aspect:
    """A part of a task that is judged on its own; `rows` (n,) tells which of the labelled rows it is about.

    `groups` names what is drawn again together for intervals, where that is not the groups of the table. `more` is told
    beside the metrics, as JSON data.
    """

    name: str
    decoded: Decoded
    truth: np.ndarray
    rows: np.ndarray
    groups: np.ndarray | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


class Head(nn.Module):
    """A linear decision on each view, and one decision out of them all.

    `mean` averages the decisions of the views that are there, `learned` weighs them by a gate that each view sets for
    itself, `product` adds them up (a product of experts for logits: Hinton 2002), `single` expects one view. `prior`
    (outputs,) is the decision for a row of which nothing is known; every decision starts from it.
    """

    def __init__(self, views: int, width: int, prior: Tensor, combine: Combine, dropout: float = 0.0) -> None:
        super().__init__()
        self.combine = combine
        self.dropout = Dropout(dropout)
        self.weight = nn.Parameter(torch.empty(views, width, len(prior)).normal_(std=0.1 * width**-0.5))
        self.prior = nn.Parameter(prior.clone().float())
        self.gate = nn.Parameter(torch.zeros(views, width)) if combine == "learned" else None

    def decisions(self, representation: Representation) -> Tensor:
        """(batch, views, outputs): what each view would add to the prior; zero where a view is absent."""
        pooled = self.dropout(keep(representation.pooled, representation.view_mask))
        return torch.einsum("bvw,vwo->bvo", pooled, self.weight)

    def forward(self, representation: Representation) -> Outputs:
        """(batch, outputs) from the views that are there."""
        return self.prior + self.joined(self.decisions(representation), representation, self.combine, self.gate)

    @staticmethod
    def joined(decisions: Tensor, representation: Representation, combine: Combine, gate: Tensor | None) -> Tensor:
        """(batch, outputs) one decision out of those on each view (batch, views, outputs); `gate` (views, width)."""
        mask = representation.view_mask
        if gate is not None:
            logits = torch.einsum("bvw,vw->bv", keep(representation.pooled, mask), gate)
            decisions = decisions * masked_softmax(logits, mask).unsqueeze(-1)
        return masked_mean(decisions, mask) if combine == "mean" else masked_sum(decisions, mask)


class TaughtHead(nn.Module, ABC):
    """A head whose answer is made in another way than it is learned: what is written, drawn or found, and not decided.

    `forward` gives outputs (batch, outputs) as any head does; training does not call it, but `teach`, or `teach_parts`
    where the task has parts.
    """

    @abstractmethod
    def teach(self, representation: Representation, target: Values) -> Tensor:
        """(n,) the losses of the rows that can be learned from, each of them labelled, in the order of the rows."""

    def teach_parts(self, representation: Representation, target: Values) -> Mapping[str, Tensor]:
        """The same for each part of the task, (n,) over the rows of which that part is known.

        Raises TypeError for a task without parts.
        """
        raise TypeError(f"{type(self).__name__} learns by one loss")


class Task(ABC):
    """One kind of question.

    Every option of the constructor is kept under its own name. `target` is the column to predict, None where the
    modalities themselves are the answer; `reader` reads it and is fitted on training rows before `head` is called.
    `headline` names the metric that a comparison is read by, and `higher_is_better` its direction. `answers` says of
    what kind its answers are, so that plain baselines and intervals can be made for it. `hides` names modalities that
    the head must not see. `aligns` says that the head tells the rows of a batch apart by tokens that saw no other
    modality, and so needs whole pairs and large batches. `ensembles` is False where the answers of several models
    cannot be brought together. `follows` names a modality with whose pictures the target moves (`moved`). `at_once` is
    how many rows are answered at a time. `needs_input_gradient` says that the head differentiates its answer by the
    values of the modalities in `differentiates`, of which it is then given `Representation.inputs`.
    """

    target: str | None
    reader: Column[Any]
    answers: ClassVar[AnswerKind]
    headline: ClassVar[str]
    higher_is_better: ClassVar[bool] = True
    needs_input_gradient: ClassVar[bool] = False
    aligns: ClassVar[bool] = False
    ensembles: ClassVar[bool] = True
    weight: float
    hides: Sequence[str] = ()
    follows: str | None = None
    at_once: ClassVar[int] = 512

    @property
    def classes(self) -> Sequence[str]:
        """The labels in the order of the probabilities; empty where numbers are predicted."""
        return ()

    @property
    def targets(self) -> Sequence[str]:
        """The columns that hold the answer, none of which may be seen."""
        return [] if self.target is None else [self.target]

    @property
    def parts(self) -> Sequence[str]:
        """Names of the losses that are balanced apart, as those of tasks are; none where the task has one loss."""
        return ()

    @property
    def differentiates(self) -> Sequence[str]:
        """The modalities at whose values the head takes a gradient: none, unless `needs_input_gradient`."""
        return ()

    @property
    def compares(self) -> bool:
        """Whether the loss of a row speaks of the rows beside it, and so needs many of them at a time."""
        return False

    @property
    def times(self) -> np.ndarray:
        """(times,) the times that curves are told at; none where the task tells of no chances over time."""
        return np.zeros(0)

    @property
    def speaks_of(self) -> dict[str, Sequence[str]]:
        """The options that name modalities, each with the names that it was given."""
        return {"hides": self.hides}

    @property
    def columns(self) -> Sequence[str]:
        """Columns of the table, besides those that the reader reads, that options name."""
        return ()

    @property
    def needs(self) -> Sequence[str]:
        """Modalities of which a row must have at least one to be answered; none where any row is.

        Unless a task says otherwise, the one whose tokens or pixels it is told of.
        """
        return list(self.speaks_of.get("of", ()))

    @abstractmethod
    def head(self, views: int, width: int, combine: Combine) -> nn.Module:
        """A fresh head from a Representation to outputs (batch, outputs)."""

    def losses(self, outputs: Outputs, target: Tensor) -> Tensor:
        """(n,) the loss of each sample, all of them labelled; `target` is the column's part "target".

        None at all where a task that compares rows finds nothing to compare.

        Raises TypeError for a task whose head is taught.
        """
        raise TypeError(f"{type(self).__name__} learns by what its head is taught, not from outputs")

    def moved(self, target: Tensor, moves: Tensor) -> Tensor:
        """Targets (n, …) after their pictures were moved, by `data.augmentation.drawn_moves` (n, 2, 3)."""
        return target

    def settle(self, outputs: Outputs, target: Tensor) -> None:
        """Learn what can only be learned of a finished model, from its outputs for the labelled training rows."""
        return

    @abstractmethod
    def decode(self, outputs: Outputs) -> Decoded:
        """Outputs (n, outputs) in the user's own terms."""

    @abstractmethod
    def truth(self, target: Tensor) -> np.ndarray:
        """The part "target" in the user's own terms, comparable with `Decoded.prediction`."""

    @abstractmethod
    def metrics(self, decoded: Decoded, truth: np.ndarray) -> dict[str, float]:
        """Metrics by name; one that is undefined here (a single class, say) is left out."""

    def joined(self, outputs: Sequence[Tensor]) -> Tensor:
        """Outputs (n, outputs) of several models as those of one: their mean, unless a task knows better."""
        return outputs[0] if len(outputs) == 1 else torch.stack(list(outputs)).mean(dim=0)

    def aspects(self, decoded: Decoded, truth: np.ndarray) -> list["Aspect"]:
        """What is judged apart: one thing without a name, unless a task knows better."""
        return [Aspect("", decoded, truth, np.ones(len(truth), dtype=bool))]
