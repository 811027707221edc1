"""What was predicted beside what is true, whatever is asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from scipy import sparse

from polymodal.tasks.hazards import Curves, integrated_errors
from polymodal.tasks.pooled import RowSums, label_tables, row_sums
from polymodal.tasks.writing import edit_counts

__all__ = ["AnswerKind", "Answers"]

AnswerKind = Literal[
    "classes",
    "ordered",
    "labels",
    "numbers",
    "counts",
    "times",
    "ranks",
    "texts",
    "spelled",
    "members",
    "tokens",
    "token_numbers",
    "pixels",
    "depths",
    "boxes",
]
"""One label · one label of an order · several labels at once · a number · how many · how soon something happens · the
rank of what was looked for · a text · a text sign by sign · one of many alike questions, which the truth names
beside its answer (`OF_MEMBER`) · a label for each token · a number for each token · a label
for each pixel · a distance for each pixel · boxes around things."""


@dataclass(frozen=True)
class Answers:
    """What was predicted beside what is true, for the labelled rows of one task.

    Truth and prediction are (n,) labels or numbers, or (n, classes) booleans where `kind` is "labels". `probabilities`
    (n, classes) go with all but numbers. Where `kind` is "times" the truth is (n,) `OUTCOME`, the prediction (n,) a
    risk, larger where the event comes sooner, and `curves` may tell how likely it has not happened yet. Of "pixels" the
    truth is (n, classes) how many there are, and the prediction (n, classes, classes) for which of them they are taken;
    of "depths" the truth is (n,) how many are known, and the prediction (n, 3) sums over them; of "boxes" the truth is
    (n, classes) how many there are, and the prediction (n,) what `boxes.matched` makes of those that were told.
    """

    kind: AnswerKind
    truth: np.ndarray
    prediction: np.ndarray
    probabilities: np.ndarray | None = None
    classes: Sequence[str] = ()
    curves: Curves | None = None

    def __len__(self) -> int:
        return len(self.truth)

    @cached_property
    def numbered(self) -> tuple[np.ndarray, np.ndarray]:
        """Truth and prediction as places in `classes`, (n,) each; -1 for a label that is not among them."""
        return _numbers(self.truth, self.classes), _numbers(self.prediction, self.classes)

    def take(self, rows: np.ndarray) -> "Answers":
        """The same for some of the rows."""
        probabilities = None if self.probabilities is None else self.probabilities[rows]
        curves = None if self.curves is None else self.curves.take(rows)
        return Answers(self.kind, self.truth[rows], self.prediction[rows], probabilities, self.classes, curves)

    @cached_property
    def curve_errors(self) -> np.ndarray | None:
        """(n,) the error of each row's curve; None without curves."""
        return None if self.curves is None else integrated_errors(self.truth, self.curves)

    @cached_property
    def label_tables(self) -> sparse.csr_matrix:
        """True by told labels of each row's tokens."""
        return label_tables(self.truth, self.prediction, self.classes)

    @cached_property
    def edits(self) -> np.ndarray:
        """Edits and lengths of each row's text."""
        return edit_counts(list(self.prediction), list(self.truth))

    @cached_property
    def row_sums(self) -> RowSums:
        """Sums over the numbers of each row's tokens."""
        return row_sums(self.truth, self.prediction)


def _numbers(labels: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    places: Mapping[str, int] = {name: place for place, name in enumerate(classes)}
    return np.array([places.get(label, -1) for label in labels], dtype=np.int64)
