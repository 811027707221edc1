"""A table knows its columns by name, its rows by number, and where a person would look them up."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from polymodal.core import DataError
from polymodal.data.base import DataTable


@pytest.fixture
def table() -> DataTable:
    return DataTable(pd.DataFrame({"age": ["1", "2", "3"], "sex": ["a", "b", "c"]}), source="t.csv", first_line=2)


def test_a_column_that_is_not_there_is_told_with_the_nearest_name(table: DataTable):
    assert table.column("age").tolist() == ["1", "2", "3"]
    with pytest.raises(DataError, match="unknown-column") as caught:
        table.column("agee")
    assert '"age"' in str(caught.value)


def test_rows_that_are_taken_are_numbered_anew_and_have_no_line(table: DataTable):
    taken = table.take(np.array([2, 0]))
    assert taken.column("age").tolist() == ["3", "1"]
    assert taken.frame.index.tolist() == [0, 1]
    assert (taken.first_line, taken.source, len(taken)) == (None, "t.csv", 2)


def test_places_are_lines_of_text_files_and_rows_of_others(table: DataTable):
    assert table.place(1, "age") == 't.csv:3, column "age"'
    assert DataTable(table.frame, source="t.parquet", files=Path()).place(1) == "t.parquet, row 1"
