"""Find what belongs to a query among everything that there is: a picture by its words, words by their sound."""

from collections.abc import Mapping, Sequence
from itertools import combinations, permutations
from typing import Annotated, Any

import numpy as np
import pandas as pd
import torch
from pydantic import Field, NonNegativeFloat, PositiveInt
from torch import Tensor

from polymodal.core import Combine, Refusal, Representation, Values
from polymodal.core.shapes import Outputs
from polymodal.data.base import Column, DataTable, Rows
from polymodal.data.kinds import parse_labels
from polymodal.data.plain import Plain
from polymodal.encoders.alignment import Alignment
from polymodal.tasks.base import Aspect, Decoded, Task, TaughtHead
from polymodal.tasks.info_nce import info_nce
from polymodal.tasks.metrics import ranking_scores
from polymodal.tasks.ranking import alike, ranks, without_copies
from polymodal.tasks.targets import TargetCells, collate_targets
from polymodal.tasks.temperature import Temperature

__all__ = ["IdentityColumn", "Retrieval"]


class Retrieval(Task):
    """Find the partner of a query, between any two of the modalities in `between`, both ways.

    Each modality is mapped to a vector of unit length, `space` numbers wide, from its own tokens alone; the rows of a
    batch are told apart by InfoNCE. Rows with the same value in the column `same` are right answers to each other
    (pictures of one thing); without it, each row is alone right for itself. Nothing needs to be labelled: rows that
    have two of the modalities teach and are judged.
    """

    reader: "IdentityColumn"
    answers = "ranks"
    headline = "mrr"
    aligns = True

    def __init__(
        self,
        between: Annotated[Sequence[str], Field(min_length=2)],
        same: str | None = None,
        space: PositiveInt = 128,
        weight: NonNegativeFloat = 1.0,
    ) -> None:
        self.between, self.same, self.space, self.weight = list(between), same, space, weight
        self.target = None
        self.reader = IdentityColumn(same)

    @property
    def speaks_of(self) -> dict[str, Sequence[str]]:
        """What it hides, which is nothing, and the modalities that it looks in."""
        return super().speaks_of | {"between": self.between}

    def head(self, views: int, width: int, combine: Combine) -> "RetrievalHead":
        """A map of each modality into the common space."""
        return RetrievalHead(self.between, width, self.space)

    def joined(self, outputs: Sequence[Tensor]) -> Tensor:
        """The vectors of several models side by side: likenesses add up."""
        parts = [each.unflatten(1, (len(self.between), -1)) for each in outputs]
        return torch.cat(parts, dim=2).flatten(1) / len(outputs) ** 0.5

    def decode(self, outputs: Outputs) -> Decoded:
        """Vectors (n, modalities, space) of unit length, in the order of `between`; zeros where a row has nothing."""
        return Decoded(outputs.float().unflatten(1, (len(self.between), -1)).cpu().numpy())

    def truth(self, target: Tensor) -> np.ndarray:
        """(n,) the number that a row shares with those that are right answers to it."""
        return target.cpu().numpy()

    def aspects(self, decoded: Decoded, truth: np.ndarray) -> list[Aspect]:
        """The ranks of right answers in each direction, over the rows that have both modalities.

        What several rows with one right answer share, a picture with eight names, is offered once.
        """
        there = np.abs(decoded.prediction).sum(axis=2) > 0
        found = []
        for one, other in permutations(range(len(self.between)), 2):
            rows = there[:, one] & there[:, other]
            queries, gallery, same = decoded.prediction[rows, one], decoded.prediction[rows, other], truth[rows]
            kept = without_copies(gallery, same)
            given = torch.from_numpy(queries), torch.from_numpy(gallery[kept])
            came = ranks(*given, alike(same, kept)) if rows.any() else np.zeros(0)
            name = f"{self.between[one]}_to_{self.between[other]}"
            found.append(Aspect(name, Decoded(np.asarray(came, dtype=np.float64)), np.zeros(int(rows.sum())), rows))
        return found

    def metrics(self, decoded: Decoded, truth: np.ndarray) -> dict[str, float]:
        """recall_at_1, recall_at_5, recall_at_10, median_rank, mrr of ranks (n,)."""
        return ranking_scores(decoded.prediction)


class RetrievalHead(TaughtHead):
    """Maps the modalities of a row into one space, and learns to tell rows apart in it."""

    def __init__(self, between: Sequence[str], width: int, space: int) -> None:
        super().__init__()
        self.between = list(between)
        self.alignment = Alignment(self.between, width, space)
        self.temperature = Temperature()

    def forward(self, representation: Representation) -> Outputs:
        """(batch, modalities · space); zeros where a row lacks a modality."""
        rows = len(representation.pooled)
        nothing = representation.pooled.new_zeros(rows, self.alignment.space)
        places = self.alignment(representation.unfused)
        return torch.cat([places.get(name, nothing) for name in self.between], dim=1)

    def teach(self, representation: Representation, target: Values) -> Tensor:
        """(n,) the mean loss of all pairs of modalities, for each row that has two of them beside another such row."""
        places, losses = self.alignment(representation.unfused), []
        taught = torch.zeros_like(target.present)
        for one, other in combinations([name for name in self.between if name in places], 2):
            both = representation.unfused[one].present & representation.unfused[other].present & target.present
            same = target.data["target"][target.index[both]]
            if len(same) and bool((same != same[0]).any()):
                positives = None if len(same.unique()) == len(same) else same
                losses.append(info_nce(places[one][both], places[other][both], self.temperature(), positives=positives))
                taught |= both
        if not losses:
            return representation.pooled.new_zeros(0)
        return torch.stack(losses).mean().expand(int(taught.sum()))


class IdentityColumn(Column[TargetCells]):
    """Which rows are right answers to each other: those with the same value in one column, or each row alone."""

    def __init__(self, same: str | None) -> None:
        self.same = same
        self.names = [] if same is None else [same]

    def fit(self, table: DataTable, rows: Rows) -> None:
        """Nothing is learned. Raises DataError where the table lacks the column."""
        if self.same is not None:
            table.column(self.same)

    def read(self, table: DataTable) -> TargetCells:
        """A number for each row; a row without a value stands alone."""
        numbers = np.arange(len(table), dtype=np.int64)
        if self.same is not None:
            labels = parse_labels(table.column(self.same), table.missing)
            codes = pd.factorize(np.array(labels, dtype=object))[0]
            numbers = np.where(codes < 0, len(table) + numbers, codes).astype(np.int64)
        return TargetCells(np.ones(len(table), dtype=bool), numbers)

    def collate(self, cells: TargetCells, rows: Rows) -> tuple[Values, list[Refusal]]:
        """The numbers of these rows under the name "target"."""
        return collate_targets(cells, rows), []

    def plain(self, cells: TargetCells, rows: Rows) -> list[Plain]:
        """Nothing: a target is never a feature."""
        return []

    def state(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Nothing to take over. Raises ValueError where there is something."""
        if state:
            raise ValueError(f"this column keeps no state, found {sorted(state)}")
