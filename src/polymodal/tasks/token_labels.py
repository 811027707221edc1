"""Which class each token of a modality is of: the layer of every spot of a section, the fold of every residue."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import NonNegativeFloat
from torch import Tensor

from polymodal.core import Combine, DataError
from polymodal.tasks.base import Decoded, Task
from polymodal.tasks.by_token import Content, TokenColumn, TokenHead, per_token
from polymodal.tasks.metrics import token_scores
from polymodal.tasks.targets import balanced_weights

__all__ = ["Labels", "TokenLabels"]

NOBODY, BEHIND = -1, -2
"""What stands for a token without a label, and behind the last token."""


class TokenLabels(Task):
    """A class for each token of the modality `of`, which gives a token for each spot (or residue) it holds.

    A cell of `target` is a list of labels, one for each token in the order of the file, null where one has none; or
    the same as text, parted by `separator` (with "" each sign is a label), nothing between two of them where one has
    none. A list of another length than the modality has tokens in that row is refused. `mask` may name a column of
    lists of 0 and 1, as long as the labels: those beside a 0 are not known. Learned by cross-entropy, its mean over the
    labelled tokens of a row; `class_weight="balanced"` weighs classes as if all were equally frequent.
    """

    reader: "TokenColumn[Labels]"
    answers = "tokens"
    headline = "token_accuracy"

    def __init__(
        self,
        target: str,
        of: str,
        separator: str = ";",
        mask: str | None = None,
        class_weight: Literal["none", "balanced"] = "none",
        hides: Sequence[str] = (),
        weight: NonNegativeFloat = 1.0,
    ) -> None:
        self.target, self.of, self.separator, self.mask = target, of, separator, mask
        self.class_weight, self.hides, self.weight = class_weight, list(hides), weight
        self.reader = TokenColumn(target, of, separator, mask, Labels())

    @property
    def classes(self) -> Sequence[str]:
        """The labels in the order of the outputs."""
        return self.reader.content.classes

    @property
    def speaks_of(self) -> dict[str, Sequence[str]]:
        """The modality whose tokens are told apart, and those that are hidden."""
        return {"of": [self.of], "hides": self.hides}

    def head(self, views: int, width: int, combine: Combine) -> TokenHead:
        """A linear decision on each token, starting from the frequencies of the training tokens."""
        content = self.reader.content
        counts = torch.tensor(content.counts, dtype=torch.float64) + 1
        even = self.class_weight == "balanced"
        prior = torch.zeros(len(counts)) if even else (counts.log() - counts.log().mean()).float()
        return TokenHead(self.of, width, prior, self._losses, content)

    def _losses(self, logits: Tensor, codes: Tensor) -> Tensor:
        losses = F.cross_entropy(logits, codes, reduction="none")
        if self.class_weight == "balanced":
            return losses * balanced_weights(self.reader.content.counts, losses)[codes]
        return losses

    def decode(self, outputs: Tensor) -> Decoded:
        """(n,) lists of labels, one for each token; an empty one where the modality is absent."""
        told, there = per_token(outputs, len(self.classes))
        best = told.argmax(dim=-1)
        return Decoded(self._named(torch.where(there, best, BEHIND)), classes=self.classes)

    def truth(self, target: Tensor) -> np.ndarray:
        """(n,) lists of labels, None for a token without one."""
        return self._named(target)

    def metrics(self, decoded: Decoded, truth: np.ndarray) -> dict[str, float]:
        """token_accuracy, balanced_accuracy and macro_f1 over all labelled tokens of all rows."""
        return token_scores(truth, decoded.prediction, self.classes)

    def _named(self, codes: Tensor) -> np.ndarray:
        names = [*self.classes, None]  # the last is found at -1
        made = np.empty(len(codes), dtype=object)
        for row, each in enumerate(codes.long().cpu().tolist()):
            made[row] = [names[code] for code in each if code != BEHIND]
        return made


class Labels(Content):
    """A class for each token, numbered by letter; knows how many training tokens each class has."""

    things: ClassVar[str] = "labels"
    unknown, behind, dtype = NOBODY, BEHIND, np.int64

    def __init__(self) -> None:
        self.classes: list[str] = []
        self.counts: list[int] = []

    def parsed(self, pieces: Sequence[object], marks: set[str]) -> np.ndarray:
        """(tokens,) labels as text, None where there is none."""
        told = [_label(piece) for piece in pieces]
        made = np.empty(len(told), dtype=object)
        made[:] = [None if label in marks else label for label in told]
        return made

    def learn(self, lists: Sequence[np.ndarray], where: str, separator: str) -> None:
        """The labels, and how many tokens have each.

        Raises DataError where the training rows have fewer than two labels, or no list of more than one.
        """
        labels = [label for each in lists for label in each if label is not None]
        seen, counts = np.unique(np.array(labels, dtype=str), return_counts=True)
        if len(seen) < 2 or max(map(len, lists), default=0) < 2:
            raise DataError(
                "no-token-labels",
                where=where,
                expected=f'lists of labels, or texts parted by "{separator}", of two classes at least',
                found=f"{len(seen)} classes in {len(lists)} training rows, {max(map(len, lists), default=0)} a row",
                remedy="check the column and the separator; a label for the whole row is a task of type multiclass",
            )
        self.classes, self.counts = seen.tolist(), counts.tolist()

    def coded(self, parsed: np.ndarray) -> tuple[np.ndarray, list[str]]:
        """Class numbers; a label that training never saw is told, and its token is unlabelled."""
        place: dict[str | None, int] = {name: number for number, name in enumerate(self.classes)}
        codes = np.array([place.get(label, NOBODY) for label in parsed], dtype=np.int16)
        strange = sorted({label for label in parsed if label is not None and label not in place})
        return codes, [f'label "{label}" does not occur in training' for label in strange]

    def state(self) -> dict[str, Any]:
        """Labels, and how many training tokens have each."""
        return {"classes": self.classes, "counts": self.counts}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take them over."""
        self.classes, self.counts = list(state["classes"]), list(state["counts"])


def _label(piece: object) -> str | None:
    if piece is None or (isinstance(piece, float) and np.isnan(piece)):
        return None
    if isinstance(piece, str | int | float | np.integer | np.floating | np.str_):
        return str(piece).strip()
    raise TypeError
