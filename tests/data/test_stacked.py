"""Tables under one another: nobody's answer is another's, and every row is still found in its file."""

import numpy as np
import pandas as pd
import pytest

from polymodal.core import DataError
from polymodal.data.base import DataTable
from polymodal.data.stacked import TABLE, names_of_tables, renamed, stack


@pytest.fixture
def two() -> dict[str, DataTable]:
    first = pd.DataFrame({"id": ["1", "2", "NA"], "x": ["0.5", "1,5", ""], "y": ["a", "b", "a"]})
    second = pd.DataFrame({"id": [7, 8], "z": [1.5, 2.5], "y": ["c", "d"]})
    marked = DataTable(first, "first.csv", ("", "NA"), first_line=2)
    return {"a": marked, "b": DataTable(second, "second.parquet", notes=("odd",))}


def test_a_row_is_without_the_columns_of_other_tables(two):
    made = stack(two, {})
    assert list(made.frame.columns) == ["id", "x", "y", "z", TABLE]
    assert names_of_tables(made).tolist() == ["a", "a", "a", "b", "b"]
    assert made.frame["z"].isna().tolist() == [True] * 3 + [False] * 2
    assert made.frame["y"].tolist() == ["a", "b", "a", "c", "d"]
    assert (made.missing, made.notes) == (("", "NA"), ("odd",))
    assert names_of_tables(two["a"]) is None


def test_text_beside_numbers_makes_text_and_keeps_what_is_missing(two):
    ids = stack(two, {}).frame["id"]
    assert ids.tolist()[:2] + ids.tolist()[3:] == ["1", "2", "7", "8"]
    assert ids.isna().tolist() == [False, False, True, False, False]
    assert stack(two, {}).frame["z"].dtype == np.float64


def test_an_answer_counts_where_it_is_asked(two):
    made = stack(two, {"y": ["b"]})
    assert made.frame["y"].isna().tolist() == [True] * 3 + [False] * 2


def test_rows_are_found_in_their_own_file(two):
    made = stack(two, {})
    assert made.place(1, "x") == 'first.csv:3, column "x"'
    assert made.place(4) == "second.parquet, row 1"
    assert two["a"].place(1) == "first.csv:3"
    assert made.take(np.array([4])).place(0) == "first.csv, second.parquet, row 0"


def test_answers_that_are_not_there_and_a_name_that_is_taken_are_refused(two):
    with pytest.raises(DataError, match="unknown-column"):
        stack(two, {"z": ["a"]})
    taken = DataTable(two["a"].frame.assign(**{TABLE: "me"}), "first.csv")
    with pytest.raises(DataError, match="repeated-column"):
        stack({"a": taken}, {})


def test_renamed_columns_have_one_name_each(two):
    assert list(renamed(two["a"], {"y": "z"}).frame.columns) == ["id", "x", "z"]
    with pytest.raises(DataError, match="repeated-column"):
        renamed(two["a"], {"y": "x"})
    with pytest.raises(DataError, match="unknown-column"):
        renamed(two["a"], {"why": "z"})
