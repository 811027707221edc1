import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polymodal.data.numerals import decimal_mark, limits, plain_numbers, read_numbers

FINITE = st.floats(allow_nan=False, allow_infinity=False)


def texts(*values: str) -> pa.LargeStringArray:
    return pa.array(list(values), pa.large_string())


@given(st.lists(FINITE, min_size=1))
def test_what_python_writes_is_read_back_exactly(values):
    assert read_numbers(texts(*map(repr, values)), ".").tolist() == values


@given(st.lists(st.decimals(-(10**12), 10**12, places=2), min_size=1))
def test_grouped_thousands_are_read_under_either_mark(values):
    english = [f"{value:,.2f}" for value in values]
    german = [text.translate(str.maketrans(",.", ".,")) for text in english]
    expected = [float(value) for value in values]
    assert read_numbers(texts(*english), ".").tolist() == expected
    assert read_numbers(texts(*german), ",").tolist() == expected


@given(st.lists(st.text(max_size=12), min_size=1, max_size=8), st.sampled_from(".,"))
def test_a_text_is_read_alike_alone_and_in_company(values, mark):
    values = [value.strip() for value in values]
    together = read_numbers(texts(*values), mark)
    alone = [read_numbers(texts(value), mark)[0] for value in values]
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize(
    ("written", "mark", "number"),
    [("1,234", ".", 1234), ("1,234", ",", 1.234), ("0,125", ".", 0.125), ("2,5", ".", 2.5), ("1.5", ",", 1.5),
     ("1 234,5", ",", 1234.5), ("1'234.5", ".", 1234.5), ("12 %", ".", 12), ("€ 3", ".", 3), ("−4", ".", -4),
     ("+.5e3", ".", 500), ("1e400", ".", np.inf), ("7,", ",", 7),
     ("<5", ".", 5), ("≥ 0,5", ",", 0.5), (">=-2", ".", -2), ("< $3", ".", 3)],
)  # fmt: skip
def test_one_number(written, mark, number):
    assert read_numbers(texts(written), mark).tolist() == [number]


@pytest.mark.parametrize(
    "written", ["", "1.2.3", "12,34,56", "0x10", "1_000", "<", "< a", "<<5", "12 kg", "--1", "1e", ",", ".", "NA"]
)
def test_no_number(written):
    assert np.isnan(read_numbers(texts(written), ".")).all()


def test_the_mark_is_the_one_that_fits_more_texts():
    assert decimal_mark(texts("1,5", "2,25", "3,125")) == ","
    assert decimal_mark(texts("1.5", "2.25", "3,125")) == "."
    assert decimal_mark(texts("1,234", "5,678")) == "."
    assert decimal_mark(texts("0,234", "5,678")) == ","


def test_plain_numbers_are_told_at_once():
    assert plain_numbers(texts("1", "2.5")).tolist() == [1, 2.5]
    assert plain_numbers(texts("1", "2,5")) is None


def test_limits_are_told_from_numbers_and_words():
    assert limits(texts("<5", "5", "> 1.2", "≤,5", "<a", "a<5", "<")).tolist() == [1, 0, 1, 1, 0, 0, 0]
