"""Cells that name or hold pictures: which are there, what they are known by, and what lies behind them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from polymodal.core import DataError
from polymodal.data.base import DataTable
from polymodal.data.canvas import Painted
from polymodal.data.files import Limits
from polymodal.data.gallery import Shelf, hang

GREY = Image.new("L", (4, 4), 90)


def table(cells: list[object], files: Path | None = None, dtype: object = object) -> DataTable:
    return DataTable(pd.DataFrame({"path": pd.Series(cells, dtype=dtype)}), missing=("", "NA"), files=files)


@pytest.mark.parametrize("dtype", [object, "str", "string", "category"])
def test_which_rows_have_a_picture(dtype: object) -> None:
    gallery = hang(table(["a.png", "", None, "NA", " NA ", "  ", "b.png"], dtype=dtype), "path", 0)
    assert gallery.present.tolist() == [True, False, False, False, False, False, True]
    assert [key for key, _ in gallery.ask(np.array([6, 0, 1]))] == ["b.png", "a.png", None]


def test_pictures_in_the_table_itself() -> None:
    array = np.zeros((4, 4), dtype=np.uint8)
    gallery = hang(table([array, GREY, b"bytes", None, array]), "path", 0)
    assert gallery.present.tolist() == [True, True, True, False, True]
    keys = [key for key, _ in gallery.ask(np.arange(5))]
    assert keys[0] == keys[4] != keys[1]
    assert gallery.picture(GREY, Limits()) is GREY
    hashes = gallery.content_hashes(np.arange(5))
    assert hashes[0] == hashes[4] != hashes[1]
    assert hashes[3] == ""


def test_what_is_no_picture_is_refused() -> None:
    gallery = hang(table(["a.png", 12.5]), "path", 0)
    for value, code in (("a.png", "file-folder-unknown"), (12.5, "picture-kind")):
        with pytest.raises(DataError) as caught:
            gallery.picture(value, Limits())
        assert caught.value.code == code


def test_the_same_file_under_two_names(tmp_path: Path) -> None:
    for name, shade in (("a.png", 10), ("b.png", 10), ("c.png", 20)):
        Image.new("L", (4, 4), shade).save(tmp_path / name)
    first, second, third, gone, climbing = hang(
        table(["a.png", "b.png", "c.png", "d.png", "../a.png"], tmp_path, "str"), "path", 0
    ).content_hashes(np.arange(5))
    assert first == second != third
    assert gone == climbing == ""


def test_a_shelf_is_bounded() -> None:
    shelf, painted = Shelf(250), Painted(np.zeros((1, 10, 10), dtype=np.uint8))
    for name in "abcde":
        shelf.put(name, painted)
    assert sorted(shelf.held) == ["a", "b"]
    assert shelf.room == 50
