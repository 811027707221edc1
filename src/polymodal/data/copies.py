"""Columns that give a target away: the same values, the same under other names or on another scale, or finer ones."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd

from polymodal.data.base import DataTable
from polymodal.data.cells import absent, dense, holds_objects, is_number
from polymodal.data.kinds import infer_kind, parse_labels, parse_numbers

__all__ = ["GiveAway", "How", "give_aways"]

How = Literal["equal", "renamed", "rescaled", "rounded", "decides"]

_ROWS = 12  # fewer rows prove nothing
_REPEATS = 3  # rows for each value, on average, before a one-to-one match of values means something
_LEVELS = 5  # distinct numbers before a perfect order means something


@dataclass(frozen=True)
class GiveAway:
    """`column` gives the values of `target` away.

    "equal": the same values. "renamed": one value of the column for each one of the target. "rescaled": other
    numbers, one for each of the target, in the same or the opposite order. "rounded": numbers in the same or the
    opposite order, one of the two finer. "decides": each value of the column goes with a single target.
    """

    column: str
    target: str
    how: How

    @property
    def sentence(self) -> str:
        """The same in words."""
        return _SENTENCES[self.how]


_SENTENCES: Mapping[How, str] = {
    "equal": "the input holds the same values as the target",
    "renamed": "the input is the target under other names: one value of it for each value of the target",
    "rescaled": "the input is the target on another scale: its numbers stand in exactly the same order",
    "rounded": "the input puts all rows in the order of the target: one looks rounded from the other",
    "decides": "each value of the input goes with a single value of the target",
}


class _Coded:
    """A column as numbers of its distinct values, worked out once for all targets."""

    def __init__(self, table: DataTable, name: str) -> None:
        self._series, self._missing = dense(table.column(name)), table.missing
        self.known = ~absent(self._series, self._missing)
        # Numbers need not be written out to be told apart, and writing a million of them takes seconds.
        cells = self._series if is_number(self._series) else self.labels
        found, distinct = pd.factorize(cells[self.known])
        self.codes, self.count = np.full(len(cells), -1, dtype=np.int64), len(distinct)
        self.codes[self.known] = found

    @cached_property
    def labels(self) -> np.ndarray:
        """(n,) the values as they are written; None where there is none."""
        return parse_labels(self._series, self._missing)

    @cached_property
    def numbers(self) -> np.ndarray:
        """(n,) the values as numbers; all NaN where they are none."""
        kind = infer_kind(self._series, self._missing)
        numeric = kind.name in {"number", "identifier", "boolean"}
        return parse_numbers(self._series, kind, self._missing)[0] if numeric else np.full(len(self._series), np.nan)


def give_aways(table: DataTable, columns: Iterable[str], targets: Mapping[str, str]) -> list[GiveAway]:
    """Every column among `columns` that gives one of the `targets` (task to column) away, the target itself left out.

    Compared on all rows that have both. Needs at least 12 of them, and values that repeat (or five different numbers),
    so that a match cannot be chance.
    """
    wanted = {target: _Coded(table, target) for target in dict.fromkeys(targets.values())}
    found = []
    for column in dict.fromkeys(columns):
        own = None
        for target, truth in wanted.items():
            if column == target or truth.count < 2 or holds_objects(table.column(column)):
                continue
            own = own or _Coded(table, column)
            how = _how(own, truth)
            if how is not None:
                found.append(GiveAway(column, target, how))
    return found


def _how(own: _Coded, truth: _Coded) -> How | None:
    both = own.known & truth.known
    rows = int(both.sum())
    # A column that is there for a few rows only cannot give the target of the others away.
    if rows < _ROWS or rows < 0.5 * truth.known.sum():
        return None
    mine, its = own.codes[both], truth.codes[both]
    levels, classes = len(pd.unique(mine)), len(pd.unique(its))
    if classes < 2 or (levels != classes < _LEVELS and rows < 2 * _REPEATS * levels):
        return None
    pairs = len(pd.unique(mine * truth.count + its))
    if pairs == levels == classes and (rows >= _REPEATS * classes or _same(own, truth, both)):
        return "equal" if _same(own, truth, both) else "renamed"
    if min(levels, classes) >= _LEVELS and _same_order(own, truth, both):
        return "rescaled" if pairs == levels == classes else "rounded"
    if pairs == levels and rows >= 2 * _REPEATS * levels:
        return "decides"
    return None


def _same(own: _Coded, truth: _Coded, both: np.ndarray) -> bool:
    return bool((own.labels[both] == truth.labels[both]).all())


def _same_order(own: _Coded, truth: _Coded, both: np.ndarray) -> bool:
    its = truth.numbers[both]
    if np.isnan(its).any():
        return False
    mine = own.numbers[both]
    # The first rows nearly always tell, and sorting them is nothing.
    return not np.isnan(mine).any() and _in_order(mine[:1000], its[:1000]) and _in_order(mine, its)


def _in_order(mine: np.ndarray, its: np.ndarray) -> bool:
    """Whether both can be put into one order, or into opposite ones."""
    up, down = its[np.lexsort((its, mine))], its[np.lexsort((-its, mine))]
    return bool((np.diff(up) >= 0).all() or (np.diff(down) <= 0).all())
