"""Sound tracks of videos: heard as if they were sound files, absent where there is none, refused where they are bad."""

import numpy as np
import pandas as pd
import pytest

from polymodal.core import DataError
from polymodal.data.base import DataTable
from polymodal.data.files import Limits
from polymodal.data.filming import film
from polymodal.data.hearing import AudioColumn
from polymodal.data.sounds import Hearing, decode, rate_of
from polymodal.data.tracks import track_of, track_rate
from tests.data.movies import KINDS, movie, shades, tone

HEARD = [kind for kind in KINDS if kind != "gif"]


def hertz(samples: np.ndarray, rate: int) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * rate / len(samples))


@pytest.mark.parametrize("kind", HEARD)
def test_the_pitch_of_every_kind_of_track_is_heard(kind: str) -> None:
    rate = 48_000 if kind == "webm" else 8000
    content = movie(kind, shades(10), 10, tone(1.0, rate))
    samples, found = track_of(content, 30.0, Limits())
    assert found == track_rate(content, Limits()) == rate
    assert len(samples) / rate == pytest.approx(1.0, abs=0.2)
    assert hertz(samples, rate) == pytest.approx(440, abs=3)


def test_without_loss_each_sample_comes_back() -> None:
    sound = np.random.default_rng(0).integers(-30_000, 30_000, 5000, dtype=np.int16)
    samples, rate = track_of(film(shades(3)[..., 0], 10, sound), 30.0, Limits())
    assert rate == 8000
    assert np.array_equal(np.round(samples * 32768).astype(np.int16), sound)


def test_a_long_track_is_heard_as_far_as_wanted() -> None:
    sound = tone(3.0)
    samples, _ = track_of(film(shades(3), 10, sound), 0.5, Limits())
    assert np.array_equal(np.round(samples * 32768).astype(np.int16), sound[:4000])


def test_files_of_sound_alone_in_such_a_container_are_heard_as_well() -> None:
    heard = decode(movie("mp4", None, 10, tone(1.0)), 30.0, Limits())
    assert heard.rate == rate_of(movie("mp4", None, 10, tone(1.0)), Limits()) == 8000
    assert hertz(heard.samples, 8000) == pytest.approx(440, abs=3)


def cut() -> bytes:
    content = movie("mkv", shades(20), 10, tone(2.0))
    return content[: len(content) // 2]


BAD = {
    "no track": (lambda: movie("mp4", shades(4)), "is a video without a sound track"),
    "a silent film": (lambda: movie("gif", shades(4)), "is a video without a sound track"),
    "an empty track": (lambda: film(shades(4), 10, np.zeros(0, dtype=np.int16)), "empty sound track|without a sample"),
    "half a file": (cut, "cut off"),
    "a beginning alone": (lambda: b"\x1a\x45\xdf\xa3" + bytes(100), "damaged"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_tracks_are_refused_with_a_reason(what: str) -> None:
    make, reason = BAD[what]
    with pytest.raises(DataError, match=reason):
        decode(make(), 30.0, Limits())


def test_a_video_without_sound_is_absent_and_not_silent(tmp_path) -> None:
    for name, sound in (("a.mp4", tone(0.5)), ("b.mp4", None), ("c.mp4", np.zeros(4000, dtype=np.int16))):
        (tmp_path / name).write_bytes(movie("mp4", shades(5), 10, sound))
    table = DataTable(pd.DataFrame({"clip": ["a.mp4", "b.mp4", "c.mp4", ""]}), files=tmp_path)
    column = AudioColumn("clip", Hearing(bands=16), None, 2.0, Limits())
    column.fit(table, np.arange(4))
    assert column.hearing.rate == 8000
    values, refusals = column.collate(column.read(table), np.arange(4))
    assert values.index.tolist() == [0, -1, 1, -1]
    assert [(refusal.row, refusal.reason) for refusal in refusals] == [(1, "is a video without a sound track")]
