"""Target columns: labels, several labels at once, and numbers. A row without a target is unlabelled, never invented."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
import torch
from pydantic import AfterValidator
from torch import Tensor

from polymodal.core import DataError, Refusal, Values, did_you_mean
from polymodal.data.base import Cells, Column, DataTable, Rows
from polymodal.data.kinds import Kind, absent, infer_kind, parse_labels, parse_numbers
from polymodal.data.plain import Plain

__all__ = [
    "LabelColumn",
    "Names",
    "NumberColumn",
    "NumberScale",
    "TargetCells",
    "balanced_weights",
    "collate_targets",
    "scale_of",
]


NumberScale = Literal["linear", "root", "log"]
"""On what a number is learned: as it is, its square root (amounts that spread the more the larger they are), or its
logarithm (what acts by factors)."""


@dataclass(frozen=True)
class _Scale:
    """The way there and back, and what is said of numbers that have none."""

    there: Callable[[Tensor], Tensor]
    back: Callable[[Tensor], Tensor]
    bound: str


LARGEST = 700.0  # a larger power of e is beyond float64
SCALES: Mapping[NumberScale, _Scale] = {
    "linear": _Scale(lambda numbers: numbers, lambda places: places, ""),
    "root": _Scale(torch.sqrt, lambda places: places.clamp(min=0.0).square(), " of at least 0"),
    "log": _Scale(torch.log, lambda places: places.clamp(max=LARGEST).exp(), " above 0"),
}


@dataclass(frozen=True)
class TargetCells(Cells):
    """`values` (rows,) class numbers (int64) or numbers (float64); what stands where `present` is False is unused."""

    values: np.ndarray


def collate_targets(cells: TargetCells, rows: Rows) -> Values:
    """The targets of these rows under the name "target"; index -1 where a row is unlabelled."""
    present = torch.from_numpy(cells.present[rows])
    target = torch.from_numpy(cells.values[rows])
    return Values({"target": target}, torch.where(present, torch.arange(len(rows)), -1))


def _distinct(names: Sequence[str]) -> Sequence[str]:
    again = [name for name, many in Counter(map(str, names)).items() if many > 1]
    if again:
        raise ValueError(f'each name once; "{again[0]}" stands there again')
    return names


Names = Annotated[Sequence[str], AfterValidator(_distinct)]
"""Names of classes, each once."""


class LabelColumn(Column[TargetCells]):
    """Class labels as strings in the user's own spelling, numbered in `classes` (numbers by size, else by letter).

    `order` gives the classes and their order beforehand; `last` moves one label to the end; `exactly` says how many
    classes there must be, `otherwise` what else to do where there are more, and `lone` where there is only one.
    """

    def __init__(
        self,
        target: str,
        order: Sequence[str] | None = None,
        last: str | None = None,
        exactly: int | None = None,
        otherwise: str = '; for more classes write "type: multiclass"',
        lone: str = "",
    ) -> None:
        self.names = [target]
        self.target, self.order = target, None if order is None else [str(label) for label in order]
        self.last, self.exactly, self.otherwise, self.lone = last, exactly, otherwise, lone
        self.classes: list[str] = []
        self.counts: list[int] = []

    def fit(self, table: DataTable, rows: Rows) -> None:
        """Learn the classes and how often each occurs."""
        labels = parse_labels(table.column(self.target).iloc[rows], table.missing)
        seen, counts = np.unique([label for label in labels if label is not None], return_counts=True)
        self.classes = self.order if self.order is not None else sorted(map(str, seen), key=_by_size_then_letter)
        if self.last in self.classes:
            self.classes.append(self.classes.pop(self.classes.index(self.last)))
        self._check(table)
        many = dict(zip(map(str, seen), map(int, counts), strict=True))
        self.counts = [many.get(name, 0) for name in self.classes]

    def _check(self, table: DataTable) -> None:
        fits = len(self.classes) == self.exactly if self.exactly else len(self.classes) >= 2
        if fits and (self.last is None or self.last in self.classes):
            return
        shown = ", ".join(self.classes[:8]) + (", …" if len(self.classes) > 8 else "")
        raise DataError(
            "one-class" if len(self.classes) < 2 else "wrong-classes",
            where=f'{table.source}, column "{self.target}"',
            expected=f"{f'exactly {self.exactly}' if self.exactly else 'at least two'} classes among the training rows"
            + (f', one of them "{self.last}"' if self.last is not None else ""),
            found=f"{len(self.classes)}: {shown or 'no label at all'}",
            remedy=self._remedy(),
        )

    def _remedy(self) -> str:
        if self.last is not None and self.last not in self.classes:
            return did_you_mean(self.last, self.classes)
        if self.exactly == 2 and len(self.classes) > 2:
            return f'a mark such as "NA" belongs into data.missing{self.otherwise}'
        return f"check the split and the type of this task, or take the task out{self.lone * (len(self.classes) == 1)}"

    def read(self, table: DataTable) -> TargetCells:
        """Class numbers; a label that training never saw is refused and the row is unlabelled."""
        labels = pd.Series(parse_labels(table.column(self.target), table.missing), dtype=object)
        numbers = labels.map({name: place for place, name in enumerate(self.classes)})
        strange = labels.notna() & numbers.isna()
        refusals = [
            Refusal(int(row), self.target, f'label "{labels[row]}" does not occur among the training rows')
            for row in np.flatnonzero(strange)
        ]
        values = numbers.fillna(0).to_numpy(dtype=np.int64)
        return TargetCells(numbers.notna().to_numpy(), values, refusals=refusals)

    def collate(self, cells: TargetCells, rows: Rows) -> tuple[Values, list[Refusal]]:
        """Targets (n,) of these rows under the name "target"."""
        return collate_targets(cells, rows), []

    def plain(self, cells: TargetCells, rows: Rows) -> list[Plain]:
        """Nothing: a target is never a feature."""
        return []

    def state(self) -> dict[str, Any]:
        """Classes and their counts among the training rows."""
        return {"classes": self.classes, "counts": self.counts}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take classes and counts over."""
        self.classes, self.counts = list(state["classes"]), list(state["counts"])


class NumberColumn(Column[TargetCells]):
    """A number to predict; knows the mean and spread of the training rows, of their roots or logarithms by `scale`."""

    def __init__(self, target: str, scale: NumberScale = "linear") -> None:
        self.names, self.target, self.scale = [target], target, scale
        self.mean, self.spread = 0.0, 1.0
        self.ends = (-np.inf, np.inf)
        self.kind: Kind | None = None

    def fit(self, table: DataTable, rows: Rows) -> None:
        """Learn how numbers are written here, their mean, their standard deviation, and how far answers may go."""
        part = table.column(self.target).iloc[rows]
        self.kind = infer_kind(part, table.missing)
        numbers, _ = parse_numbers(part, self.kind, table.missing)
        held = part[~absent(part, table.missing)]
        first = f'; the first value is "{str(held.iloc[0])[:80]}"' if len(held) else ""
        where = f'{table.source}, column "{self.target}"'
        known = numbers[self._fits(numbers)]
        places = SCALES[self.scale].there(torch.tensor(known)).numpy()
        self.mean, self.spread = scale_of(places, where, first)
        if self.scale == "log":
            self.ends = 2 * float(places.min()) - float(places.max()), 2 * float(places.max()) - float(places.min())

    def read(self, table: DataTable) -> TargetCells:
        """Numbers; what is no finite number, or none on the scale, is refused and the row is unlabelled."""
        if self.kind is None:
            raise RuntimeError("fit or restore this column before reading")
        series = table.column(self.target)
        numbers, _ = parse_numbers(series, self.kind, table.missing)
        known = self._fits(numbers)
        strange = np.flatnonzero(~known & ~absent(series, table.missing))
        wanted = f"a finite number{SCALES[self.scale].bound}"
        refusals = [Refusal(int(row), self.target, f'"{series.iloc[row]}" is not {wanted}') for row in strange]
        return TargetCells(known, np.where(known, numbers, self.mean), refusals=refusals)

    def collate(self, cells: TargetCells, rows: Rows) -> tuple[Values, list[Refusal]]:
        """Targets (n,) of these rows under the name "target"."""
        return collate_targets(cells, rows), []

    def plain(self, cells: TargetCells, rows: Rows) -> list[Plain]:
        """Nothing: a target is never a feature."""
        return []

    def state(self) -> dict[str, Any]:
        """Mean, spread, the ends of answers and the way numbers are written."""
        kind = None if self.kind is None else self.kind.state()
        ends = None if np.isinf(self.ends[0]) else list(self.ends)
        return {"mean": self.mean, "spread": self.spread, "ends": ends, "kind": kind}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take them over."""
        self.mean, self.spread = float(state["mean"]), float(state["spread"])
        low, high = state.get("ends") or (-np.inf, np.inf)
        self.ends = float(low), float(high)
        self.kind = None if state["kind"] is None else Kind.restore(state["kind"])

    def scaled(self, numbers: Tensor) -> Tensor:
        """(n,) numbers, in spreads from the mean of the training rows, on the scale."""
        return (SCALES[self.scale].there(numbers) - self.mean) / self.spread

    def unscaled(self, places: Tensor) -> Tensor:
        """(n,) the way back; on the logarithm's, beyond the training numbers at most as far as these reach."""
        return SCALES[self.scale].back((places * self.spread + self.mean).clamp(*self.ends))

    def _fits(self, numbers: np.ndarray) -> np.ndarray:
        """(n,) whether each is finite on the scale."""
        known: np.ndarray = torch.isfinite(SCALES[self.scale].there(torch.tensor(numbers))).numpy()
        return known


def scale_of(known: np.ndarray, where: str, first: str = "") -> tuple[float, float]:
    """Mean and standard deviation of numbers (n,) of the training rows; `first` is told where there is none of them.

    Raises DataError where no two of them differ, or they spread beyond all bounds.
    """
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        spread = float(known.std()) if len(known) else 0.0
    if len(known) > 1 and known.min() < known.max() and not 1e-30 < spread < 1e30:
        raise DataError(
            "target-out-of-range",
            where=where,
            expected="numbers that spread by 1e-30 to 1e30 among the training rows",
            found=f"numbers from {known.min():g} to {known.max():g}",
            remedy="give them in another unit, or their logarithm",
        )
    if spread == 0:
        raise DataError(
            "constant-target" if len(known) else "no-numbers",
            where=where,
            expected="numbers that differ among the training rows",
            found=f"only the value {known[0]:g}" if len(known) else f"no number at all{first}",
            remedy="check the name of the column, the split, and how numbers are written here",
        )
    return float(known.mean()), spread


def balanced_weights(counts: Sequence[int], like: Tensor) -> Tensor:
    """(classes,) weights that make every class count alike and leave the mean weight of the training rows at 1."""
    frequency = torch.tensor(counts, dtype=like.dtype, device=like.device).clamp(min=1)
    return frequency.sum() / (len(counts) * frequency)


def _by_size_then_letter(label: str) -> tuple[int, float, str]:
    try:
        return (0, float(label), label)
    except ValueError:
        return (1, 0.0, label)
