"""What a model must not tell: a column that is no input and no task, and the layers at which it is kept out."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pandas as pd
import torch
from torch import Tensor

from polymodal.core import Batch, Representation, Values
from polymodal.core.masking import keep, masked_mean
from polymodal.data.base import Column, DataTable, Rows
from polymodal.data.kinds import infer_kind, parse_labels, parse_numbers
from polymodal.data.plain import Plain
from polymodal.tasks.targets import LabelColumn, NumberColumn, TargetCells, collate_targets

__all__ = ["Kind", "Layers", "NuisanceColumn", "layers_of", "nuisance_name"]

Kind = Literal["auto", "classes", "numbers"]
"""How a nuisance is read; "auto" takes numbers with many different values as numbers, and all else as classes."""

Layers = Literal["both", "pooled", "tokens"]
"""Where a nuisance is kept out: of what the heads read, of what each encoder hands to fusion, or of both."""

MOST_CLASSES = 20
"""Numbers with more different values are no classes; the same bound as in what is found in a table."""


class NuisanceColumn(Column[TargetCells]):
    """A column to be kept out: classes or numbers, settled on the training rows where `kind` is "auto".

    A label that no training row has teaches nothing, and is no fault of the row: speakers may well be held out.
    """

    def __init__(self, column: str, kind: Kind = "auto") -> None:
        self.names, self.column, self.kind = [column], column, kind
        self.inner: LabelColumn | NumberColumn = LabelColumn(column)

    @property
    def is_numbers(self) -> bool:
        """Whether it holds numbers; known after `fit`."""
        return isinstance(self.inner, NumberColumn)

    def fit(self, table: DataTable, rows: Rows) -> None:
        """Settle the kind, and learn the classes with their counts, or mean and spread."""
        series = table.column(self.column).iloc[rows]
        kind = self.kind
        if kind == "auto":
            labels = pd.Series(parse_labels(series, table.missing), dtype=object).dropna()
            many = labels.nunique() > MOST_CLASSES
            # Whole numbers of which none comes twice look like identifiers, and are numbers all the same.
            found, (_, bad) = infer_kind(series, table.missing), parse_numbers(series, missing=table.missing)
            kind = "numbers" if many and (found.name == "number" or not bad.any()) else "classes"
        self.inner = NumberColumn(self.column) if kind == "numbers" else LabelColumn(self.column)
        self.inner.fit(table, rows)

    def read(self, table: DataTable) -> TargetCells:
        """Class numbers, or numbers; what cannot be read as a number is refused."""
        cells = self.inner.read(table)
        return cells if self.is_numbers else TargetCells(cells.present, cells.values)

    def collate(self, cells: TargetCells, rows: Rows) -> tuple[Values, list[Any]]:
        """(n,) of these rows under the name "target"."""
        return collate_targets(cells, rows), []

    def plain(self, cells: TargetCells, rows: Rows) -> list[Plain]:
        """Nothing: it is never a feature."""
        return []

    def state(self) -> dict[str, Any]:
        """The kind, and what was learned."""
        return {"numbers": self.is_numbers, "inner": self.inner.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take both over."""
        self.inner = NumberColumn(self.column) if state["numbers"] else LabelColumn(self.column)
        self.inner.restore(state["inner"])

    def known(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """What a batch says of it: (batch,) class numbers, or numbers in units of their spread, and where it is known.

        Numbers stand in float32; what stands where it is not known is unused.
        """
        values = batch.targets[nuisance_name(self.column, self.kind)]
        target = values.part("target")
        if isinstance(self.inner, NumberColumn):
            target = ((target - self.inner.mean) / self.inner.spread).float()
        return target, values.present


def nuisance_name(column: str, kind: Kind) -> str:
    """The name under which a batch has a nuisance among its targets; no task can bear it, for it has a colon."""
    return f"{kind}: {column}"


def layers_of(
    representation: Representation, modalities: Sequence[str], where: Layers
) -> dict[str, tuple[Tensor, Tensor]]:
    """By layer, its vectors (batch, features) in float32 and (batch,) which rows have one.

    "pooled" are the views that the heads read, side by side with zeros where one is absent; "NAME" is the mean of the
    tokens that the encoder of that modality made, before any modality saw another.
    """
    found = {}
    if where != "tokens":
        mask = representation.view_mask
        found["pooled"] = keep(representation.pooled, mask).flatten(1).float(), mask.any(dim=1)
    if where != "pooled":
        for name in modalities:
            tokens = representation.unfused[name]
            found[f"tokens of {name}"] = masked_mean(tokens.values.float(), tokens.mask), tokens.present
    return {name: part for name, part in found.items() if bool(torch.any(part[1]))}
