"""What tasks about tokens share: lists in cells, and decisions laid out by token."""

import numpy as np
import pandas as pd
import pytest
import torch

from polymodal.data.base import DataTable
from polymodal.tasks import TokenLabels
from polymodal.tasks.by_token import per_token, pieces_of


@pytest.mark.parametrize(
    ("cell", "separator", "pieces"),
    [
        (" a;b;;", ";", ["a", "b", "", ""]),
        ("HEC", "", ["H", "E", "C"]),
        (np.array([1, 2]), ";", [1, 2]),
        ((None, "a"), ";", [None, "a"]),
        ([], ";", None),
        ("NA", "", None),
        ("  ", "", None),
        (float("nan"), ";", None),
        (None, ";", None),
    ],
)
def test_a_cell_holds_a_piece_for_each_token(cell, separator, pieces):
    assert pieces_of(cell, separator, {"", "NA"}) == pieces


@pytest.mark.parametrize("cell", [3, 2.5, b"ab", {"a": 1}])
def test_what_is_no_list_is_told(cell):
    with pytest.raises(TypeError):
        pieces_of(cell, ";", {""})


@pytest.mark.parametrize("rows", [0, 2])
def test_decisions_are_laid_out_by_token(rows):
    outputs = torch.arange(12.0).repeat(rows, 1)
    told, there = per_token(outputs, 3)
    assert told.shape == (rows, 3, 3)
    assert there.shape == (rows, 3)
    assert not rows or told[0, 1].tolist() == [4, 5, 6]


def test_labels_behind_a_mask_are_not_known():
    table = DataTable(pd.DataFrame({"fold": ["HEHE", "HHHH", "EEEE"], "seen": ["1101", "0000", None]}))
    task = TokenLabels("fold", of="chain", separator="", mask="seen")
    task.reader.fit(table, np.arange(3))
    assert dict(zip(task.classes, task.reader.content.counts, strict=True)) == {"E": 6, "H": 1}
    cells = task.reader.read(table)
    assert [row.tolist() for row in cells.values] == [[1, 0, -1, 0], [-1] * 4, [0] * 4]
    assert task.reader.names == ["fold", "seen"]
    assert task.targets == ["fold"]
    assert not len(task.decode(torch.zeros(0, 12)).prediction)
