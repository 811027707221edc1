"""Targets keep the user's spelling, know the training rows alone, and leave unlabelled what is."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from polymodal.core import DataError
from polymodal.data.base import DataTable
from polymodal.tasks.targets import LabelColumn, NumberColumn, balanced_weights

TRAIN = np.arange(6)


def table(cells: list) -> DataTable:
    return DataTable(pd.DataFrame({"y": pd.Series(cells, dtype=object)}), source="cohort")


def fitted(column, cells: list):
    column.fit(table(cells), np.arange(min(6, len(cells))))
    return column


def test_labels_are_ordered_by_size_and_else_by_letter():
    assert fitted(LabelColumn("y"), ["10", "9", "2", "9"]).classes == ["2", "9", "10"]
    assert fitted(LabelColumn("y"), ["b", "10", "a", "9"]).classes == ["9", "10", "a", "b"]
    assert fitted(LabelColumn("y"), [1.0, 0.0, None, 1.0]).classes == ["0", "1"]
    assert fitted(LabelColumn("y", last="no"), ["no", "yes", "yes"]).classes == ["yes", "no"]
    assert fitted(LabelColumn("y", order=["low", "mid", "high"]), ["high", "low"]).classes == ["low", "mid", "high"]


def test_a_label_without_precedent_is_refused_and_an_empty_one_is_not():
    column = fitted(LabelColumn("y"), ["a", "b", "", "a", "b", "b", "c", "", "a"])
    assert column.counts == [2, 3]
    cells = column.read(table(["c", "", "a", None, "b"]))
    assert cells.present.tolist() == [False, False, True, False, True]
    assert [refusal.row for refusal in cells.refusals] == [0]
    values, _ = column.collate(cells, np.array([4, 0, 2]))
    assert values.index.tolist() == [0, -1, 2]
    assert values.data["target"][values.index[values.present]].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("column", "cells", "code"),
    [
        (LabelColumn("y"), ["a"] * 6, "one-class"),
        (LabelColumn("y"), [""] * 6, "one-class"),
        (LabelColumn("y", exactly=2), ["a", "b", "c"], "wrong-classes"),
        (LabelColumn("y", last="yes"), ["a", "b"], "wrong-classes"),
        (NumberColumn("y"), ["4"] * 6, "constant-target"),
        (NumberColumn("y"), [""] * 6, "no-numbers"),
        (NumberColumn("y"), ["low", "high"] * 3, "no-numbers"),
    ],
)
def test_what_cannot_be_asked_is_an_error_of_the_data(column, cells: list[str], code: str):
    with pytest.raises(DataError, match=code):
        fitted(column, cells)


def test_numbers_know_the_training_rows_alone():
    column = fitted(NumberColumn("y"), ["1,5", "2,5", "", "3,5", "4,5", "2,5", "1000", "word"])
    assert column.mean == pytest.approx(2.9)
    cells = column.read(table(["1000", "word", "", "0,5"]))
    assert cells.present.tolist() == [True, False, False, True]
    assert [refusal.row for refusal in cells.refusals] == [1]
    assert cells.values[[0, 3]].tolist() == [1000.0, 0.5]


def test_an_unfitted_column_says_so():
    with pytest.raises(RuntimeError, match="fit or restore"):
        NumberColumn("y").read(table(["1"]))


@given(st.lists(st.integers(1, 10_000), min_size=2, max_size=8))
def test_balanced_weights_make_classes_count_alike(counts: list[int]):
    weights = balanced_weights(counts, torch.zeros((), dtype=torch.float64))
    share = weights * torch.tensor(counts, dtype=torch.float64)
    torch.testing.assert_close(share, share[:1].expand_as(share))
    torch.testing.assert_close(share.sum(), torch.tensor(float(sum(counts)), dtype=torch.float64))


def test_what_is_learned_as_a_logarithm_keeps_its_answers_within_bounds():
    column = NumberColumn("y", "log")
    column.fit(table(["1", "10", "100"]), np.arange(3))
    wild = torch.tensor([-1e6, 0.0, 1e6], dtype=torch.float64)
    assert column.unscaled(wild).tolist() == pytest.approx([0.01, 10.0, 1e4])
    again = NumberColumn("y", "log")
    again.restore(json.loads(json.dumps(column.state())))
    assert again.unscaled(wild).tolist() == column.unscaled(wild).tolist()
    plain = fitted(NumberColumn("y"), ["1", "10", "100"])
    assert plain.unscaled(wild)[2] > 1e7
