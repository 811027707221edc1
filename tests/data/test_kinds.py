import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polymodal.data.kinds import Kind, infer_kind, parse_booleans, parse_dates, parse_numbers

CASES = {
    "number": [["1.5", "2", "-3e2"], ["1,5", "2,75", "0,125"], [0.5, None, 2.25], ["1,234.5", "12%", "3"],
               ["3", "NA", "4", "n/a", "5", "6", "7.5", "8", "9", "2"], [18, 25, 31, 18]],
    "boolean": [["yes", "no", "Yes"], [0, 1, 1], [True, False], ["ja", "nein", ""], ["0", "1", "0"], ["True", "False"]],
    "category": [["red", "blue", "red", "blue"] * 3, ["007", "012", "007", "012"] * 3, ["m", "f"] * 5],
    "date": [["2020-01-31", "31.01.2021", "1/2/20"], pd.to_datetime(["2020-01-01", "2021-01-01"]),
             ["20200101", "20200202", "20210303", "20210404", "20190505"]],
    "text": [[f"what a lovely number {place} dress" for place in range(20)]],
    "file": [["a/1.png", "b/2.PNG", "c.jpg"]],
    "identifier": [[f"P{place:04}" for place in range(30)], list(range(1, 41)), [float(place) for place in range(30)],
                   [str(2**63 + place * 11) for place in range(25)], [f"{place:05}" for place in range(30)]],
    "constant": [["x", "x"], [None, None], ["", ""], [3.0, 3.0], ["2020-01-01", "01.01.2020"]],
}  # fmt: skip


@pytest.mark.parametrize(("name", "values"), [(name, values) for name, many in CASES.items() for values in many])
def test_the_kind_follows_from_the_content_in_any_order(name, values, order):
    kind = infer_kind(pd.Series(values).iloc[order(len(values))])
    assert kind.name == name
    assert kind.reason


@pytest.mark.parametrize("values", [values for many in CASES.values() for values in many])
def test_the_state_of_a_kind_is_json_and_gives_it_back(values):
    kind = infer_kind(pd.Series(values))
    assert Kind.restore(json.loads(json.dumps(kind.state()))) == kind


def test_the_kind_of_some_rows_does_not_depend_on_the_others():
    series = pd.Series(["1,5", "2,5", "3,25", "total nonsense", "2020-01-01"])
    changed = series.copy()
    changed[3:] = "else"
    rows = np.array([0, 1, 2])
    assert infer_kind(series.iloc[rows]) == infer_kind(changed.iloc[rows])


def test_a_year_is_a_number_and_no_name_of_a_row():
    assert infer_kind(pd.Series(np.arange(1990, 2020))).name == "number"


def test_infinity_and_words_are_bad_numbers_and_never_invented():
    series = pd.Series(["1.5", "inf", "", "many", "1e999", "nan"])
    numbers, bad = parse_numbers(series, Kind("number"))
    assert bad.tolist() == [False, True, False, True, True, True]
    assert np.isnan(numbers).tolist() == [False, True, True, True, True, True]
    numbers, bad = parse_numbers(pd.Series([1.0, np.inf, np.nan]))
    assert bad.tolist() == [False, True, False]
    assert np.isnan(numbers[1:]).all()


def test_float_columns_are_not_copied():
    values = np.array([1.0, np.nan, 2.0])
    numbers, _ = parse_numbers(pd.Series(values, copy=False), Kind("number"))
    assert np.shares_memory(numbers, values)


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "category", "boolean", "float32", "UInt8"])
def test_typed_columns_parse_without_text(dtype):
    series = pd.Series([1, 0, 1], dtype=dtype)
    numbers, bad = parse_numbers(series)
    assert numbers.tolist() == [1, 0, 1]
    assert not bad.any()


def test_booleans_in_several_languages():
    answers, bad = parse_booleans(pd.Series(["Yes", "nein", "", "1.0", "maybe"]))
    assert answers[[0, 1, 3]].tolist() == [1, 0, 1]
    assert bad.tolist() == [False, False, False, False, True]


def test_dates_by_type_and_by_text_agree():
    typed = pd.to_datetime(pd.Series(["2020-01-31 12:00", None]), utc=True).dt.tz_convert("Asia/Tokyo")
    days, bad = parse_dates(typed)
    written, wrong = parse_dates(pd.Series(["2020-01-31 12:00", ""]), Kind("date"))
    np.testing.assert_array_equal(days, written)
    assert not bad.any()
    assert not wrong.any()
    assert parse_dates(pd.Series(["soon"]), Kind("date"))[1].all()


@given(st.lists(st.none() | st.text(max_size=15) | st.integers() | st.floats(), min_size=1, max_size=8))
def test_any_column_has_a_kind_and_parses(values):
    series = pd.Series(values, dtype=object)
    kind = infer_kind(series)
    for parse in (parse_numbers, parse_dates):
        numbers, bad = parse(series, kind)
        assert np.isnan(numbers[bad]).all()
        assert not np.isinf(numbers).any()
