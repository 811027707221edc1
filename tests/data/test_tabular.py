"""Cells become numbers and codes by what the training rows taught, and by nothing else."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polymodal.core import DataError
from polymodal.data.base import DataTable
from polymodal.data.tables import from_frame
from polymodal.data.tabular import KNOWN, MISSING, UNKNOWN, Scale, TableColumn

TRAIN = np.arange(40)


def frame(rows: int = 60) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    made = pd.DataFrame({"age": draw.normal(50, 9, rows).round(1).astype(str)})
    made["drug"] = draw.choice(["statin", "aspirin"], rows)
    made["smokes"] = draw.choice(["yes", "no"], rows)
    made["seen"] = (np.datetime64("2024-01-01") + draw.integers(0, 300, rows)).astype(str)
    made["same"] = "x"
    made.loc[3, ["age", "drug"]] = ""
    made.loc[7, :] = ""
    return made.astype(object)


def fitted(made: pd.DataFrame, columns=("*",)) -> TableColumn:
    column = TableColumn(list(columns))
    column.fit(DataTable(made), TRAIN)
    return column


def test_each_kind_has_its_place():
    column = fitted(frame())
    assert column.numbers == ["age", "seen", "seen (month)", "seen (weekday)"]
    assert column.categories == ["drug", "smokes"]
    cells = column.read(DataTable(frame()))
    assert np.isnan(cells.numbers[3, 0])
    assert cells.codes[3, 0] == MISSING
    assert cells.present.tolist() == [row != 7 for row in range(60)]
    assert np.abs(np.nanmedian(cells.numbers[:, 0])) < 0.3


def test_only_training_rows_teach():
    known = fitted(frame()).state()
    strange = frame()
    strange.loc[40:, "age"] = "9999"
    strange.loc[40:, "drug"] = "never seen"
    strange.loc[40:, "same"] = "y"
    assert fitted(strange).state() == known


def test_a_state_is_plain_data_and_reads_the_same():
    column, again = fitted(frame()), TableColumn(["*"])
    again.restore(json.loads(json.dumps(column.state())))
    first, second = column.read(DataTable(frame())), again.read(DataTable(frame()))
    np.testing.assert_array_equal(first.numbers, second.numbers)
    np.testing.assert_array_equal(first.codes, second.codes)


def test_a_value_without_precedent_is_unknown_and_an_empty_one_missing():
    made = frame()
    made.loc[5, "drug"] = "once only"
    column = fitted(made)
    made.loc[50:, "drug"] = ["new", "", "once only", "statin", None, " statin", "STATIN", "aspirin", "1", "nan"]
    codes = column.read(DataTable(made)).codes[50:, 0]
    statin = KNOWN + column.vocabularies["drug"].index("statin")
    aspirin = KNOWN + column.vocabularies["drug"].index("aspirin")
    assert codes.tolist() == [UNKNOWN, MISSING, UNKNOWN, statin, MISSING, statin, UNKNOWN, aspirin, UNKNOWN, UNKNOWN]


def test_a_cell_that_is_no_number_is_refused_and_that_cell_alone_is_missing():
    column, made = fitted(frame()), frame()
    made.loc[50, "age"] = "old"
    made.loc[51, "seen"] = "2024-13-77"
    cells = column.read(DataTable(made))
    assert [(refusal.row, refusal.column) for refusal in cells.refusals] == [(50, "age"), (51, "seen")]
    assert np.isnan(cells.numbers[50, 0])
    assert np.isnan(cells.numbers[51, 1:]).all()
    assert cells.present[[50, 51]].all()


def test_a_batch_holds_the_rows_that_have_something_in_their_order():
    column = fitted(frame())
    cells = column.read(DataTable(frame()))
    values, refusals = column.collate(cells, np.array([9, 7, 3]))
    assert not refusals
    assert values.index.tolist() == [0, -1, 1]
    np.testing.assert_array_equal(values.data["numbers"].numpy(), cells.numbers[[9, 3]])
    empty, _ = column.collate(cells, np.array([7]))
    assert (empty.count, empty.index.tolist()) == (0, [-1])


def test_nothing_to_learn_from_is_an_error_of_the_data():
    with pytest.raises(DataError, match="no-information"):
        fitted(frame(), ["same"])
    with pytest.raises(DataError, match='did you mean "age"'):
        fitted(frame(), ["agee"])


@given(st.lists(st.floats(-1e9, 1e9, width=32), min_size=2, max_size=60).filter(lambda drawn: min(drawn) < max(drawn)))
def test_a_scale_rises_with_the_number_and_stays_in_bounds(drawn: list[float]):
    numbers = np.array(drawn, dtype=np.float64)
    asked = np.sort(np.concatenate([numbers, numbers * 1.5, numbers - 3.0, [-1e12, 1e12]]))
    made = Scale.fitted(numbers)(asked)
    assert np.isfinite(made).all()
    assert (np.abs(made) <= 8).all()
    assert (np.diff(made) >= -1e-6).all()
    assert np.isnan(Scale.fitted(numbers)(np.array([np.nan]))).all()


@pytest.mark.parametrize("words", [True, False])
def test_parts_of_a_date_keep_out_of_the_way_of_columns_called_alike(words):
    draw = np.random.default_rng(0)
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(draw.integers(0, 400, 60), unit="D")
    other = draw.choice(["x", "y"], 60) if words else draw.normal(size=60)
    frame = pd.DataFrame({"a": draw.normal(size=60), "d": days, "d (month)": other})
    plain, rows = frame.rename(columns={"d (month)": "month"}), np.arange(60)
    read = []
    for one in (frame, plain):
        column = TableColumn(list(one.columns))
        column.fit(from_frame(one), rows)
        again = TableColumn(list(one.columns))
        again.restore(column.state())
        read.append(again.read(from_frame(one)))
    np.testing.assert_array_equal(read[0].numbers, read[1].numbers)
    np.testing.assert_array_equal(read[0].codes, read[1].codes)
    assert len(column.numbers) == (4 if words else 5)
