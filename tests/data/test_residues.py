"""Sequences are read sign by sign, once each; what is no amino acid refuses its row and no other."""

import numpy as np
import pandas as pd
import pytest
import torch

from polymodal.core import DataError
from polymodal.data.residues import FIRST, HIDDEN, PADDING, PIECES, RESIDUES, UNKNOWN, ResidueColumn, piece_counts
from polymodal.data.tables import from_frame

CODE = {sign: FIRST + place for place, sign in enumerate(RESIDUES)}


def read(cells: list[str | None], longest: int = 2048):
    table = from_frame(pd.DataFrame({"chain": cells}))
    column = ResidueColumn("chain", longest)
    column.fit(table, np.arange(len(cells)))
    return column, column.read(table)


def codes_of(column, cells, row: int) -> list[int]:
    values, _ = column.collate(cells, np.array([row]))
    return values.data["codes"][0].tolist()


@pytest.mark.parametrize(
    ("written", "signs"),
    [
        ("MKV", "MKV"),
        ("mkv", "MKV"),
        (" MK\nV* ", "MKV"),
        (">sp|P1 a kinase\nMK\nV", "MKV"),
        ("MXBV", "M??V"),
        ("uozj", "????"),
    ],
)
def test_how_a_sequence_may_be_written(written, signs):
    column, cells = read([written, "ACD"])
    wanted = [UNKNOWN if sign == "?" else CODE[sign] for sign in signs]
    assert codes_of(column, cells, 0) == wanted


@pytest.mark.parametrize(
    ("written", "said"),
    [("MK1", '"1" at place 3'), ("MK-V", '"-" at place 3'), ("MKé", '"é"'), ("漢", '"漢"'),
     (">name", "without"), ("*", "without")],
)  # fmt: skip
def test_what_is_no_sequence_refuses_its_row(written, said):
    _, cells = read(["MKV", written, None, "MKV"])
    assert cells.present.tolist() == [True, False, False, True]
    (refusal,) = cells.refusals
    assert refusal.row == 1
    assert said in refusal.reason


def test_the_same_sequence_is_one_value_and_shorter_ones_are_filled_up():
    column, cells = read(["MKV", "AC", "MKV", None])
    values, refusals = column.collate(cells, np.array([3, 0, 1, 2]))
    assert values.index.tolist() == [-1, 0, 1, 0]
    assert values.data["codes"][1].tolist() == [CODE["A"], CODE["C"], PADDING]
    assert not refusals
    empty, _ = column.collate(cells, np.array([3]))
    assert empty.count == 0


def test_only_so_many_residues_are_read_and_training_rows_alone_are_learned_from():
    column, cells = read(["A" * 50, "C" * 7, None], longest=20)
    assert len(codes_of(column, cells, 0)) == 20
    assert (column.learned.rows, column.learned.middle, column.learned.longest) == (2, 13, 20)
    again = ResidueColumn("chain")
    again.restore(column.state())
    assert again.learned == column.learned
    long = "A" * 3_000_000
    assert len(codes_of(*read([long]), 0)) == 2048


def test_a_column_without_any_sequence_is_named():
    with pytest.raises(DataError, match="no-usable-sequences") as caught:
        read(["12", "1!"])
    assert '"1" at place 1' in str(caught.value)


def test_what_a_plain_model_gets():
    column, cells = read(["AAC", None, "X"])
    (block,) = column.plain(cells, np.array([0, 1, 2]))
    table = np.asarray(block.values)
    assert table.shape == (3, 421)
    assert np.isnan(table[1]).all()
    np.testing.assert_allclose(table[0, :3], [np.log(3), 2 / 3, 1 / 3])
    np.testing.assert_allclose(table[0, 21:23], [0.5, 0.5])
    assert (table[2, 1:] == 0).all()


def test_pieces_are_counted_and_none_reaches_over_what_is_unknown():
    a, c, d = FIRST, FIRST + 1, FIRST + 2
    counts = piece_counts(torch.tensor([[a, c, a, c, UNKNOWN, d, a, PADDING], [UNKNOWN, HIDDEN, 0, 0, 0, 0, 0, 0]]))
    assert counts.shape == (2, PIECES)
    single, pairs, threes = counts[0].split([20, 400, 8000])
    assert single[:3].tolist() == [3, 2, 1]
    assert {place: int(many) for place, many in enumerate(pairs) if many} == {1: 2, 20: 1, 40: 1}
    assert {place: int(many) for place, many in enumerate(threes) if many} == {20: 1, 401: 1}
    assert counts[1].sum() == 0
    assert piece_counts(torch.tensor([[a]])).sum() == 1


def test_residues_are_counted_as_they_are_read():
    table = from_frame(pd.DataFrame({"p": ["MKV", None, "M1", "GGGGGGGGGG"]}))
    column = ResidueColumn("p", longest=8)
    column.fit(table, np.arange(4))
    assert column.lengths(column.read(table), np.array([3, 0, 1, 2, 0])).tolist() == [8, 3, -1, -1, 3]
