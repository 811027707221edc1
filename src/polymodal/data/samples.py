"""Samples: cells of every modality and target side by side, handed out as batches."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch

from polymodal.core import Batch, Refusal, Values
from polymodal.data.base import Cells, Column, DataTable, Rows

__all__ = ["Samples"]


@dataclass(frozen=True)
class Samples:
    """Everything that was read of one table, ready to be cut into batches.

    `inputs` and `targets` map a name to its fitted column and the cells it read. Nothing is copied by row: a batch is
    made when it is asked for. `blocks` (rows,) numbers rows that training draws together; None draws each by itself.
    `times` (rows,) is how often an epoch of training comes by a row; None is once.
    """

    inputs: Mapping[str, tuple[Column[Cells], Cells]]
    targets: Mapping[str, tuple[Column[Cells], Cells]]
    count: int
    blocks: np.ndarray | None = field(default=None, kw_only=True)
    times: np.ndarray | None = field(default=None, kw_only=True)

    @classmethod
    def read(
        cls, table: DataTable, inputs: Mapping[str, Column[Cells]], targets: Mapping[str, Column[Cells]]
    ) -> "Samples":
        """Read a table with columns that are fitted already."""
        seen = {name: (column, column.read(table)) for name, column in inputs.items()}
        asked = {name: (column, column.beside(column.read(table), seen)) for name, column in targets.items()}
        return cls(seen, asked, len(table))

    def __len__(self) -> int:
        return self.count

    def batch(self, rows: Rows) -> Batch:
        """The given rows as a batch; what had to be refused while files were opened travels with it."""
        refusals: list[Refusal] = []
        parts: list[dict[str, Values]] = []
        for group in (self.inputs, self.targets):
            made: dict[str, Values] = {}
            for name, (column, cells) in group.items():
                made[name], refused = column.collate(cells, rows)
                refusals += refused
            parts.append(made)
        return Batch(parts[0], parts[1], torch.from_numpy(np.asarray(rows, dtype=np.int64)), tuple(refusals))

    def present(self) -> dict[str, np.ndarray]:
        """Per modality, (rows,) True where the row has a value."""
        return {name: cells.present for name, (_, cells) in self.inputs.items()}

    def refusals(self) -> list[Refusal]:
        """Every value that was refused while the table was read."""
        pairs = [*self.inputs.values(), *self.targets.values()]
        return [refusal for _, cells in pairs for refusal in cells.refusals]
