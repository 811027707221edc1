"""Wide tables of genes: what varies is kept, what is wild is bounded, what is missing stays missing."""

import numpy as np
import pandas as pd
import pytest

from polymodal.core import DataError
from polymodal.data.base import DataTable
from polymodal.data.genes import GeneColumn

ROWS = 40


def measured(genes: int = 8, seed: int = 0) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    made = draw.normal(size=(ROWS, genes)) * 2.0 ** np.arange(genes)
    return pd.DataFrame(made, columns=[f"rna_G{place}" for place in range(genes)])


def fitted(column: GeneColumn, frame: pd.DataFrame, rows: np.ndarray | None = None, files=None) -> GeneColumn:
    column.fit(DataTable(frame, files=files), np.arange(len(frame)) if rows is None else rows)
    return column


def test_those_that_vary_most_in_the_training_rows_are_kept_in_the_order_of_the_table():
    frame = measured()
    column = fitted(GeneColumn(["rna_*"], genes=3), frame)
    assert list(column.learned.names) == ["rna_G5", "rna_G6", "rna_G7"]
    wild = frame.copy()
    wild.loc[30:, "rna_G0"] = 1e6  # rows that are not for training
    assert fitted(GeneColumn(["rna_*"], genes=3), wild, np.arange(30)).learned.places == [5, 6, 7]


def test_a_wild_value_is_bounded_and_moves_no_other():
    frame = measured()
    column = fitted(GeneColumn(["rna_*"], genes=None), frame)
    wild = frame.copy()
    wild.loc[0, "rna_G1"] = 3515.0
    before, after = (column.read(DataTable(each)).numbers for each in (frame, wild))
    assert np.abs(after).max() <= 10
    assert (before != after).sum() == 1
    spoiled = fitted(GeneColumn(["rna_*"], genes=None), wild).read(DataTable(wild)).numbers
    assert np.std(spoiled[1:, 1]) > 0.4


def test_scaled_measures_are_only_cut():
    frame = measured()
    frame.loc[0, "rna_G1"] = 3515.0
    numbers = fitted(GeneColumn(["rna_*"], "scaled", None), frame).read(DataTable(frame)).numbers
    np.testing.assert_allclose(numbers, frame.clip(-10, 10).to_numpy(), rtol=1e-6)


def test_counts_do_not_depend_on_how_much_was_counted():
    draw = np.random.default_rng(0)
    counts = pd.DataFrame(draw.poisson(20, (ROWS, 6)) + 1, columns=[f"c{place}" for place in range(6)])
    column = fitted(GeneColumn(["c*"], "counts", None), counts)
    deep = column.read(DataTable(counts * 7)).numbers
    np.testing.assert_allclose(deep, column.read(DataTable(counts)).numbers, atol=1e-5)


def test_counts_are_compared_with_genes_of_similar_mean():
    draw = np.random.default_rng(1)
    level = np.exp(draw.normal(3, 1.5, 60))
    counts = pd.DataFrame(draw.poisson(level, (200, 60)), columns=[f"c{place}" for place in range(60)])
    places = draw.permutation(60)[:3]
    for place in places:
        rate = level[place] * draw.gamma(0.5, 2.0, 200)
        counts[f"c{place}"] = draw.poisson(rate)
    column = GeneColumn(["c*"], "counts", 3)
    column.fit(DataTable(counts), np.arange(200))
    assert len(set(column.learned.places) & set(places.tolist())) >= 2


@pytest.mark.parametrize(("cells", "reason"), [([-1, 3, 2], "below zero"), ([0, 0, 0], "no count above zero")])
def test_counts_that_cannot_be_are_refused_by_row(cells: list[int], reason: str):
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(draw.poisson(9, (ROWS, 3)) + 1, columns=["a", "b", "c"])
    column = fitted(GeneColumn(["a", "b", "c"], "counts"), frame)
    frame.loc[4] = cells
    read = column.read(DataTable(frame))
    assert not read.present[4]
    assert read.present.sum() == ROWS - 1
    assert [(refusal.row, reason in refusal.reason) for refusal in read.refusals] == [(4, True)]


def test_a_gene_that_was_not_measured_is_not_known_and_not_zero():
    frame = measured()
    column = fitted(GeneColumn(["rna_*"], genes=None), frame)
    frame.loc[2, "rna_G3"] = np.nan
    frame.loc[5] = np.nan
    cells = column.read(DataTable(frame))
    assert np.isnan(cells.numbers[2]).tolist() == [place == 3 for place in range(8)]
    assert (cells.present.sum(), cells.present[5]) == (ROWS - 1, np.False_)
    assert np.isnan(column.plain(cells, np.array([5]))[0].values).all()


def test_text_is_read_as_numbers_of_a_table_are():
    frame = measured(3).map(lambda value: f"{value:.3f}".replace(".", ","))
    frame.loc[1, "rna_G0"], frame.loc[2, "rna_G0"] = "", "low"
    cells = fitted(GeneColumn(["rna_*"]), frame).read(DataTable(frame))
    assert np.isnan(cells.numbers).sum() == 2
    assert [(refusal.row, refusal.column) for refusal in cells.refusals] == [(2, "rna_G0")]


def test_vectors_in_one_column_are_read_as_columns_are():
    frame = measured()
    vectors = pd.DataFrame({"genes": list(frame.to_numpy())})
    one, other = fitted(GeneColumn(["rna_*"], genes=4), frame), fitted(GeneColumn(["genes"], genes=4), vectors)
    np.testing.assert_allclose(one.read(DataTable(frame)).numbers, other.read(DataTable(vectors)).numbers)
    vectors.at[3, "genes"], vectors.at[4, "genes"], vectors.at[5, "genes"] = np.zeros(3), None, "1 2 x"
    cells = other.read(DataTable(vectors))
    assert np.flatnonzero(~cells.present).tolist() == [3, 4, 5]
    assert [refusal.row for refusal in cells.refusals] == [5, 3]
    assert "3 numbers, training rows hold 8" in cells.refusals[1].reason


def test_genes_that_never_differ_are_left_out_and_without_any_other_it_is_told():
    frame = measured(3).assign(rna_flat=1.0, rna_none=np.nan)
    assert len(fitted(GeneColumn(["rna_*"], genes=None), frame).learned.names) == 3
    with pytest.raises(DataError, match="no-information"):
        fitted(GeneColumn(["rna_flat", "rna_none"]), frame)


def test_sets_hold_the_places_of_their_genes_and_go_along_with_the_model(tmp_path):
    (tmp_path / "sets.gmt").write_text("low\t\tG0\tG1\tG99\nhigh\t\tG7\nnone\t\tTP53\n")
    column = fitted(GeneColumn(["rna_*"], genes=None, sets="sets.gmt"), measured(), files=tmp_path)
    assert column.members == {"low": [0, 1], "high": [7]}
    again = GeneColumn(["rna_*"], genes=None, sets="sets.gmt")
    again.restore(column.state())
    assert again.members == column.members
    (tmp_path / "sets.gmt").write_text("none\t\tTP53\n")
    with pytest.raises(DataError, match="no-gene-of-a-set"):
        fitted(GeneColumn(["rna_*"], sets="sets.gmt"), measured(), files=tmp_path)
    with pytest.raises(DataError, match="have no names"):
        fitted(GeneColumn(["v"], sets="sets.gmt"), pd.DataFrame({"v": list(measured().to_numpy())}), files=tmp_path)
