"""Learn a space in which rows of one kind lie together: for search, for clusters, for kinds never seen."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field, NonNegativeFloat, PositiveInt
from torch import Tensor, nn

from polymodal.core import Combine, DataError, Refusal, Representation, Values
from polymodal.core.masking import keep, masked_mean
from polymodal.core.shapes import Outputs
from polymodal.data.base import Column, DataTable, Rows
from polymodal.data.kinds import parse_labels
from polymodal.data.plain import Plain
from polymodal.tasks.base import Aspect, Decoded, Task, TaughtHead
from polymodal.tasks.metrics import ranking_scores
from polymodal.tasks.ranking import alike, ranks
from polymodal.tasks.targets import LabelColumn, TargetCells, collate_targets
from polymodal.tasks.temperature import Temperature

__all__ = ["Embedding", "KindColumn", "supervised_contrast"]


class Embedding(Task):
    """Map each row to a vector of unit length, `space` numbers wide, near to those of rows with the same `target`.

    Learned by the supervised contrast of Khosla et al. (2020, eq. 2) over the rows of a batch, so that batches have to
    hold several rows of a kind. A row is judged by how early another row of its kind comes when all other rows are
    sorted by likeness; rows of kinds that training never saw are judged, too. `temperature` is where the learned one
    starts.
    """

    reader: "KindColumn"
    answers = "ranks"
    headline = "recall_at_1"

    def __init__(
        self,
        target: str,
        space: PositiveInt = 64,
        temperature: Annotated[float, Field(gt=0.01, le=1)] = 0.1,
        weight: NonNegativeFloat = 1.0,
    ) -> None:
        self.target, self.space, self.temperature, self.weight = target, space, temperature, weight
        self.reader = KindColumn(target)

    @property
    def compares(self) -> bool:
        """Rows are told apart by the rows beside them."""
        return True

    def head(self, views: int, width: int, combine: Combine) -> "EmbeddingHead":
        """A linear map of the mean of the views."""
        return EmbeddingHead(width, self.space, self.temperature)

    def joined(self, outputs: Sequence[Tensor]) -> Tensor:
        """The vectors of several models side by side: likenesses are averaged."""
        return torch.cat(list(outputs), dim=1) / len(outputs) ** 0.5

    def decode(self, outputs: Outputs) -> Decoded:
        """Vectors (n, space) of unit length; zeros where nothing is known of a row."""
        return Decoded(outputs.float().cpu().numpy())

    def truth(self, target: Tensor) -> np.ndarray:
        """(n,) the number of each row's kind."""
        return target.cpu().numpy()

    def aspects(self, decoded: Decoded, truth: np.ndarray) -> list[Aspect]:
        """The rank of the best other row of its kind, for each row that has one among those that can be found."""
        there = np.abs(decoded.prediction).sum(axis=1) > 0
        kinds, counts = np.unique(truth[there], return_counts=True)
        rows = there & np.isin(truth, kinds[counts > 1])
        came = np.zeros(0)
        if rows.any():
            kin = [[other for other in own if other != row] for row, own in enumerate(alike(truth[rows]))]
            vectors = decoded.prediction.astype(np.float64)
            # Rows without kin can be found, too; each row is the likest to itself, and gives that place back.
            gallery = np.concatenate([vectors[rows], vectors[there & ~rows]])
            came = np.maximum(ranks(vectors[rows], gallery, kin) - 1, 1.0)
        return [Aspect("", Decoded(came), np.zeros(int(rows.sum())), rows)]

    def metrics(self, decoded: Decoded, truth: np.ndarray) -> dict[str, float]:
        """recall_at_1, recall_at_5, recall_at_10, median_rank, mrr of ranks (n,)."""
        return ranking_scores(decoded.prediction)


class EmbeddingHead(TaughtHead):
    """Views to one vector of unit length, and how sharply near and far are told apart."""

    def __init__(self, width: int, space: int, temperature: float) -> None:
        super().__init__()
        self.map = nn.Linear(width, space)
        self.temperature = Temperature(temperature)

    def forward(self, representation: Representation) -> Outputs:
        """(batch, space); zeros for a row without any view."""
        mask = representation.view_mask
        pooled = masked_mean(keep(representation.pooled, mask), mask)
        return keep(F.normalize(self.map(pooled), dim=1), mask.any(dim=1))

    def teach(self, representation: Representation, target: Values) -> Tensor:
        """(n,) the loss of each labelled row that has another one of its kind beside it."""
        rows = target.present & representation.view_mask.any(dim=1)
        kinds = target.data["target"][target.index[rows]]
        return supervised_contrast(self(representation)[rows], kinds, self.temperature())


def supervised_contrast(places: Tensor, kinds: Tensor, log_scale: Tensor) -> Tensor:
    """The supervised contrastive loss with the mean outside (Khosla et al. 2020, eq. 2), of rows that have kin.

    places (rows, space) of unit length, kinds (rows,), log_scale () the logarithm of the inverse temperature → (those
    with kin,).
    """
    kin = kinds.unsqueeze(1) == kinds
    kin.fill_diagonal_(False)
    alone = torch.eye(len(kinds), dtype=torch.bool, device=kinds.device)
    logits = (places @ places.T * log_scale.exp()).masked_fill(alone, -torch.inf)
    surprise = logits.logsumexp(dim=1, keepdim=True) - logits.masked_fill(alone, 0.0)
    taught = kin.any(dim=1)
    return masked_mean(surprise[taught].unsqueeze(-1), kin[taught]).squeeze(-1)


class KindColumn(Column[TargetCells]):
    """Labels as numbers; one that training never saw gets a number of its own, since new kinds can be told, too."""

    def __init__(self, target: str) -> None:
        self.names, self.target, self.labels = [target], target, LabelColumn(target)

    def fit(self, table: DataTable, rows: Rows) -> None:
        """Learn the kinds. Raises DataError where no kind comes twice: then nothing can be near to its kin."""
        self.labels.fit(table, rows)
        if max(self.labels.counts) < 2:
            raise DataError(
                "no-kin",
                where=f'{table.source}, column "{self.target}"',
                expected="two training rows of a kind at least",
                found=f"{len(self.labels.classes):,} kinds, one row of each",
                remedy="name a column whose values come several times",
            )

    def read(self, table: DataTable) -> TargetCells:
        """Numbers of kinds, those of training first."""
        labels = parse_labels(table.column(self.target), table.missing)
        known = {name: place for place, name in enumerate(self.labels.classes)}
        numbers = [-1 if label is None else known.setdefault(label, len(known)) for label in labels]
        values = np.array(numbers, dtype=np.int64)
        return TargetCells(values >= 0, np.maximum(values, 0))

    def collate(self, cells: TargetCells, rows: Rows) -> tuple[Values, list[Refusal]]:
        """Numbers of kinds (n,) under the name "target"."""
        return collate_targets(cells, rows), []

    def plain(self, cells: TargetCells, rows: Rows) -> list[Plain]:
        """Nothing: a target is never a feature."""
        return []

    def state(self) -> dict[str, Any]:
        """The kinds of the training rows."""
        return self.labels.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take them over."""
        self.labels.restore(state)
