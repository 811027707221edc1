"""The picture column: distinct pictures are decoded once, when their batch is made, and bad ones are refused."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from polymodal.data.base import DataTable
from polymodal.data.calibration import Wishes
from polymodal.data.files import Folder, Limits
from polymodal.data.imaging import ImageColumn


@pytest.fixture
def table(tmp_path: Path) -> DataTable:
    """Twelve good pictures, some rows twice or absent, and one file in each kind of trouble."""
    draw = np.random.default_rng(0)
    for number in range(12):
        Image.fromarray(draw.integers(0, 256, (12, 16, 3), dtype=np.uint8)).save(tmp_path / f"{number}.png")
    whole = (tmp_path / "0.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.jpg").write_text("this is no picture", "utf-8")
    os.mkfifo(tmp_path / "fifo.png")
    good = [f"{number}.png" for number in range(12)]
    bad = ["cut.png", "text.jpg", "fifo.png", "../out.png", "gone.png", "cut.png"]
    return DataTable(pd.DataFrame({"path": [*good, "3.png", None, "", *bad]}), files=tmp_path)


def fitted(table: DataTable, wishes: Wishes = Wishes(), cache_bytes: int = 0) -> ImageColumn:  # noqa: B008
    column = ImageColumn("path", wishes, cache_bytes)
    column.fit(table, np.arange(12))
    return column


def test_bad_pictures_are_refused_with_row_path_and_reason(table: DataTable) -> None:
    column = fitted(table)
    cells = column.read(table)
    values, refusals = column.collate(cells, np.arange(21))
    assert values.index.tolist() == [*range(12), 3, *[-1] * 8]
    assert [(refusal.row, refusal.path) for refusal in refusals] == [
        (15, "cut.png"),
        (16, "text.jpg"),
        (17, "fifo.png"),
        (18, "../out.png"),
        (19, "gone.png"),
        (20, "cut.png"),
    ]
    assert {refusal.column for refusal in refusals} == {"path"}
    assert len({refusal.reason for refusal in refusals}) == 5
    nothing, _ = column.collate(cells, np.array([13, 15]))
    assert nothing.count == 0
    assert nothing.index.tolist() == [-1, -1]


def test_nothing_is_opened_before_the_batch(table: DataTable, monkeypatch: pytest.MonkeyPatch) -> None:
    column = fitted(table)
    opened: list[str] = []
    read = Folder.read

    def watched(self: Folder, relative: str, limits: Limits) -> bytes:
        opened.append(relative)
        return read(self, relative, limits)

    monkeypatch.setattr(Folder, "read", watched)
    cells = column.read(table)
    assert opened == []
    column.collate(cells, np.array([3, 12, 3, 5]))
    assert opened == ["3.png", "5.png"]


def test_a_cache_saves_reading_and_changes_nothing(table: DataTable, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, caching = fitted(table), fitted(table, cache_bytes=5 * 12 * 16 * 3)
    rows, cells = np.arange(13), caching.read(table)
    wanted, _ = plain.collate(plain.read(table), rows)
    for _ in range(2):
        found, _ = caching.collate(cells, rows)
        assert torch.equal(found.data["pixels"], wanted.data["pixels"])
    assert len(cells.shelf.held) == 5


def test_values_are_those_of_the_files(table: DataTable) -> None:
    column = fitted(table)
    values, _ = column.collate(column.read(table), np.array([7]))
    assert table.files is not None
    assert np.array_equal(values.data["pixels"][0].permute(1, 2, 0), np.asarray(Image.open(table.files / "7.png")))
    assert values.data["pixels"].dtype == torch.uint8
    assert set(values.data) == {"pixels"}


def test_padding_comes_with_what_is_known(table: DataTable) -> None:
    column = fitted(table, Wishes(size=16, padded=True))
    values, _ = column.collate(column.read(table), np.arange(3))
    assert values.data["known"].shape == (3, 16, 16)
    assert values.data["known"].float().mean() == 0.75


def test_plain_features_of_what_is_not_there_are_absent(table: DataTable) -> None:
    column = fitted(table)
    (block,) = column.plain(column.read(table), np.array([0, 13, 15, 3, 12]))
    assert block.kind == "pixels"
    assert np.isnan(block.values).any(axis=1).tolist() == [False, True, True, False, False]
    assert np.array_equal(block.values[3], block.values[4])
    (empty,) = column.plain(column.read(table), np.array([13, 15]))
    assert empty.values.shape == (2, block.values.shape[1])
    assert np.isnan(empty.values).all()


def test_many_rows_are_read_without_opening_a_file() -> None:
    names = pd.Series(np.arange(200_000), dtype="str") + ".png"
    table = DataTable(pd.DataFrame({"path": names}), files=Path("nowhere"))
    cells = ImageColumn("path", Wishes()).read(table)
    assert cells.present.all()
    assert cells.series.dtype == names.dtype
