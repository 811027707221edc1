"""A column of videos: what it learns, how it refuses, and that the same file is watched once."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from polymodal.core import DataError
from polymodal.data.base import DataTable
from polymodal.data.calibration import Wishes
from polymodal.data.clips import Sampling
from polymodal.data.watching import VideoColumn
from polymodal.testing import check_column
from tests.data.movies import movie, shades, tone


def column(size: object = "auto", frames: int = 4, padded: bool = True, room: int = 0) -> VideoColumn:
    return VideoColumn("clip", Wishes(size=size, padded=padded), Sampling(frames), room)


@pytest.fixture
def table(tmp_path: Path) -> DataTable:
    names = []
    for place, kind in enumerate(("mp4", "mkv", "avi", "webm", "gif")):
        names.append(f"{place}.{kind}")
        (tmp_path / names[-1]).write_bytes(movie(kind, shades(4 + 4 * place, 16, 24, 100 + 20 * place)))
    (tmp_path / "half.mp4").write_bytes((tmp_path / "0.mp4").read_bytes()[:900])
    (tmp_path / "heard.mp4").write_bytes(movie("mp4", None, 10, tone(0.5)))
    (tmp_path / "short.mkv").write_bytes(movie("mkv", shades(2, 16, 24)))
    names += ["half.mp4", "heard.mp4", "../0.mp4", "none.mp4", "", names[0], "short.mkv"]
    return DataTable(pd.DataFrame({"clip": names}), files=tmp_path)


def test_it_keeps_the_contract(table: DataTable) -> None:
    check_column(column, table, np.array([0, 1, 2, 4, 5, 9]))


def test_bad_files_are_refused_by_row_and_the_rest_is_seen(table: DataTable) -> None:
    made = column()
    made.fit(table, np.arange(6))
    values, refusals = made.collate(made.read(table), np.arange(len(table)))
    assert values.index.tolist() == [0, 1, 2, 3, 4, -1, -1, -1, -1, -1, 0, 5]  # the same file is one value
    assert [(refusal.row, refusal.path) for refusal in refusals] == [
        (5, "half.mp4"), (6, "heard.mp4"), (7, "../0.mp4"), (8, "none.mp4")
    ]  # fmt: skip
    assert "cut off" in refusals[0].reason
    assert refusals[1].reason == "holds sound only"
    frames, seconds = values.data["frames"], values.data["seconds"]
    assert frames.shape == (6, 4, 3, 16, 24)
    assert (~seconds.isnan()).sum(dim=1).tolist() == [4, 4, 4, 4, 4, 2]  # a short one has fewer, and none is invented
    assert seconds[1, :].tolist() == pytest.approx([0.1, 0.3, 0.5, 0.7], abs=0.06)


def test_what_is_learned_is_size_scale_and_pace(table: DataTable) -> None:
    made = column(size=(16, 24))
    made.fit(table, np.array([1]))
    learned = made.learned
    assert (learned.picture.canvas.height, learned.picture.canvas.width, learned.picture.training_rows) == (16, 24, 1)
    greys = np.linspace(0, 120, 8).round()[[1, 3, 5, 7]]
    assert learned.picture.mean == pytest.approx([greys.mean()] * 3, abs=1.0)
    assert learned.picture.spread == pytest.approx([greys.std()] * 3, abs=1.0)
    assert learned.step == pytest.approx(0.2, abs=0.02)


def test_proportions_are_kept_and_the_frame_around_is_unknown(table: DataTable) -> None:
    made = column(size=24)
    made.fit(table, np.arange(5))
    values, _ = made.collate(made.read(table), np.array([1]))
    known = values.data["known"][0]
    assert known.shape == (24, 24)
    assert known[4:20].all()
    assert not known[:4].any()
    assert not known[20:].any()
    stretched = column(size=24, padded=False)
    stretched.fit(table, np.arange(5))
    assert "known" not in stretched.collate(stretched.read(table), np.array([1]))[0].data


def test_a_file_is_decoded_once_where_there_is_room(table: DataTable, monkeypatch: pytest.MonkeyPatch) -> None:
    made = column(room=2**20)
    made.fit(table, np.arange(5))
    cells = made.read(table)
    first, _ = made.collate(cells, np.arange(5))
    monkeypatch.setattr("polymodal.data.watching.frames_of", None)
    again, _ = made.collate(cells, np.arange(5))
    assert all((again.data[part] == first.data[part]).all() for part in ("frames", "known"))


def test_a_column_of_something_else_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no video" * 50)
    with pytest.raises(DataError, match=r"(?s)no-usable-video.*none of the 1 looked at.*is not a video"):
        column().fit(DataTable(pd.DataFrame({"clip": ["a.mp4"]}), files=tmp_path), np.arange(1))
    with pytest.raises(DataError, match="no data folder"):
        column().fit(DataTable(pd.DataFrame({"clip": ["a.mp4"]})), np.arange(1))
    numbers = pd.DataFrame({"clip": pd.Series([1.5], dtype=object)})
    with pytest.raises(DataError, match="is a float, not the name of a file"):
        column().fit(DataTable(numbers), np.arange(1))


def test_without_any_video_nothing_is_learned() -> None:
    made = column()
    table = DataTable(pd.DataFrame({"clip": ["", ""]}))
    made.fit(table, np.arange(2))
    values, refusals = made.collate(made.read(table), np.arange(2))
    assert (values.count, refusals) == (0, [])
    assert values.index.tolist() == [-1, -1]


def test_plain_features_are_the_mean_picture_and_its_change(table: DataTable) -> None:
    made = column(size=(16, 24), frames=8)
    made.fit(table, np.arange(5))
    picture, change = made.plain(made.read(table), np.array([1, 9]))
    assert picture.kind == change.kind == "pixels"
    assert picture.values.shape == (2, 3 * 16 * 16)
    assert float(picture.values[0].mean()) == pytest.approx(60, abs=1)
    assert float(change.values[0].mean()) == pytest.approx(120 / 7, abs=1)
    assert np.isnan(picture.values[1]).all()
    assert np.isnan(change.values[1]).all()
