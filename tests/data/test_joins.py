import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polymodal.core import DataError
from polymodal.data.joins import join
from polymodal.data.kinds import parse_labels
from polymodal.data.tables import from_frame


def test_ids_meet_whatever_type_they_have():
    left = from_frame(pd.DataFrame({"id": ["7", "8.0", "007", ""], "x": [1, 2, 3, 4]}))
    right = from_frame(pd.DataFrame({"id": [8.0, 7.0, 9.0], "lab": [80, 70, 90], "ok": [True, False, True]}))
    joined, report = join(left, right, "id")
    assert parse_labels(joined.column("lab")).tolist() == ["70", "80", None, None]
    assert parse_labels(joined.column("ok")).tolist() == ["False", "True", None, None]
    assert (report.matched, report.unmatched, report.unnamed, report.unused) == (2, 2, 1, 1)


@given(st.permutations(range(6)), st.lists(st.integers(0, 8), min_size=1, max_size=8))
def test_the_order_of_rows_decides_nothing(order, wanted):
    right = pd.DataFrame({"id": np.arange(6) + 2**62, "value": np.arange(6) * 10 + 2**60})
    left = from_frame(pd.DataFrame({"id": [str(number + 2**62) for number in wanted]}))
    joined, _ = join(left, from_frame(right), "id")
    shuffled, _ = join(left, from_frame(right.iloc[list(order)]), "id")
    expected = [str(number * 10 + 2**60) if number < 6 else None for number in wanted]
    assert parse_labels(joined.column("value")).tolist() == expected
    assert parse_labels(shuffled.column("value")).tolist() == expected


def test_whole_numbers_stay_whole_although_some_are_absent():
    left = from_frame(pd.DataFrame({"id": [1, 2]}))
    right = from_frame(
        pd.DataFrame(
            {
                "id": [1],
                "big": np.array([2**63 + 1], dtype=np.uint64),
                "day": pd.to_datetime(["2020-01-01"]),
                "word": ["a"],
            }
        )
    )
    joined, _ = join(left, right, "id")
    assert parse_labels(joined.column("big")).tolist() == [str(2**63 + 1), None]
    assert joined.frame[["day", "word"]].isna().to_numpy().tolist() == [[False, False], [True, True]]


def test_a_repeated_id_is_refused_on_the_right_only():
    once = from_frame(pd.DataFrame({"id": ["a", "b"], "x": [1, 2]}), source="once")
    twice = from_frame(pd.DataFrame({"id": ["a", "b", "a"], "y": [1, 2, 3]}), source="twice")
    with pytest.raises(DataError) as refused:
        join(once, twice, "id")
    assert refused.value.code == "repeated-id"
    assert "row 2" in refused.value.where
    joined, _ = join(twice, once, "id")
    assert joined.frame["x"].tolist() == [1, 2, 1]


def test_columns_of_one_name_and_missing_ids_are_refused():
    table = from_frame(pd.DataFrame({"id": ["a"], "x": [1]}))
    with pytest.raises(DataError, match="repeated-column"):
        join(table, table, "id")
    with pytest.raises(DataError, match="unknown-column"):
        join(table, from_frame(pd.DataFrame({"Id": ["a"]})), "id")


def sections() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Spots of two sections that share a barcode, and their layers in another order."""
    spots = pd.DataFrame({"section": ["s1", "s1", "s2"], "barcode": ["AC", "AG", "AC"], "count": [3, 4, 5]})
    layers = pd.DataFrame({"barcode": ["AC", "AC", "AG"], "section": ["s2", "s1", "s1"], "layer": ["L6", "L1", "L2"]})
    return spots, layers


def test_an_id_of_two_columns_is_one_id():
    spots, layers = map(from_frame, sections())
    joined, report = join(spots, layers, ["section", "barcode"])
    assert joined.frame["layer"].tolist() == ["L1", "L2", "L6"]
    assert list(joined.frame.columns) == ["section", "barcode", "count", "layer"]
    assert (report.on, report.matched, report.unused) == ("section, barcode", 3, 0)


def test_half_of_an_id_is_refused_and_told_what_is_lacking():
    spots, layers = map(from_frame, sections())
    with pytest.raises(DataError, match="repeated-id") as refused:
        join(spots, layers, "barcode")
    assert "every column that belongs to the id" in refused.value.remedy
    one = from_frame(sections()[1].query("section == 's1'"))
    with pytest.raises(DataError, match="repeated-column") as refused:  # the layers of one section for spots of both
        join(spots, one, "barcode")
    assert "on: [barcode, section]" in refused.value.remedy


def test_an_id_that_lacks_a_part_is_none():
    spots, layers = sections()
    spots.loc[0, "section"] = None
    joined, report = join(from_frame(spots), from_frame(layers), ["section", "barcode"])
    assert joined.frame["layer"].isna().tolist() == [True, False, False]
    assert (report.unmatched, report.unnamed) == (1, 1)


def test_columns_are_renamed_before_they_are_joined():
    left = from_frame(pd.DataFrame({"protein": ["p1", "p2"], "length": [3, 4]}))
    right = from_frame(pd.DataFrame({"id": ["p2", "p1"], "length": [40, 30]}))
    joined, _ = join(left, right, "protein", {"id": "protein", "length": "full_length"})
    assert joined.frame["full_length"].tolist() == [30, 40]
    with pytest.raises(DataError, match="unknown-column"):
        join(left, right, "protein", {"Id": "protein"})
    with pytest.raises(DataError, match="twice after some are renamed"):
        join(left, right, "protein", {"id": "length"})
