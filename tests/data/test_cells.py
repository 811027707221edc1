import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polymodal.data.cells import absent, content_codes, holds_objects, parse_labels, texts

FORMS = {
    "text": pd.Series(["a", None, "b"]),
    "object": pd.Series(["a", None, "b"], dtype=object),
    "category": pd.Series(["a", None, "b"], dtype="category"),
    "string": pd.Series(["a", None, "b"], dtype="string"),
    "float": pd.Series([1.5, np.nan, 2.0]),
    "nullable": pd.Series([1, None, 2], dtype="Int64"),
    "boolean": pd.Series([True, None, False], dtype="boolean"),
    "date": pd.to_datetime(pd.Series(["2020-01-01", None, "2020-01-02"])),
    "number category": pd.Series([1.0, None, 2.0], dtype="category"),
    "whole number category": pd.Series(pd.Categorical.from_codes([0, -1, 1], [1, 2])),
    "date category": pd.to_datetime(pd.Series(["2020-01-01", None, "2020-01-02"])).astype("category"),
    "mixed": pd.Series([1, None, "b"], dtype=object),
    "sparse": pd.Series(pd.arrays.SparseArray([1.0, np.nan, 2.0])),
    "period": pd.Series(pd.PeriodIndex(["2020-01", None, "2020-02"], freq="M")),
    "span": pd.to_timedelta(pd.Series([1, None, 2]), unit="s"),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_null_is_absent_in_every_type(form):
    series = FORMS[form]
    assert absent(series).tolist() == [False, True, False]
    assert [label is None for label in parse_labels(series)] == [False, True, False]


def test_only_declared_marks_are_missing():
    series = pd.Series(["NA", "None", "", " ", " NA ", "nan"])
    assert absent(series).tolist() == [False, False, True, True, False, False]
    assert absent(series, ("NA",)).tolist() == [True, False, False, False, True, False]
    assert absent(pd.Series([-999, 1, 2]), ("", "-999")).tolist() == [True, False, False]


def test_labels_keep_their_spelling_and_floats_become_whole_again():
    assert parse_labels(pd.Series(["007", " 1.0", "1.50", "v1.0", "-3.0", "NA"])).tolist() == [
        "007", "1", "1.50", "v1.0", "-3", "NA",
    ]  # fmt: skip
    assert parse_labels(pd.Series([1.0, 2.5, 1e15])).tolist() == ["1", "2.5", "1000000000000000"]
    assert parse_labels(pd.Series([True, False])).tolist() == ["True", "False"]
    assert parse_labels(pd.Series([1, "1", 1.0, True, dt.date(2020, 1, 2)], dtype=object)).tolist() == [
        "1", "1", "1", "True", "2020-01-02",
    ]  # fmt: skip


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1))
def test_64_bit_ids_keep_every_digit(values):
    assert parse_labels(pd.Series(np.array(values, dtype=np.uint64))).tolist() == list(map(str, values))
    assert parse_labels(pd.Series(values, dtype="UInt64")).tolist() == list(map(str, values))


@given(st.lists(st.none() | st.text() | st.integers() | st.floats() | st.booleans() | st.dates(), min_size=1))
def test_whatever_a_cell_holds_it_has_a_text(values):
    series = pd.Series(values, dtype=object)
    assert len(texts(series)) == len(absent(series)) == len(parse_labels(series)) == len(values)


def test_pictures_in_memory_are_objects():
    assert holds_objects(pd.Series([np.zeros((2, 2)), None], dtype=object))
    assert not holds_objects(pd.Series([1, "a", None], dtype=object))
    assert not holds_objects(pd.Series([1.0]))


def test_objects_are_told_apart_by_all_that_they_hold():
    long = np.zeros(5000)
    other = long.copy()
    other[2500] = 1.0  # what writing a long array as text would leave out
    codes = content_codes(pd.Series([long, other, long.copy(), None, b"x", b"x", [1, 2], [1, [2]]], dtype=object))
    assert codes[0] == codes[2] != codes[1]
    assert codes[4] == codes[5]
    assert len(set(codes.tolist())) == 6


@pytest.mark.parametrize("name", FORMS)
def test_plain_cells_that_hold_the_same_have_the_same_code(name):
    codes = content_codes(pd.concat([FORMS[name], FORMS[name]], ignore_index=True))
    half = len(codes) // 2
    assert (codes[:half] == codes[half:]).all()
    assert len(set(codes.tolist())) == half
