"""A nuisance is read as classes or numbers, and a label that training never saw is no fault of its row."""

import numpy as np
import pandas as pd
import pytest
import torch

from polymodal.core import Batch, DataError, Representation, Tokens
from polymodal.data.base import DataTable
from polymodal.data.naming import usable_name
from polymodal.data.samples import Samples
from polymodal.objectives.nuisance import NuisanceColumn, layers_of, nuisance_name
from polymodal.testing.columns import check_column


def table_of(values: list[str]) -> DataTable:
    return DataTable(pd.DataFrame({"it": values}))


def fitted(values: list[str], train: int | None = None, **options: str) -> tuple[NuisanceColumn, DataTable]:
    table, column = table_of(values), NuisanceColumn("it", **options)
    column.fit(table, np.arange(len(values) if train is None else train))
    return column, table


@pytest.mark.parametrize(
    ("values", "numbers"),
    [
        ([str(place) for place in range(30)], True),
        ([str(place % 6) for place in range(30)], False),
        ([f"speaker {place}" for place in range(30)], False),
    ],
)
def test_the_kind_is_settled_by_the_training_rows(values: list[str], numbers: bool):
    assert fitted(values)[0].is_numbers is numbers
    assert fitted([str(place % 5) for place in range(30)] + values, train=30)[0].is_numbers is False


def test_the_kind_can_be_said():
    assert fitted(["1", "2", "3"], kind="numbers")[0].is_numbers
    assert not fitted([str(place) for place in range(30)], kind="classes")[0].is_numbers


@pytest.mark.parametrize("kind", ["classes", "numbers"])
def test_it_is_a_column_by_the_contract(kind: str):
    values = ["1", "2", "", "2.5", "1", "3", "2", "", "1", "3"]
    check_column(lambda: NuisanceColumn("it", kind), table_of(values), np.arange(7))


def test_a_label_that_training_never_saw_is_absent_and_not_refused():
    column, table = fitted(["anna", "ben", "anna", "cleo", ""], train=3)
    cells = column.read(table)
    assert cells.present.tolist() == [True, True, True, False, False]
    assert not cells.refusals


def test_a_nuisance_of_one_value_is_refused():
    with pytest.raises(DataError, match="one-class"):
        fitted(["anna", "anna", "anna"])


def test_a_batch_says_classes_by_number_and_numbers_by_their_spread():
    for kind, values, wanted in (
        ("classes", ["b", "", "a"], [1, None, 0]),
        ("numbers", ["10", "", "20"], [-1.0, None, 1.0]),
    ):
        column, table = fitted(values, kind=kind)
        batch = Samples.read(table, {}, {nuisance_name("it", kind): column}).batch(np.array([2, 1, 0]))
        target, known = column.known(batch)
        assert known.tolist() == [True, False, True]
        assert [target[0].item(), target[2].item()] == [wanted[2], wanted[0]]


def test_no_task_can_bear_its_name():
    assert not usable_name(nuisance_name("speaker", "auto"))


def shown() -> Representation:
    values = torch.arange(24.0).reshape(2, 3, 4)
    tokens = Tokens(values, torch.tensor([[True, True, False], [False, False, False]]))
    dark = Tokens.absent(2, 4, like=values)
    views = torch.tensor([[True, False], [False, False]])
    return Representation(values[:, :2], views, "mean", {}, {"a": tokens, "b": dark})


def test_layers_are_what_heads_read_and_the_mean_of_what_encoders_made():
    found = layers_of(shown(), ["a", "b"], "both")
    assert list(found) == ["pooled", "tokens of a"]  # of the other one, no row has anything
    pooled, rows = found["pooled"]
    assert rows.tolist() == [True, False]
    assert pooled.tolist() == [[0, 1, 2, 3, 0, 0, 0, 0], [0] * 8]
    vectors, rows = found["tokens of a"]
    assert rows.tolist() == [True, False]
    assert vectors[0].tolist() == [2, 3, 4, 5]
    assert list(layers_of(shown(), ["a"], "pooled")) == ["pooled"]
    assert list(layers_of(shown(), ["a"], "tokens")) == ["tokens of a"]


def test_a_batch_has_no_other_names():
    column, table = fitted(["a", "b"])
    with pytest.raises(KeyError):
        column.known(Batch({}, {}, torch.arange(len(table))))
