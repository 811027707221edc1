"""Names that can be told apart, and types that survive missing values."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

from polymodal.core import DataError
from polymodal.data.columns import check_names, text_series, typed_frame


def test_names_are_trimmed_numbered_where_empty_and_never_alike():
    names, notes = check_names([" age ", "", 7], "t")
    assert names == ["age", "column_2", "7"]
    assert len(notes) == 1
    assert "column 2" in notes[0]
    with pytest.raises(DataError, match="duplicate-column") as caught:
        check_names(["a", "b", " a"], "t.csv")
    assert '"a" at places 1, 3' in str(caught.value)


def test_whole_numbers_stay_whole_although_some_are_missing():
    frame, _ = typed_frame(pa.table({"n": [1, None, 2**60 + 1], "t": ["a", None, "c"], "b": [True, None, False]}), "t")
    assert frame["n"].iloc[2] == 2**60 + 1
    assert frame.isna().sum().tolist() == [1, 1, 1]


def test_cells_that_hold_several_values_are_refused_by_name():
    with pytest.raises(DataError, match="nested-column") as caught:
        typed_frame(pa.table({"a": [1], "many": [[["x"], ["y"]]], "both": [{"x": 1}]}), "t.parquet")
    assert '"many"' in str(caught.value)
    assert '"both"' in str(caught.value)


def test_lists_of_texts_become_one_text():
    frame, _ = typed_frame(pa.table({"tags": [["x", None, "y"], None, ["z"], []]}), "t")
    assert frame["tags"].iloc[[0, 2, 3]].tolist() == ["x;;y", "z", ""]
    assert frame["tags"].isna().tolist() == [False, True, False, False]
    with pytest.raises(DataError, match="nested-column"):
        typed_frame(pa.table({"tags": [["x;y"]]}), "t")


def test_dates_stay_dates():
    frame, _ = typed_frame(pa.table({"d": [dt.date(2020, 1, 2), None]}), "t")
    assert str(frame["d"].iloc[0])[:10] == "2020-01-02"


def test_text_keeps_its_spelling_and_its_gaps():
    series = text_series(pa.chunked_array([["NA", None], ["007"]]))
    assert series.iloc[[0, 2]].tolist() == ["NA", "007"]
    assert series.isna().tolist() == [False, True, False]


def test_lists_of_numbers_become_arrays():
    table = {"one": [[1, None], None, []], "two": [[[1.0, 2.0]], [[3.0, 4.0], [5.0, 6.0]], None]}
    frame, _ = typed_frame(pa.table(table), "t")
    np.testing.assert_array_equal(frame["one"][0], [1, np.nan])
    assert [cell is None for cell in frame["one"]] == [False, True, False]
    assert frame["two"][1].tolist() == [[3, 4], [5, 6]]


def test_files_in_cells_become_their_content():
    both = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    cells = [{"bytes": b"RIFF", "path": "a.wav"}, {"bytes": None, "path": "b.wav"}, None]
    frame, _ = typed_frame(pa.table({"clip": pa.array(cells, both), "raw": [b"x", None, b""]}), "t")
    assert frame["clip"].tolist() == [b"RIFF", "b.wav", None]
    assert frame["raw"].tolist() == [b"x", None, None]


def test_lists_of_different_lengths_stay_lists():
    frame, _ = typed_frame(pa.table({"two": [[[1], [2, 3]]]}), "t")
    assert frame["two"][0] == [[1], [2, 3]]
