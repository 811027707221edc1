"""Text columns: what is absent, what is distinct, and what a plain model is given."""

import numpy as np
import pandas as pd
import pytest

from polymodal.core import DataError
from polymodal.data import textual
from polymodal.data.base import DataTable
from polymodal.data.bytepair import BREAK
from polymodal.data.forms import GramForm, PieceForm
from polymodal.data.textual import TextColumn

TABLE = DataTable(
    pd.DataFrame(
        {
            "title": ["Red", None, "", "NA", "Red", "x\x1fy"],
            "body": ["a shoe", "a bag", None, "  ", "a shoe", "z"],
        },
        dtype="object",
    ),
    missing=("", "NA"),
)
ROWS = np.arange(6)


def column(pieces: bool = False) -> TextColumn:
    made = TextColumn(["title", "body"], PieceForm(300) if pieces else GramForm(2))
    made.fit(TABLE, ROWS)
    return made


def test_a_row_without_any_text_is_absent_and_equal_texts_are_one() -> None:
    cells = column().read(TABLE)
    assert cells.present.tolist() == [True, True, False, False, True, True]
    assert len(cells.documents) == 3
    values, refusals = column().collate(cells, np.array([4, 2, 0, 1]))
    assert values.index.tolist() == [0, -1, 0, 1]
    assert values.count == 2
    assert not refusals


def test_columns_are_kept_apart_by_a_code_of_their_own() -> None:
    made = column(pieces=True)
    cells = made.read(TABLE)
    codes = made.collate(cells, ROWS)[0].data["codes"]
    assert (codes == BREAK).sum(dim=1).tolist() == [1, 1, 1]


def test_rows_all_absent_make_an_empty_batch() -> None:
    made = column()
    values, _ = made.collate(made.read(TABLE), np.array([2, 3]))
    assert values.count == 0
    assert values.index.tolist() == [-1, -1]


def test_numbers_and_categories_are_read_as_text() -> None:
    table = DataTable(pd.DataFrame({"title": pd.Categorical(["a", "b", "a"]), "body": [1.0, 2.5, np.nan]}))
    made = TextColumn(["title", "body"], PieceForm(300))
    made.fit(table, np.arange(3))
    assert made.read(table).present.all()


def test_training_rows_without_a_text_are_refused() -> None:
    with pytest.raises(DataError, match="no-text"):
        TextColumn(["title"], GramForm(1)).fit(TABLE, np.array([1, 2, 3]))


def test_a_cell_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(textual, "READ", 4)
    cells = column().read(TABLE)
    assert cells.documents.to_pylist()[0] == "Red\x1fa sh"


def test_a_plain_model_is_given_counts_of_the_whole_and_of_each_column() -> None:
    made = column()
    blocks = made.plain(made.read(TABLE), np.array([0, 2]))
    assert len(blocks) == 6
    assert all(block.kind == "counts" and block.values.shape[0] == 2 for block in blocks)
    assert all(block.values[1].nnz == 0 for block in blocks)
