"""A target that labels each residue or spot is told from one that labels rows."""

import numpy as np
import pandas as pd
import pytest

from polymodal.data.base import DataTable
from polymodal.data.by_token import labels_by_token

DRAW = np.random.default_rng(0)
CHAINS = ["".join(DRAW.choice(list("ACDEFGHIKLMNPQRSTVWY"), DRAW.integers(25, 60))) for _ in range(30)]
FOLDS = ["".join(DRAW.choice(list("HEC"), len(chain))) for chain in CHAINS]


def labelled(**columns: object) -> DataTable:
    return DataTable(pd.DataFrame({"chain": CHAINS, "age": np.arange(30), **columns}))


@pytest.mark.parametrize(
    ("cells", "written"),
    [
        (FOLDS, {"separator": ""}),
        ([" ".join(fold) for fold in FOLDS], {"separator": " "}),
        ([";".join(fold) for fold in FOLDS], {}),
        ([list(fold) for fold in FOLDS], {}),
        (["", *FOLDS[1:]], {"separator": ""}),
    ],
    ids=["signs", "spaces", "semicolons", "lists", "one row has none"],
)
def test_as_many_labels_as_residues_are_labels_of_residues(cells, written):
    table = labelled(fold=pd.Series(cells, dtype=object))
    assert labels_by_token(table, "fold") == ("chain", {"type": "token_labels", "target": "fold"} | written)


def test_texts_of_another_length_are_none():
    assert labels_by_token(labelled(fold=[fold[1:] for fold in FOLDS]), "fold") is None


@pytest.mark.parametrize("cells", [["a;b"] * 30, np.arange(30) % 2, ["came in with a cough"] * 30])
def test_tags_numbers_and_texts_are_of_the_row(cells):
    assert labels_by_token(labelled(target=cells), "target") is None


def test_long_lists_beside_sections_are_of_their_spots():
    layers = pd.Series([["L1", "L2", None] * 20] * 5, dtype=object)
    table = DataTable(pd.DataFrame({"file": [f"{row}.h5ad" for row in range(5)], "layers": layers}))
    assert labels_by_token(table, "layers") == ("file", {"type": "token_labels", "target": "layers"})
    tags = table.frame.assign(layers=["in the north there is more of it", "it rains"] * 2 + ["often"])
    assert labels_by_token(DataTable(tags), "layers") is None
