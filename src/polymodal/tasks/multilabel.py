"""Which of several, any number of them at once."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field, NonNegativeFloat
from torch import Tensor, nn

from polymodal.core import Combine, DataError, Refusal, Values
from polymodal.core.masking import masked_mean
from polymodal.core.shapes import Outputs
from polymodal.data.base import Column, DataTable, Rows
from polymodal.data.kinds import absent
from polymodal.data.plain import Plain
from polymodal.tasks import metrics as measures
from polymodal.tasks.base import Decoded, Head, Task
from polymodal.tasks.targets import TargetCells, collate_targets

__all__ = ["Multilabel", "TagsColumn"]


class Multilabel(Task):
    """Which of several labels apply, each answered on its own with a probability.

    `target` is one column in which labels stand side by side, parted by `separator`. An empty cell is unlabelled; a
    cell that holds only the separator says that no label applies.
    """

    reader: "TagsColumn"
    answers = "labels"
    headline = "auroc"

    def __init__(
        self, target: str, separator: Annotated[str, Field(min_length=1)] = ";", weight: NonNegativeFloat = 1.0
    ) -> None:
        self.target, self.separator, self.weight = target, separator, weight
        self.reader = TagsColumn(target, separator)

    @property
    def classes(self) -> Sequence[str]:
        """The labels in the order of the probabilities."""
        return self.reader.classes

    def head(self, views: int, width: int, combine: Combine) -> nn.Module:
        """A logit for each label, starting from its log-odds among the training rows."""
        share = torch.tensor(self.reader.shares, dtype=torch.float64)
        return Head(views, width, torch.logit(share).float(), combine)

    def losses(self, outputs: Outputs, target: Tensor) -> Tensor:
        """(n,) logistic loss, averaged over the labels."""
        loss = F.binary_cross_entropy_with_logits(outputs, target.to(outputs.dtype), reduction="none")
        return masked_mean(loss, torch.ones_like(loss, dtype=torch.bool))

    def decode(self, outputs: Outputs) -> Decoded:
        """A probability for each label; a label applies where it is above one half."""
        probabilities = torch.sigmoid(outputs.double()).cpu().numpy()
        return Decoded(probabilities > 0.5, probabilities, self.classes)

    def truth(self, target: Tensor) -> np.ndarray:
        """(n, labels) True where a label applies."""
        return target.cpu().numpy().astype(bool)

    def metrics(self, decoded: Decoded, truth: np.ndarray) -> dict[str, float]:
        """Means over the labels of auroc, auprc and f1, and what the metrics module says besides."""
        return measures.multilabel(truth, decoded.chances)


class TagsColumn(Column[TargetCells]):
    """Labels that stand side by side in one cell."""

    def __init__(self, target: str, separator: str) -> None:
        self.names, self.target, self.separator = [target], target, separator
        self.classes: list[str] = []
        self.shares: list[float] = []

    def fit(self, table: DataTable, rows: Rows) -> None:
        """Learn the labels and how often each applies."""
        cells = [tags for tags in self._tags(table.take(rows)) if tags is not None]
        self.classes = sorted(set().union(*cells)) if cells else []
        if not self.classes:
            raise DataError(
                "one-class",
                where=f'{table.source}, column "{self.target}"',
                expected=f'labels parted by "{self.separator}" among the training rows',
                found="none",
                remedy="check the column and the separator",
            )
        held = np.array([[name in tags for name in self.classes] for tags in cells])
        self.shares = ((held.sum(axis=0) + 0.5) / (len(held) + 1)).tolist()

    def read(self, table: DataTable) -> TargetCells:
        """(rows, labels) booleans; a label that training never saw is refused, the others of that row stay."""
        place = {name: number for number, name in enumerate(self.classes)}
        cells = self._tags(table)
        held = np.zeros((len(cells), len(place)), dtype=bool)
        refusals = []
        for row, tags in enumerate(cells):
            known = [place[tag] for tag in tags or () if tag in place]
            held[row, known] = True
            strange = sorted(set(tags or ()) - set(place))
            refusals += [Refusal(row, self.target, f'label "{tag}" does not occur in training') for tag in strange]
        return TargetCells(np.array([tags is not None for tags in cells]), held, refusals=refusals)

    def collate(self, cells: TargetCells, rows: Rows) -> tuple[Values, list[Refusal]]:
        """Targets (n, labels) of these rows under the name "target"."""
        return collate_targets(cells, rows), []

    def plain(self, cells: TargetCells, rows: Rows) -> list[Plain]:
        """Nothing: a target is never a feature."""
        return []

    def state(self) -> dict[str, Any]:
        """Labels and their shares among the training rows."""
        return {"classes": self.classes, "shares": self.shares}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take labels and shares over."""
        self.classes, self.shares = list(state["classes"]), list(state["shares"])

    def _tags(self, table: DataTable) -> list[set[str] | None]:
        series = table.column(self.target)
        nothing = absent(series, table.missing)
        return [
            None if empty else {tag.strip() for tag in str(cell).split(self.separator)} - {""}
            for cell, empty in zip(series, nothing, strict=True)
        ]
