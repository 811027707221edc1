"""A batch holds what the table holds in these rows, in this order, whatever else is in the table."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polymodal.core import Batch, DataError, Refusal, Values
from polymodal.data.base import DataTable, Rows
from polymodal.data.samples import Samples
from polymodal.testing.fakes import FakeCells, FakeColumn

COUNT = 12
ROWS = st.lists(st.integers(0, COUNT - 1), max_size=20)


class TornColumn(FakeColumn):
    """Numbers that are refused by a sign: minus while the table is read, above 100 when a batch is made."""

    def read(self, table: DataTable) -> FakeCells:
        cells = super().read(table)
        low = np.flatnonzero(self._parse(table).numbers[:, 0] < 0)
        refusals = [Refusal(int(row), self.columns[0], "is negative") for row in low]
        return replace(cells, present=cells.present & ~np.isin(np.arange(len(table)), low), refusals=refusals)

    def collate(self, cells: FakeCells, rows: Rows) -> tuple[Values, list[Refusal]]:
        values, refusals = super().collate(cells, rows)
        high = [int(row) for row in rows if cells.present[row] and cells.numbers[row, 0] > 100]
        return values, [*refusals, *(Refusal(row, self.columns[0], "is torn") for row in high)]


def cohort() -> DataTable:
    """Three columns of numbers with gaps in different rows."""
    frame = pd.DataFrame({name: np.arange(COUNT) + 20.0 * place for place, name in enumerate("abt", 1)})
    frame.loc[[0, 4, 5], "a"] = np.nan
    frame.loc[[4, 7], "b"] = np.nan
    frame.loc[[1, 4], "t"] = np.nan
    return DataTable(frame)


def read(table: DataTable, kind: type[FakeColumn] = FakeColumn) -> Samples:
    """Two modalities and a target, as they stand in the table: nothing is fitted, so no mean is taken off."""
    return Samples.read(table, {"a": kind(["a"]), "b": kind(["b"])}, {"t": kind(["t"], target=True)})


def held(values: Values) -> list[float | None]:
    """What each row holds."""
    (part,) = values.data.values()
    places = values.index.tolist()
    return [None if place < 0 else float(part[place].flatten()[0]) for place in places]


def written(table: DataTable, name: str, rows: list[int]) -> list[float | None]:
    """What the table says."""
    return [None if pd.isna(value) else float(value) for value in table.frame[name].iloc[rows]]


@given(ROWS)
def test_a_batch_says_what_the_table_says(rows: list[int]) -> None:
    table = cohort()
    batch = read(table).batch(np.array(rows, dtype=np.int64))
    assert batch.rows.tolist() == rows
    assert len(batch) == len(rows)
    assert list(batch.inputs) == ["a", "b"]
    assert list(batch.targets) == ["t"]
    for name, values in [*batch.inputs.items(), *batch.targets.items()]:
        assert held(values) == written(table, name, rows)
    assert batch.refusals == ()


def test_rows_come_in_the_order_asked_for(order: Callable[[int], np.ndarray]) -> None:
    samples, rows = read(cohort()), order(COUNT)
    whole, turned = samples.batch(np.arange(COUNT)), samples.batch(rows)
    for name, values in turned.inputs.items():
        everything = held(whole.inputs[name])
        assert held(values) == [everything[row] for row in rows]


@given(ROWS, ROWS)
def test_batches_do_not_know_each_other(first: list[int], second: list[int]) -> None:
    samples = read(cohort())
    together = samples.batch(np.array(first + second, dtype=np.int64))
    apart = [samples.batch(np.array(rows, dtype=np.int64)) for rows in (first, second)]
    for name in ("a", "b"):
        assert held(together.inputs[name]) == held(apart[0].inputs[name]) + held(apart[1].inputs[name])


def test_what_other_rows_hold_changes_nothing() -> None:
    table, rows = cohort(), np.array([2, 3, 5])
    other = replace(table, frame=table.frame.apply(lambda column: column.where(column.index.isin(rows), -1e9)))
    before, after = read(table).batch(rows), read(other).batch(rows)
    assert {name: held(values) for name, values in before.inputs.items()} == {
        name: held(values) for name, values in after.inputs.items()
    }


def test_presence_is_told_for_every_modality_and_row() -> None:
    samples = read(cohort())
    found = {name: np.flatnonzero(~present).tolist() for name, present in samples.present().items()}
    assert found == {"a": [0, 4, 5], "b": [4, 7]}
    assert len(samples) == samples.count == COUNT


def test_reading_learns_nothing() -> None:
    table, column = cohort(), FakeColumn(["a"])
    column.fit(table, np.array([1, 2, 3]))
    before = column.state()
    other = replace(table, frame=table.frame + 1000.0)
    samples = Samples.read(other, {"a": column}, {})
    assert column.state() == before == {"means": [22.0]}
    assert held(samples.batch(np.array([1, 4])).inputs["a"]) == [999.0, None]


def test_a_missing_column_is_named() -> None:
    with pytest.raises(DataError, match='"height"'):
        Samples.read(cohort(), {"a": FakeColumn(["height"])}, {})


def torn() -> Samples:
    table = cohort()
    table.frame.loc[3, "a"] = -1.0
    table.frame.loc[[6, 8], "b"] = 200.0
    table.frame.loc[2, "t"] = -5.0
    table.frame.loc[6, "t"] = 300.0
    return read(table, TornColumn)


def test_what_reading_refused_is_told_once_and_masked() -> None:
    samples = torn()
    told = [Refusal(3, "a", "is negative"), Refusal(2, "t", "is negative")]
    assert samples.refusals() == told
    batch = samples.batch(np.array([2, 3]))
    assert batch.refusals == ()
    assert held(batch.inputs["a"]) == [22.0, None]
    assert held(batch.targets["t"]) == [None, 63.0]
    assert samples.refusals() == told


def test_what_is_refused_when_a_batch_is_made_travels_with_that_batch_alone() -> None:
    samples = torn()
    told = {row: [Refusal(row, name, "is torn") for name in names] for row, names in [(6, "bt"), (8, "b"), (9, "")]}
    made: dict[int, Batch] = {row: samples.batch(np.array([row])) for row in told}
    assert {row: list(batch.refusals) for row, batch in made.items()} == told
    together = samples.batch(np.array([8, 6, 9]))
    assert list(together.refusals) == [*told[8], told[6][0], told[6][1]]
    assert samples.batch(np.array([], dtype=np.int64)).refusals == ()


def test_rows_may_be_of_any_size_of_integer() -> None:
    batch = read(cohort()).batch(np.array([5, 1], dtype=np.int32))
    assert (str(batch.rows.dtype), batch.rows.tolist()) == ("torch.int64", [5, 1])
