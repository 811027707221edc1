"""Columns of series: from numbers, cells and files; scaled by training rows; refused row by row."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from polymodal.core import DataError
from polymodal.data.base import DataTable
from polymodal.data.series import SeriesColumn
from polymodal.testing import check_column


def table_of(files: Path | None = None, **columns: object) -> DataTable:
    made = {name: pd.Series(list(cells), dtype=object) for name, cells in columns.items()}
    return DataTable(pd.DataFrame(made), files=files)


def fitted(column: SeriesColumn, table: DataTable) -> SeriesColumn:
    column.fit(table, np.arange(len(table)))
    return column


def collated(column: SeriesColumn, table: DataTable) -> tuple[np.ndarray, list[int], list[str]]:
    values, refusals = column.collate(column.read(table), np.arange(len(table)))
    return values.data["series"].numpy(), values.index.tolist(), [refusal.reason for refusal in refusals]


NUMBERS = DataTable(pd.DataFrame({"a": [1.0, 2, np.nan, 3], "b": [10.0, np.nan, np.nan, 30], "c": [5, 5, np.nan, 5]}))


@pytest.mark.parametrize(("layout", "shape"), [("channels", (3, 1, 3)), ("steps", (3, 3, 1))])
def test_single_numbers_are_channels_or_steps(layout: str, shape: tuple[int, ...]) -> None:
    series, index, refusals = collated(fitted(SeriesColumn(["a", "b", "c"], layout), NUMBERS), NUMBERS)
    assert (series.shape, index, refusals) == (shape, [0, 1, -1, 2], [])
    assert np.isnan(series).sum() == 1


def test_scales_are_those_of_each_channel() -> None:
    column = fitted(SeriesColumn(["?"]), NUMBERS)
    assert column.learned.mean == [2.0, 20.0, 5.0]
    assert column.learned.spread == pytest.approx([np.sqrt(2 / 3), 10.0, 1.0])
    series, _, _ = collated(column, NUMBERS)
    np.testing.assert_allclose(series[0, 0], [-np.sqrt(3 / 2), -1, 0], rtol=1e-6)


def test_one_column_holds_all_channels_or_each_holds_one() -> None:
    whole = table_of(x=[np.arange(6.0).reshape(3, 2), None, [[9, 8]]])
    apart = table_of(x=[[0, 2, 4], None, [9]], y=["1 3 5", None, "8"])
    found = [collated(fitted(SeriesColumn(names), table), table) for names, table in ((["x"], whole), ("xy", apart))]
    assert found[0][0].shape == (2, 3, 2)
    np.testing.assert_array_equal(found[0][0], found[1][0])
    assert found[0][1] == found[1][1] == [0, -1, 1]
    assert np.isnan(found[0][0][1, 1:]).all()


def test_a_channel_may_be_missing() -> None:
    table = table_of(x=[[1, 2], [3, 4], None], y=[[5, 6], None, None])
    series, index, _ = collated(fitted(SeriesColumn(["x", "y"]), table), table)
    assert index == [0, 1, -1]
    assert np.isnan(series[1, :, 1]).all()
    assert not np.isnan(series[1, :, 0]).any()


def test_a_bad_row_is_refused_and_the_others_stay() -> None:
    table = table_of(x=[[1.0, 2], "no numbers", [3, 4], [[1, 2]], [np.nan]])
    column = fitted(SeriesColumn(["x"]), table)
    _, index, reasons = collated(column, table)
    assert index == [0, -1, 1, -1, -1]
    assert ["no number" in reasons[0], "has 2 channels" in reasons[1], "no finite number" in reasons[2]] == [True] * 3


def test_channels_of_one_row_are_equally_long() -> None:
    table = table_of(x=[[1, 2], [1, 2, 3]], y=[[1, 2], [1, 2]])
    _, index, reasons = collated(fitted(SeriesColumn(["x", "y"]), table), table)
    assert index == [0, -1]
    assert reasons == ["has channels of 2 and of 3 steps"]


def test_a_long_series_is_averaged_down() -> None:
    table = table_of(x=[np.arange(20.0), np.r_[[np.nan] * 5, np.arange(5, 20)]])
    column = fitted(SeriesColumn(["x"], longest=8), table)
    series, _, _ = collated(column, table)
    told = series[:, :, 0] * column.learned.spread[0] + column.learned.mean[0]
    np.testing.assert_allclose(told[0], [1, 4, 7, 10, 13, 16, 18.5], rtol=1e-5)  # three steps a mean
    np.testing.assert_allclose(told[1], [np.nan, 5, 7, 10, 13, 16, 18.5], rtol=1e-5)


def test_wild_values_are_cut_off() -> None:
    table = table_of(x=[np.linspace(-1, 1, 50)] * 3 + [[1e9, 0.0]])
    column = SeriesColumn(["x"])
    column.fit(table, np.arange(3))
    series, _, _ = collated(column, table)
    assert series[3, 0, 0] == 10.0


@pytest.mark.parametrize("layout", ["channels", "steps"])
def test_numbers_keep_the_contract(layout: str) -> None:
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(draw.normal(size=(30, 3)), columns=["a", "b", "c"])
    frame = frame.mask(draw.random(frame.shape) < 0.2)
    frame.iloc[[4, 9]] = np.nan
    check_column(lambda: SeriesColumn(["a", "b", "c"], layout), DataTable(frame), np.arange(2, 25))


def test_files_are_read_below_the_data_folder_alone(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(4.0))
    (tmp_path / "b.csv").write_text("force\n1\n2\n")
    table = table_of(tmp_path, x=["a.npy", "b.csv", "../b.csv", "none.npy", "", "a.npy"])
    column = fitted(SeriesColumn(["x"], files=True), table)
    assert column.holds_files
    series, index, reasons = collated(column, table)
    assert (series.shape, index) == ((3, 4, 1), [0, 1, -1, -1, -1, 2])
    assert ["climbs" in reasons[0], "does not exist" in reasons[1]] == [True, True]
    check_column(lambda: SeriesColumn(["x"], files=True), table, np.array([0, 1, 5]))


def test_files_need_a_folder() -> None:
    with pytest.raises(DataError, match="no data folder was given"):
        fitted(SeriesColumn(["x"], files=True), table_of(x=["a.npy"]))


def test_rows_none_of_which_can_be_used_are_an_error() -> None:
    with pytest.raises(DataError, match="none of the 2 rows looked at can be used"):
        fitted(SeriesColumn(["x"]), table_of(x=["one.wav", "two.wav"]))


def test_training_rows_without_any_value_are_none() -> None:
    table = table_of(x=[None, None, [1, 2]])
    column = SeriesColumn(["x"])
    column.fit(table, np.arange(2))
    assert column.learned.training_rows == 0
    assert collated(column, table)[1] == [-1, -1, 0]


def test_an_unknown_column_is_named() -> None:
    with pytest.raises(DataError, match="acc_z"):
        fitted(SeriesColumn(["acc_z"]), table_of(acc_x=[[1]]))
