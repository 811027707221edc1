"""The smallest modality and the smallest task that keep every promise; they need no data and no download."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Generator, Tensor, nn

from polymodal.core import Combine, DataError, Grid, Refusal, Tokens, Values
from polymodal.core.masking import keep
from polymodal.core.seeding import numpy_generator
from polymodal.core.shapes import Outputs
from polymodal.data.base import Cells, Column, DataTable, Rows
from polymodal.data.plain import Plain, plain_numbers
from polymodal.modalities.base import Budget, Content, Modality, Parts
from polymodal.tasks.base import Decoded, Head, Task

__all__ = ["FakeColumn", "FakeModality", "FakeTask"]


@dataclass(frozen=True)
class FakeCells(Cells):
    """`numbers` (rows, columns); what stands where `present` is False is unused."""

    numbers: np.ndarray


class FakeColumn(Column[FakeCells]):
    """Numbers in several columns; a row that lacks one lacks them all. Learns their means.

    The part is called "numbers" and is (n, columns); the one column of a target is called "target" and is (n,).
    """

    def __init__(self, columns: Sequence[str], target: bool = False) -> None:
        self.names = self.columns = list(columns)
        self.target = target
        self.means = [0.0] * len(self.columns)

    def fit(self, table: DataTable, rows: Rows) -> None:
        """Learn the mean of each column. Raises DataError where no row has all the numbers."""
        cells = self._parse(table.take(rows))
        if not cells.present.any():
            raise DataError(
                "no-numbers", where=table.source, expected="numbers", found="none", remedy="give other columns"
            )
        self.means = cells.numbers[cells.present].mean(axis=0).tolist()

    def read(self, table: DataTable) -> FakeCells:
        """Parse the numbers and take the means off."""
        cells = self._parse(table)
        return FakeCells(cells.present, np.where(cells.present[:, None], cells.numbers - np.array(self.means), 0.0))

    def collate(self, cells: FakeCells, rows: Rows) -> tuple[Values, list[Refusal]]:
        """One entry for each row that has the numbers."""
        present = cells.present[rows]
        index = np.where(present, np.cumsum(present) - 1, -1)
        numbers = torch.from_numpy(cells.numbers[rows[present]].astype(np.float32))
        data = {"target": numbers[:, 0]} if self.target else {"numbers": numbers}
        return Values(data, torch.from_numpy(index)), []

    def lengths(self, cells: FakeCells, rows: Rows) -> np.ndarray:
        """A token for each number."""
        return np.where(cells.present[rows], len(self.columns), -1)

    def state(self) -> dict[str, Any]:
        """The means."""
        return {"means": self.means}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take the means over."""
        self.means = list(state["means"])

    def plain(self, cells: FakeCells, rows: Rows) -> list[Plain]:
        """The numbers themselves; a target is never a feature."""
        if self.target:
            return []
        return [plain_numbers(np.where(cells.present[rows, None], cells.numbers[rows], np.nan))]

    def _parse(self, table: DataTable) -> FakeCells:
        columns = [pd.to_numeric(table.column(name), errors="coerce") for name in self.columns]
        numbers = np.stack([column.to_numpy(dtype=np.float64) for column in columns], axis=1)
        return FakeCells(np.isfinite(numbers).all(axis=1), numbers)


class FakeEncoder(nn.Module):
    """Each number becomes one token; they stand in a grid of one row."""

    def __init__(self, columns: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(columns, width))
        self.bias = nn.Parameter(torch.zeros(columns, width))

    def forward(self, parts: Parts) -> Tokens:
        """(n, columns) → (n, columns, width)."""
        values = parts["numbers"].unsqueeze(-1) * self.weight + self.bias
        mask = torch.ones(values.shape[:2], dtype=torch.bool, device=values.device)
        return Tokens(values, mask, grid=Grid(1, values.shape[1]))


class FakeModality(Modality):
    """A few numbers, each one a token: the smallest modality that keeps every promise."""

    def __init__(self, columns: Sequence[str] = ("first", "second")) -> None:
        self.columns = columns
        self.reader: FakeColumn = FakeColumn(columns)

    def chosen(self) -> tuple[str, str]:
        """There is only one."""
        return "fake", "there is no other"

    def build_encoder(self, width: int) -> nn.Module:
        """One token for each column."""
        return FakeEncoder(len(self.columns), width)

    def perturb(self, parts: Parts, generator: Generator) -> Parts:
        """A little noise."""
        noise = torch.randn(parts["numbers"].shape, generator=generator)
        return {"numbers": parts["numbers"] + 0.01 * noise}

    def corrupt(self, parts: Parts, rate: float, generator: Generator) -> tuple[Parts, Tensor]:
        """Hidden numbers become zero, which is their mean."""
        hidden = torch.rand(parts["numbers"].shape, generator=generator) < rate
        return {"numbers": keep(parts["numbers"], ~hidden)}, hidden

    def content(self, parts: Parts) -> Content:
        """A place for each number."""
        numbers = parts["numbers"]
        return Content(numbers.unsqueeze(-1), torch.zeros(len(numbers), 0, dtype=torch.long, device=numbers.device))

    def content_size(self) -> tuple[int, int]:
        """One number, no classes."""
        return 1, 0

    def budget(self) -> dict[str, Budget]:
        """A tenth of a unit in any direction."""
        return {"numbers": Budget("linf", 0.1, -1e6, 1e6)}

    def example(self, rows: int, seed: int) -> DataTable:
        """Normal numbers as text, about a fifth of the rows empty."""
        draw = numpy_generator(seed, "fake", rows)
        empty = draw.random(rows) < 0.2
        empty[: min(2, rows)] = [False, True][: min(2, rows)]
        frame = {
            name: np.where(empty, "", np.char.mod("%.3f", draw.normal(size=rows))).astype(object)
            for name in self.columns
        }
        return DataTable(pd.DataFrame(frame), source="fake")


class FakeTask(Task):
    """A number to predict, in its own unit."""

    answers = "numbers"
    headline = "mse"
    higher_is_better = False

    def __init__(self, target: str = "target", weight: float = 1.0) -> None:
        self.target, self.weight = target, weight
        self.reader = FakeColumn([target], target=True)

    def head(self, views: int, width: int, combine: Combine) -> nn.Module:
        """One number."""
        return Head(views, width, torch.zeros(1), combine)

    def losses(self, outputs: Outputs, target: Tensor) -> Tensor:
        """(n,) squared errors."""
        return (outputs[:, 0] - target.to(outputs.dtype)) ** 2

    def decode(self, outputs: Outputs) -> Decoded:
        """The number."""
        return Decoded(outputs[:, 0].double().cpu().numpy())

    def truth(self, target: Tensor) -> np.ndarray:
        """The number."""
        return target.double().cpu().numpy()

    def metrics(self, decoded: Decoded, truth: np.ndarray) -> dict[str, float]:
        """mse."""
        return {"mse": float(np.mean((decoded.prediction - truth) ** 2))} if len(truth) else {}
