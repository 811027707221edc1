"""Which rows train, which ones say when to stop, and which ones are kept for the test."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import sparse

from polymodal.core import DataError, did_you_mean
from polymodal.core.seeding import numpy_generator
from polymodal.data.base import DataTable, Rows
from polymodal.data.drawing import draw, latest
from polymodal.data.kinds import infer_kind, parse_dates, parse_labels, parse_numbers

__all__ = ["Split", "SplitPlan", "make_split", "make_splits", "strata_of"]

_CLASSES = 50  # a target with more distinct values is not what shares are kept of
_ROWS_PER_CLASS = 3


@dataclass(frozen=True)
class Split:
    """Row numbers of each part, int64, in order; a row that is in none takes part in nothing."""

    train: Rows
    validation: Rows
    test: Rows

    def names(self, rows: int) -> np.ndarray:
        """(rows,) "train", "validation", "test", or "" for a row that takes part in nothing."""
        names = np.full(rows, "", dtype=object)
        for name in ("train", "validation", "test"):
            names[getattr(self, name)] = name
        return names


@dataclass(frozen=True)
class SplitPlan:
    """How to divide rows.

    `column` with the values that mean `test` (and `validation`); or `time`, whose latest rows become the test; or else
    a random share, that of each class alike where strata are given. A share of 0 leaves that part empty on purpose.
    Unless given, 20 % are for the test, and 10 % of the rest for validation.
    """

    column: str | None = None
    test: float | Sequence[object] | None = None
    validation: float | Sequence[object] | None = None
    time: str | None = None
    seed: int = 0


def make_split(
    table: DataTable,
    plan: SplitPlan,
    group: str | None = None,
    together: Sequence[np.ndarray] = (),
    strata: np.ndarray | None = None,
) -> Split:
    """Divide the rows of a table.

    Rows of one value of the column `group` are never parted, nor are rows that share a key in one of the arrays
    `together` ((n,), -1 or None = no key). `strata` (n,) are class numbers whose shares are kept. The same arguments
    always give the same rows. Where a column says what is test, it is obeyed, whatever it parts. Raises DataError where
    a part that was asked for cannot have a row.
    """
    keys = [*together] if group is None else [*together, parse_labels(table.column(group), table.missing)]
    pool = _Pool(table, plan, _blocks(len(table), keys), strata)
    every = np.arange(len(table), dtype=np.int64)
    if plan.column is not None:
        return _by_column(pool, plan.column, every)
    test = pool.part(every, "test", 0.2 if plan.test is None else plan.test)
    rest = np.setdiff1d(every, test)
    validation = pool.part(rest, "validation", 0.1 if plan.validation is None else plan.validation)
    return Split(np.setdiff1d(rest, validation), validation, test)


def make_splits(
    table: DataTable,
    plans: tuple[SplitPlan, Mapping[str, SplitPlan]],
    names: np.ndarray,
    group: str | None = None,
    together: Sequence[np.ndarray] = (),
    strata: np.ndarray | None = None,
) -> Split:
    """Divide the rows of several tables, of which some have a plan of their own.

    `plans` are that of all tables without one, and those of the others by the name of the table; `names` (n,) is the
    table of each row. Rows of tables without a plan go where the rows that they belong together with went: to the
    test if any of those is there, else to validation. Raises DataError as `make_split` does.
    """
    keys = [*together] if group is None else [*together, parse_labels(table.column(group), table.missing)]
    blocks, parts = _blocks(len(table), keys), np.full(len(table), "", dtype=object)

    def divide(rows: Rows, plan: SplitPlan) -> None:
        kept = None if strata is None else strata[rows]
        parts[rows] = make_split(table.take(rows), plan, None, [blocks[rows]], kept).names(len(rows))

    for name, plan in plans[1].items():
        divide(np.flatnonzero(names == name), plan)
    rest = np.flatnonzero(~np.isin(names, list(plans[1])))
    for part in ("train", "validation", "test"):  # what comes later is stronger
        parts[rest[np.isin(blocks[rest], blocks[np.flatnonzero(parts == part)])]] = part
    free = rest[parts[rest] == ""]
    if len(free):
        divide(free, plans[0])
    return Split(*(np.flatnonzero(parts == part) for part in ("train", "validation", "test")))


def strata_of(table: DataTable, targets: Sequence[str]) -> np.ndarray | None:
    """(n,) class numbers of the first target with few enough classes to keep their shares; None where there is none."""
    for target in targets:
        codes, classes = pd.factorize(parse_labels(table.column(target), table.missing), sort=True)
        labelled = int((codes >= 0).sum())
        if 2 <= len(classes) <= _CLASSES and labelled >= _ROWS_PER_CLASS * len(classes):
            return np.where(codes < 0, len(classes), codes).astype(np.int64)
    return None


@dataclass(frozen=True)
class _Pool:
    """What parts are drawn from: which rows belong together, their classes, and their times."""

    table: DataTable
    plan: SplitPlan
    blocks: np.ndarray
    strata: np.ndarray | None
    _times: dict[str, np.ndarray] = field(default_factory=dict)

    def part(self, rows: Rows, name: str, share: float | Sequence[object]) -> Rows:
        """The given share of these rows, in whole blocks."""
        if not isinstance(share, int | float):
            raise self.problem("wrong-share", f"a share for {name}, as no split column is given", f"{share!r}")
        if share == 0:
            return np.empty(0, dtype=np.int64)
        if not 0 < share < 1:
            raise self.problem("wrong-share", f"a share between 0 and 1 for {name}", f"{share:g}")
        blocks = self.blocks[rows]
        if len(np.unique(blocks)) < 2:
            found = f"{len(rows)} rows" + (" that belong together" if len(rows) > 1 else "")
            raise self.problem("too-few-rows", f"rows that can be parted into training and {name}", found)
        if self.plan.time is not None:
            chosen = latest(blocks, self.times(self.plan.time)[rows], share)
            if chosen.all():
                raise self.problem("too-few-times", f"several times, the latest for {name}", "one time for all rows")
        else:
            strata = None if self.strata is None else self.strata[rows]
            chosen = draw(blocks, strata, share, numpy_generator(self.plan.seed, "split", name))
        return rows[chosen]

    def times(self, column: str) -> np.ndarray:
        """(n,) the time of each row; every row needs one."""
        if column not in self._times:
            series = self.table.column(column)
            kind = infer_kind(series, self.table.missing)
            read = parse_numbers if kind.name in {"number", "identifier"} else parse_dates
            times, _ = read(series, kind, self.table.missing)
            wrong = np.flatnonzero(np.isnan(times))
            if len(wrong):
                place = self.table.place(int(wrong[0]), column)
                found = f'"{series.iloc[wrong[0]]}"; {len(wrong)} rows without a time in all'
                raise self.problem("no-time", "a date or a number in every row", found, place)
            self._times[column] = times
        return self._times[column]

    def problem(self, code: str, expected: str, found: str, where: str | None = None) -> DataError:
        remedy = "change data.split (or data.group), or give more rows"
        return DataError(code, where=where or self.table.source, expected=expected, found=found, remedy=remedy)


def _blocks(rows: int, keys: Sequence[np.ndarray]) -> np.ndarray:
    """(rows,) numbers of the sets that rows fall into when rows that share any key stay together."""
    edges_row, edges_key, count = [np.empty(0, np.int64)], [np.empty(0, np.int64)], 0
    for key in keys:
        plain = pd.Series(key)
        if plain.dtype.kind in "iu":
            plain = plain.where(plain >= 0)
        codes, distinct = pd.factorize(plain)
        has = np.flatnonzero(codes >= 0)
        edges_row.append(has)
        edges_key.append(rows + count + codes[has].astype(np.int64))
        count += len(distinct)
    if count == 0:
        return np.arange(rows, dtype=np.int64)
    row, key = np.concatenate(edges_row), np.concatenate(edges_key)
    graph = sparse.coo_matrix((np.ones(len(row), dtype=np.int8), (row, key)), shape=(rows + count, rows + count))
    _, component = sparse.csgraph.connected_components(graph, directed=False)
    return component[:rows].astype(np.int64)


def _by_column(pool: _Pool, column: str, every: Rows) -> Split:
    labels = parse_labels(pool.table.column(column), pool.table.missing)
    unsaid = np.flatnonzero(labels == None)  # noqa: E711  (elementwise)
    if len(unsaid):
        place = pool.table.place(int(unsaid[0]), column)
        raise pool.problem("no-part", "a value in every row of the split column", f"{len(unsaid)} empty cells", place)
    plan = pool.plan
    test = _rows_with(pool, column, labels, plan.test)
    if plan.validation is None or isinstance(plan.validation, int | float):
        rest = np.setdiff1d(every, test)
        validation = pool.part(rest, "validation", 0.1 if plan.validation is None else plan.validation)
    else:
        validation = _rows_with(pool, column, labels, plan.validation)
    train = np.setdiff1d(every, np.concatenate([test, validation]))
    if len(np.intersect1d(test, validation)) or len(train) == 0:
        found = "a value that is in both" if len(train) else "no row left for training"
        raise pool.problem("empty-split", "values that part the rows in training, validation and test", found)
    return Split(train, validation, test)


def _rows_with(pool: _Pool, column: str, labels: np.ndarray, values: float | Sequence[object] | None) -> Rows:
    listed = [values] if isinstance(values, str) else values
    if listed is None or isinstance(listed, int | float):
        raise pool.problem("wrong-share", f'the values of "{column}" that mean test, such as [test]', f"{values!r}")
    wanted = [str(label) for label in parse_labels(pd.Series(list(listed), dtype=object), missing=())]
    known = set(labels)
    for value in wanted:
        if value not in known:
            found = f'no row with "{value}"; {did_you_mean(value, known)}'
            raise pool.problem("empty-split", f'rows with this value in the column "{column}"', found)
    return np.flatnonzero(np.isin(labels.astype(str), wanted)).astype(np.int64)
