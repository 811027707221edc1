"""Columns of genes are found by how they begin, in tables of cells and in no other."""

import numpy as np
import pandas as pd
import pytest

from polymodal.data.assays import assays_of
from polymodal.data.base import DataTable


def cells(values: np.ndarray, source: str = "blood.h5mu") -> DataTable:
    genes = {f"rna.G{place}": values[:, place] for place in range(values.shape[1])}
    others = {"percent.mt": np.ones(len(values)), "rna.kind": ["T"] * len(values), "id": np.arange(len(values))}
    return DataTable(pd.DataFrame(genes | others), source)


COUNTS = np.random.default_rng(0).poisson(2.0, (20, 6)).astype(float)


@pytest.mark.parametrize(
    ("values", "told"),
    [(COUNTS, "counts"), (np.log1p(COUNTS), "logged"), (COUNTS - COUNTS.mean(axis=0), "scaled")],
    ids=["counts", "logged", "scaled"],
)
def test_what_numbers_of_genes_are_is_told_by_their_values(values, told):
    found = assays_of(cells(values))
    assert list(found) == ["rna"]
    assert found["rna"].columns == tuple(f"rna.G{place}" for place in range(6))
    assert (found["rna"].pattern, found["rna"].values) == ("rna.*", told)


def test_missing_values_do_not_make_counts_something_else():
    values = COUNTS.copy()
    values[3, 2] = np.nan
    assert assays_of(cells(values))["rna"].values == "counts"


@pytest.mark.parametrize("source", ["blood.h5ad", "a/counts.NPZ"])
def test_every_file_of_counts_has_them(source):
    assert list(assays_of(cells(COUNTS, source))) == ["rna"]


def test_tables_of_other_files_have_no_assays():
    assert assays_of(cells(COUNTS, "blood.csv")) == {}


def test_a_few_columns_with_one_beginning_describe_cells():
    assert assays_of(cells(COUNTS[:, :4])) == {}
