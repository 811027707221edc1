"""Any number of labels at once: an empty cell is unlabelled, a lone separator says that none applies."""

import numpy as np
import pandas as pd
import pytest
import torch

from polymodal.core import DataError
from polymodal.data.base import DataTable
from polymodal.tasks import Multilabel
from tests.tasks.asked import asked, first_answer

CELLS = ["red;blue", " red ", ";", "", "red; green;", None]


def read(task: Multilabel, cells: list):
    return task.reader.read(DataTable(pd.DataFrame({"y": pd.Series(cells, dtype=object)})))


def test_cells_become_labels():
    task = asked(Multilabel("y"), CELLS)
    assert task.classes == ["blue", "green", "red"]
    cells = read(task, CELLS)
    assert cells.present.tolist() == [True, True, True, False, True, False]
    assert cells.values.astype(int).tolist() == [[1, 0, 1], [0, 0, 1], [0, 0, 0], [0, 0, 0], [0, 1, 1], [0, 0, 0]]


def test_a_label_without_precedent_is_refused_and_the_others_of_its_row_stay():
    task = asked(Multilabel("y"), CELLS)
    cells = read(task, ["red;pink", "pink"])
    assert [(refusal.row, "pink" in refusal.reason) for refusal in cells.refusals] == [(0, True), (1, True)]
    assert cells.present.all()
    assert cells.values[0].tolist() == [False, False, True]


def test_another_separator():
    assert asked(Multilabel("y", separator=" | "), ["a;b | c", "c"]).classes == ["a;b", "c"]
    with pytest.raises(DataError, match="one-class"):
        asked(Multilabel("y"), [";", ""])


def test_knowing_nothing_it_says_how_common_each_label_is():
    task = asked(Multilabel("y"), CELLS)
    np.testing.assert_allclose(task.decode(first_answer(task)).chances, [[1.5 / 5, 1.5 / 5, 3.5 / 5]], atol=1e-6)


def test_each_label_is_answered_on_its_own():
    task = asked(Multilabel("y"), CELLS)
    outputs = torch.tensor([[2.0, -1.0, 0.0], [-9.0, 9.0, 1.0]])
    decoded = task.decode(outputs)
    assert decoded.prediction.tolist() == [[True, False, False], [False, True, True]]
    changed = outputs.clone()
    changed[:, 0] = 5.0
    np.testing.assert_array_equal(task.decode(changed).chances[:, 1:], decoded.chances[:, 1:])
    perfect = torch.where(torch.tensor([[1, 0, 0]]) == 1, 50.0, -50.0)
    assert task.losses(perfect, torch.tensor([[True, False, False]])).item() < 1e-12
