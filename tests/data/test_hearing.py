"""A column of sounds: what it learns, how it refuses, and that the same file is heard once."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from polymodal.core import DataError
from polymodal.data.base import DataTable
from polymodal.data.files import Limits
from polymodal.data.hearing import AudioColumn
from polymodal.data.sounds import Hearing
from polymodal.testing import check_column

soundfile = pytest.importorskip("soundfile", reason='needs the extra: pip install "polymodal[audio]"')


def column(rate: int | None = None, longest: float = 2.0, room: int = 0) -> AudioColumn:
    return AudioColumn("sound", Hearing(bands=16), rate, longest, Limits(), room)


def write(folder: Path, name: str, seconds: float, rate: int = 8000, seed: int = 0) -> str:
    soundfile.write(folder / name, np.random.default_rng(seed).normal(0, 0.1, int(seconds * rate)), rate)
    return name


@pytest.fixture
def table(tmp_path: Path) -> DataTable:
    names = [write(tmp_path, f"{place}.wav", 0.2 + 0.1 * place, seed=place) for place in range(5)]
    (tmp_path / "broken.wav").write_bytes((tmp_path / "0.wav").read_bytes()[:900])
    names += ["broken.wav", "../0.wav", "none.wav", "", names[0], write(tmp_path, "high.flac", 0.3, 44_100)]
    return DataTable(pd.DataFrame({"sound": names}), files=tmp_path)


def test_it_keeps_the_contract(table: DataTable) -> None:
    check_column(column, table, np.array([0, 1, 2, 3, 9]))


def test_bad_files_are_refused_by_row_and_the_rest_is_heard(table: DataTable) -> None:
    made = column()
    made.fit(table, np.arange(5))
    values, refusals = made.collate(made.read(table), np.arange(len(table)))
    assert values.index.tolist() == [0, 1, 2, 3, 4, -1, -1, -1, -1, 0, 5]  # the same file is one value
    assert [(refusal.row, refusal.path) for refusal in refusals] == [
        (5, "broken.wav"), (6, "../0.wav"), (7, "none.wav")
    ]  # fmt: skip
    assert "announces" in refusals[0].reason
    sound = values.data["sound"]
    lengths = (~sound.isnan().any(dim=2)).sum(dim=1).tolist()
    assert lengths[:5] == sorted(lengths[:5])
    assert len(set(lengths[:5])) == 5


def test_the_commonest_rate_is_taken_and_no_more_than_is_needed(tmp_path: Path) -> None:
    for rate, wanted in ((8000, 8000), (44_100, 16_000)):
        names = [write(tmp_path, f"{rate}-{place}.wav", 0.2, rate, place) for place in range(3)]
        made = column()
        made.fit(DataTable(pd.DataFrame({"sound": names}), files=tmp_path), np.arange(3))
        assert made.hearing.rate == wanted
        again = column()
        again.restore(made.state())
        assert again.hearing == made.hearing


def test_arrays_and_bytes_are_heard_too() -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, 16_000)
    stream = io.BytesIO()
    soundfile.write(stream, samples, 16_000, format="WAV", subtype="DOUBLE")
    cells = [samples, stream.getvalue(), np.stack([samples, samples], axis=1), (samples * 32767).astype(np.int16), 3.0]
    cells.append((samples, 16_000))
    table = DataTable(pd.DataFrame({"sound": pd.Series(cells, dtype=object)}))
    made = column(16_000)
    made.fit(table, np.arange(2))
    values, refusals = made.collate(made.read(table), np.arange(6))
    assert values.index.tolist() == [0, 1, 2, 3, -1, -1]
    sound = values.data["sound"].numpy()
    np.testing.assert_allclose(sound[1], sound[0], atol=1e-3)
    np.testing.assert_allclose(sound[2], sound[0], atol=1e-3)
    np.testing.assert_allclose(sound[3], sound[0], atol=0.1)
    assert "not the name of a file" in refusals[0].reason


def test_scaled_clips_have_mean_zero_and_spread_one(table: DataTable) -> None:
    made = column()
    made.fit(table, np.arange(5))
    values, _ = made.collate(made.read(table), np.arange(5))
    known = values.data["sound"].numpy().reshape(-1, 16)
    np.testing.assert_allclose(np.nanmean(known, axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(np.nanstd(known, axis=0), 1, atol=1e-4)


def test_clips_are_kept_up_to_the_room_there_is(table: DataTable) -> None:
    for room, wanted in ((0, 0), (2**20, 5)):
        made = column(room=room)
        made.fit(table, np.arange(5))
        cells = made.read(table)
        one = made.collate(cells, np.arange(5))[0].data["sound"]
        assert len(cells.heard) == wanted
        np.testing.assert_array_equal(made.collate(cells, np.arange(5))[0].data["sound"], one)


def test_training_clips_none_of_which_can_be_used_are_an_error(table: DataTable) -> None:
    with pytest.raises(DataError, match="none of the 3 looked at can be used"):
        column().fit(table, np.array([5, 6, 7]))


def test_a_plain_model_is_told_what_comes_first() -> None:
    time = np.arange(8000) / 8000
    low, high = (0.3 * np.sin(2 * np.pi * pitch * time[:4000]) for pitch in (300, 2000))
    clips = [np.concatenate(parts) for parts in ((low, high), (high, low), (low, low))]
    table = DataTable(pd.DataFrame({"sound": pd.Series([*clips, low[:300], None], dtype=object)}))
    heard = column(8000)
    heard.fit(table, np.arange(4))
    whole, parts = heard.plain(heard.read(table), np.arange(5))
    means = whole.values[:, : whole.values.shape[1] // 3]
    assert np.abs(means[0] - means[1]).max() < 0.1 * np.abs(means[0] - means[2]).max()
    assert np.abs(parts.values[0] - parts.values[1]).max() > np.abs(means[0] - means[2]).max()
    assert np.allclose(parts.values[0].reshape(4, -1)[0], parts.values[2].reshape(4, -1)[0], atol=0.2)
    assert np.isnan(whole.values[4]).all()
    assert np.isnan(parts.values[4]).all()
