"""What is derived of handwritten and spoken digits: paired by rule, held out by speaker, degraded alike."""

import gzip
import json
import wave

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from polymodal.core import DataError
from polymodal.data.sets import senses_digits
from polymodal.data.sets.places import differences
from polymodal.data.sets.senses_digits import PARTS, SET, dimmed, drowned

CLIPS = 2
"""Of each digit by each speaker: enough for every property, and made quickly."""
LEVELS = {"train": 0, "test": 100}
"""What is added to the brightness of made-up pictures, so that one tells its pool and its number."""


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Both sources in small: each picture is of one brightness of its own, each clip a tone as loud as its speaker."""
    root = tmp_path_factory.mktemp("sources")
    (root / "mnist10k").mkdir()
    (root / "fsdd" / "recordings").mkdir(parents=True)
    digits = np.repeat(np.arange(10, dtype=np.uint8), 10)
    shades = {pool: level + np.arange(100, dtype=np.uint8) for pool, level in LEVELS.items()}
    pictures = {f"x_{pool}": np.broadcast_to(shade[:, None, None], (100, 28, 28)) for pool, shade in shades.items()}
    np.savez(root / "mnist10k" / "mnist_20k.npz", **pictures, y_train=digits, y_test=digits)
    for number, speaker in enumerate(PARTS):
        for digit in range(10):
            for index in range(CLIPS):
                tone = 100 * 4**number * np.sin(np.arange(2000 + 100 * index) * (digit + 1) / 20)
                path = root / "fsdd" / "recordings" / f"{digit}_{speaker}_{index}.wav"
                senses_digits._write(path, tone.clip(-30000, 30000).astype(np.int16))
    return root


@pytest.fixture(scope="module")
def made(sources, tmp_path_factory):
    folder = tmp_path_factory.mktemp("senses_digits")
    SET.prepare(sources, folder)
    return folder


@pytest.fixture(scope="module")
def table(made) -> pd.DataFrame:
    return pd.read_parquet(made / "digits.parquet")


def test_the_same_sources_make_the_same_set(sources, made, tmp_path):
    SET.prepare(sources, tmp_path)
    names = sorted(path.relative_to(made) for path in made.rglob("*") if path.is_file())
    assert len(names) == 1 + 2 * 60 * CLIPS
    assert names == sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert all((made / name).read_bytes() == (tmp_path / name).read_bytes() for name in names)


def test_no_speaker_is_in_two_parts(table):
    assert table.groupby("speaker")["part"].nunique().max() == 1
    assert table.groupby("part")["speaker"].nunique().to_dict() == {"train": 4, "validation": 1, "test": 1}
    assert table.groupby(["speaker", "digit"]).size().eq(CLIPS).all()


def test_each_row_has_a_picture_of_its_own_of_its_digit_and_pool(sources, table):
    shades = senses_digits.partners(sources / "mnist10k" / "mnist_20k.npz", table)[:, 0, 0].astype(int)
    tested = table["part"] == "test"
    assert (shades[tested] >= 100).all()
    assert (shades[~tested] < 100).all()
    assert (shades % 100 // 10 == table["digit"]).all()
    assert len(set(shades)) == len(table)


def test_pictures_and_speech_are_files_of_one_form(made, table):
    for row in table.itertuples():
        with Image.open(made / row.picture) as picture:
            assert (picture.size, picture.mode, picture.format) == ((28, 28), "L", "PNG")
        with wave.open(str(made / row.speech)) as speech:
            assert speech.getparams()[:4] == (1, 2, 8000, 2000 + 100 * int(row.clip[-1]))


def test_every_clip_is_equally_loud(made, table):
    peaks = [int(np.abs(senses_digits.samples_of(made / name).astype(int)).max()) for name in table["speech"]]
    assert set(peaks) == {round(senses_digits.PEAK * 32767)}


def test_noise_is_as_strong_as_it_says(monkeypatch):
    monkeypatch.setattr(senses_digits, "SPEECH_OVER_NOISE", (-3.0, -3.0))
    tone = (5000 * np.sin(np.arange(80_000) / 5)).astype(np.int16)
    heard = drowned(tone, np.random.default_rng(0)).astype(float)
    share = np.corrcoef(tone, heard)[0, 1] ** 2
    assert 10 * np.log10(share / (1 - share)) == pytest.approx(-3.0, abs=0.1)


@pytest.mark.parametrize(("dark", "left"), [(0.0, 0.5), (1.0, 0.1)])
def test_bad_light_leaves_what_it_says(monkeypatch, dark, left):
    for name, value in {"GRAIN": 0.0, "DARK": dark, "LIGHT": (0.5, 0.5), "DARKNESS": (0.1, 0.1)}.items():
        monkeypatch.setattr(senses_digits, name, value)
    half = np.zeros((28, 28), dtype=np.uint8)
    half[:, 14:] = 255
    seen = dimmed(half, np.random.default_rng(0))
    assert seen.min() == pytest.approx(127.5 - 127.5 * left, abs=1)
    assert seen.max() == pytest.approx(127.5 + 127.5 * left, abs=1)


def test_the_files_are_put_together_again_from_their_origins(real_data, tmp_path):
    with np.load(real_data("mnist10k") / "mnist_20k.npz") as archive:
        arrays = dict(archive)
    (tmp_path / "digits").mkdir()
    for digit in range(10):
        light = (arrays["x_train"][arrays["y_train"] == digit] / 255).round(3)
        (tmp_path / "digits" / f"{digit}.json").write_text(json.dumps({"data": light.ravel().tolist()}))
    (tmp_path / "images.gz").write_bytes(gzip.compress(bytes(16) + arrays["x_test"].tobytes(), 1))
    (tmp_path / "labels.gz").write_bytes(gzip.compress(bytes(8) + arrays["y_test"].tobytes(), 1))
    (tmp_path / "recordings").symlink_to(real_data("fsdd") / "recordings")
    target = tmp_path / "made"
    target.mkdir()
    SET.assemble(tmp_path, target)
    assert differences(target, SET.files) == []


def test_what_is_no_archive_is_a_difference_and_no_crash(tmp_path):
    (tmp_path / "images.gz").write_bytes(b"<html>")
    with pytest.raises(ValueError, match=r"images\.gz"):
        senses_digits._unpacked(tmp_path / "images.gz", 16)


@pytest.mark.parametrize("lost", ["mnist10k", "fsdd"])
def test_the_source_that_is_not_there_is_named(monkeypatch, tmp_path, lost):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("POLYMODAL_DATA", str(tmp_path))
    for name in {"mnist10k", "fsdd"} - {lost}:
        (tmp_path / name).mkdir()
    with pytest.raises(DataError, match=rf"no folder \$POLYMODAL_DATA/{lost}, and"):
        SET.find()


def test_the_set_is_what_it_says(real_data):
    real_data("mnist10k")
    real_data("fsdd")
    table = pd.read_parquet(SET.ready() / "digits.parquet")
    assert len(table) == SET.rows == 3_000
    assert table["part"].value_counts().to_dict() == {"train": 2_000, "validation": 500, "test": 500}
    assert table.groupby(["part", "digit"]).size().unstack().nunique(axis=1).eq(1).all()
