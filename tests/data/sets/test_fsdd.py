"""Facts that the set is relied on for."""

import wave
from pathlib import Path

import numpy as np
import pandas as pd

from polymodal.data.sets.fsdd import EACH, MOST, SET, SPEAKERS, STRINGS, TABLE, joined


def sound(path: Path) -> np.ndarray:
    with wave.open(str(path), "rb") as opened:
        assert opened.getframerate() == 8000
        return np.frombuffer(opened.readframes(opened.getnframes()), dtype="<i2")


def test_clips_are_joined_equally_loud_with_silence_between() -> None:
    loud, soft = (np.array([0, size, -size // 2] * 100, dtype=np.int16) for size in (20_000, 50))
    whole = joined([loud, soft, loud], np.random.default_rng(0))
    assert whole.dtype == np.int16
    heard = np.flatnonzero(np.abs(whole) > 10_000)
    silent = np.diff(heard).max()
    assert 3 < silent <= 1600 + 3
    assert np.abs(whole).max() == round(0.7 * 32767)
    np.testing.assert_array_equal(whole[:300], whole[-300:])


def test_silence_alone_does_not_divide_by_nothing() -> None:
    assert np.abs(joined([np.zeros(5, dtype=np.int16)] * 2, np.random.default_rng(0))).max() == 0


def test_six_speakers_say_ten_digits_in_the_parts_of_the_authors(real_data, tmp_path: Path) -> None:
    source = real_data(SET.name)
    SET.prepare(source, tmp_path)
    clips = pd.read_parquet(tmp_path / TABLE)
    assert len(clips) == SET.rows
    assert tuple(sorted(clips["speaker"].unique())) == SPEAKERS
    assert clips["digit"].nunique() == 10
    assert clips.groupby("part").size().to_dict() == {"test": 300, "train": 2400, "validation": 300}
    assert clips.groupby("part")["take"].agg(["min", "max"]).to_numpy().tolist() == [[0, 4], [10, 49], [5, 9]]

    strings = pd.read_parquet(tmp_path / STRINGS)
    assert strings.groupby("part").size().to_dict() == {part: 6 * each for part, each in EACH.items()}
    assert strings["string"].is_unique
    assert set(strings["digits"].str.len()) == {2, 3, 4, 5}
    lengths = [len(sound(tmp_path / file)) for file in strings["file"]]
    assert 2000 < min(lengths) <= max(lengths) <= MOST
    # Of the shortest string, every sample is one of a clip of its own speaker and part, or silent.
    least = strings.iloc[int(np.argmin(lengths))]
    own = clips[(clips["speaker"] == least["speaker"]) & (clips["part"] == least["part"])]
    assert len(least["digits"]) == 2
    shortest = sorted(len(sound(source / "recordings" / file)) for file in own["file"])
    assert min(lengths) >= sum(shortest[:2])


def test_no_answer_stands_in_the_id_of_a_string(tmp_path: Path) -> None:
    spec = SET.describe(tmp_path, tmp_path)
    assert spec["data"]["split"]["column"] == "part"
    assert spec["tasks"]["digit"]["target"] == "digit"
