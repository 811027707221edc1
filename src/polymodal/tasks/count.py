"""How many: visits, seizures, cells, reads."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch
from pydantic import NonNegativeFloat
from torch import Tensor, nn

from polymodal.core import Combine, DataError, Refusal, Values
from polymodal.core.shapes import Outputs
from polymodal.data.base import Column, DataTable, Rows
from polymodal.data.kinds import Kind, absent, infer_kind, parse_numbers
from polymodal.data.plain import Plain
from polymodal.tasks import metrics as measures
from polymodal.tasks.base import Decoded, Head, Task
from polymodal.tasks.targets import TargetCells, collate_targets
from polymodal.tasks.weighted import COUNTED

__all__ = ["Count", "CountColumn"]

MOST = 1e15
"""A larger count is no whole number any more that a float could tell from its neighbours."""
FAR = 20.0
"""How far the logarithm of a rate may lie from that of the mean rate: beyond, its exponential says nothing."""


class Count(Task):
    """A number of things, 0, 1, 2 …: whole numbers from zero on, told as what is expected.

    The logarithm of the rate is learned, as in a generalised linear model (Nelder and Wedderburn 1972). `exposure`
    names a column of positive numbers that say how long, or in how much, it was counted: what is learned and predicted
    is then the rate, for an exposure of 1. `family` is "poisson", whose variance is its mean, or "negative_binomial",
    whose variance is mean + dispersion · mean², with a dispersion that is learned for each row, too (Lawless 1987).
    """

    reader: "CountColumn"
    answers = "counts"
    headline = "deviance"
    higher_is_better = False

    def __init__(
        self,
        target: str,
        exposure: str | None = None,
        family: Literal["poisson", "negative_binomial"] = "poisson",
        weight: NonNegativeFloat = 1.0,
    ) -> None:
        self.target, self.exposure, self.family, self.weight = target, exposure, family, weight
        self.reader = CountColumn(target, exposure)

    def head(self, views: int, width: int, combine: Combine) -> nn.Module:
        """The logarithm of a rate, starting from the mean rate, and that of a dispersion, starting from 1."""
        start = [float(np.log(self.reader.rate))] + [0.0] * (self.family == "negative_binomial")
        return Head(views, width, torch.tensor(start), combine)

    def losses(self, outputs: Outputs, target: Tensor) -> Tensor:
        """(n,) half the Poisson deviance in units of what the mean rate loses; or minus the log likelihood."""
        told = target if target.dim() == 2 else torch.stack([target, torch.ones_like(target)], dim=1)
        count, exposure = told.to(outputs.dtype).unbind(dim=1)
        log_mean = self._log_rate(outputs) + exposure.log()
        if self.family == "poisson":
            own = torch.xlogy(count, count) - count
            return (own - count * log_mean + log_mean.exp()) / self.reader.spread
        size = -outputs[:, 1].clamp(-FAR, FAR)  # the logarithm of 1 / dispersion
        total = torch.logaddexp(size, log_mean)
        shape = size.exp()
        chosen = torch.lgamma(count + shape) - torch.lgamma(shape) - torch.lgamma(count + 1)
        return shape * (total - size) + count * (total - log_mean) - chosen

    def _log_rate(self, outputs: Tensor) -> Tensor:
        middle = float(np.log(self.reader.rate))
        return outputs[:, 0].clamp(middle - FAR, middle + FAR)

    def decode(self, outputs: Outputs) -> Decoded:
        """Expected counts, or rates for an exposure of 1 where there is such a column."""
        return Decoded(self._log_rate(outputs).double().exp().cpu().numpy())

    def truth(self, target: Tensor) -> np.ndarray:
        """(n,) counts; with an exposure, pairs of "count" and "exposure"."""
        told = target.double().cpu().numpy()
        if told.ndim == 1:
            return np.asarray(told)
        made = np.zeros(len(told), dtype=COUNTED)
        made["count"], made["exposure"] = told.T
        return made

    def metrics(self, decoded: Decoded, truth: np.ndarray) -> dict[str, float]:
        """deviance (the mean Poisson deviance), mae and rmse of expected counts."""
        return measures.counts(truth, decoded.prediction)


class CountColumn(Column[TargetCells]):
    """Whole numbers from zero on, and perhaps an exposure beside each; knows the mean rate of the training rows.

    The part "target" is (n,) counts, or (n, 2) counts and exposures.
    """

    def __init__(self, target: str, exposure: str | None = None) -> None:
        self.names = [target] if exposure is None else [target, exposure]
        self.target, self.exposure = target, exposure
        self.rate, self.spread = 1.0, 1.0
        self.kinds: list[Kind] = []

    def fit(self, table: DataTable, rows: Rows) -> None:
        """Learn the mean rate, and what it loses. Raises DataError where nothing was counted, or all rates are one."""
        part = table.take(rows)
        self.kinds = [infer_kind(part.column(name), table.missing) for name in self.names]
        cells = self.read(part)
        known = cells.values[cells.present]
        count, exposure = (known, np.ones(len(known))) if self.exposure is None else known.T
        if not count.any() or np.ptp(count / exposure) == 0:
            raise DataError(
                "constant-target" if len(count) else "no-counts",
                where=f'{table.source}, column "{self.target}"',
                expected="whole numbers from zero on that differ among the training rows",
                found=f"only the value {count[0]:g}" if len(count) else "no count that can be read",
                remedy="check the columns; numbers with fractions, or below zero, are a task of type regression",
            )
        self.rate = float(count.sum() / exposure.sum())
        expected = self.rate * exposure
        self.spread = float(measures.poisson_deviances(count, expected).mean() / 2)

    def read(self, table: DataTable) -> TargetCells:
        """Counts; what is no whole number, or has no positive exposure, is refused and the row is unlabelled."""
        if not self.kinds:
            raise RuntimeError("fit or restore this column before reading")
        numbers = [
            parse_numbers(table.column(name), kind, table.missing)[0]
            for name, kind in zip(self.names, self.kinds, strict=True)
        ]
        given = [~absent(table.column(name), table.missing) for name in self.names]
        count = numbers[0]
        whole = (count >= 0) & (count <= MOST) & (np.floor(count) == count)
        refusals = self._refused(table, 0, given[0] & ~whole, "is no whole number from 0 on")
        present = whole
        if self.exposure is not None:
            long = (numbers[1] > 0) & np.isfinite(numbers[1])
            refusals += self._refused(table, 1, whole & ~long, "is no exposure above 0")
            present = whole & long
        values = np.where(present[:, None], np.stack(numbers, axis=1), 1.0)
        return TargetCells(present, values if self.exposure is not None else values[:, 0], refusals=refusals)

    def collate(self, cells: TargetCells, rows: Rows) -> tuple[Values, list[Refusal]]:
        """Counts (and exposures) of these rows under the name "target"."""
        return collate_targets(cells, rows), []

    def plain(self, cells: TargetCells, rows: Rows) -> list[Plain]:
        """Nothing: a target is never a feature."""
        return []

    def state(self) -> dict[str, Any]:
        """The mean rate, what it loses, and the way numbers are written."""
        return {"rate": self.rate, "spread": self.spread, "kinds": [kind.state() for kind in self.kinds]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take them over."""
        self.rate, self.spread = float(state["rate"]), float(state["spread"])
        self.kinds = [Kind.restore(kind) for kind in state["kinds"]]

    def _refused(self, table: DataTable, place: int, where: np.ndarray, reason: str) -> list[Refusal]:
        name = self.names[place]
        cells = table.column(name)
        return [Refusal(int(row), name, f'"{str(cells.iloc[row])[:80]}" {reason}') for row in np.flatnonzero(where)]
