"""What is derived of digits that wander and are spoken: paired by rule, held out by speaker, seen and heard as made."""

import wave

import numpy as np
import pandas as pd
import pytest

from polymodal.data.clips import Sampling, frames_of
from polymodal.data.files import Limits
from polymodal.data.sets.senses_digits import PARTS
from polymodal.data.sets.video_digits import ALIKE, FRAMES, PEAK, SET, SIDE, paired, wandering
from polymodal.data.sounds import decode

pytest.importorskip("av", reason='needs the extra: pip install "polymodal[video]"')

CLIPS = 4
"""Of each digit by each speaker: one turn of the ways of pairing."""
LEVELS = {"train": 20, "test": 200}
"""The brightness of made-up pictures begins here, so that one tells its pool and its digit."""


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Both sources in small: each picture is of one brightness, each clip a tone as loud as its speaker."""
    root = tmp_path_factory.mktemp("sources")
    (root / "mnist10k").mkdir()
    (root / "fsdd" / "recordings").mkdir(parents=True)
    digits = np.repeat(np.arange(10, dtype=np.uint8), 30)
    shades = {pool: (level + digits)[:, None, None] for pool, level in LEVELS.items()}
    pictures = {f"x_{pool}": np.broadcast_to(shade, (300, 28, 28)) for pool, shade in shades.items()}
    np.savez(root / "mnist10k" / "mnist_20k.npz", **pictures, y_train=digits, y_test=digits)
    for number, speaker in enumerate(PARTS):
        for digit, index in np.ndindex(10, CLIPS):
            tone = 100 * 3**number * np.sin(np.arange(2000 + 100 * index) * (digit + 1) / 20)
            with wave.open(str(root / "fsdd" / "recordings" / f"{digit}_{speaker}_{index}.wav"), "wb") as written:
                written.setparams((1, 2, 8000, 0, "NONE", ""))
                written.writeframes(tone.clip(-30000, 30000).astype("<i2").tobytes())
    return root


@pytest.fixture(scope="module")
def made(sources, tmp_path_factory):
    target = tmp_path_factory.mktemp("video_digits")
    SET.prepare(sources, target)
    return target


@pytest.fixture(scope="module")
def table(made) -> pd.DataFrame:
    return pd.read_parquet(made / "digits.parquet")


def test_neither_sense_alone_tells_whether_they_agree(table):
    assert len(table) == 60 * CLIPS
    assert (table["agree"] == np.where(table["seen"] == table["said"], "yes", "no")).all()
    for column in ("seen", "said"):
        counts = table.groupby(["speaker", column, "agree"]).size()
        assert (counts == CLIPS // 2).all()


def test_half_of_those_that_do_not_agree_are_hard(table):
    other = table[table["agree"] == "no"]
    hard = other["seen"].to_numpy() == ALIKE[other["said"]]
    assert hard.mean() == 0.5
    assert (ALIKE[ALIKE] == np.arange(10)).all()


def test_pairing_holds_for_any_number_of_rows():
    said = np.repeat(np.arange(10), 50)
    seen = paired(said, np.random.default_rng(0))
    assert (np.bincount(seen) == 50).all()
    assert (seen == said).sum() == 250
    assert (seen == ALIKE[said]).sum() == 130


def test_no_speaker_and_no_picture_is_in_two_parts(made, table):
    assert table.groupby("speaker")["part"].nunique().max() == 1
    assert table.groupby("part")["speaker"].nunique().to_dict() == {"train": 4, "validation": 1, "test": 1}
    for row in table.iloc[::7].itertuples():
        _, picture = next(frames_of((made / row.clip).read_bytes(), Sampling(1), Limits()))
        pool = LEVELS["test" if row.part == "test" else "train"]
        assert np.asarray(picture).max() == pool + row.seen


def test_what_is_heard_is_the_clip_as_loud_as_every_other(made, table):
    for row in table.iloc[::11].itertuples():
        heard = decode((made / row.clip).read_bytes(), 30.0, Limits())
        assert (heard.rate, len(heard.samples)) == (8000, 2000 + 100 * int(row.name[-1]))
        assert np.abs(heard.samples).max() == pytest.approx(PEAK, abs=1e-3)


def test_a_picture_wanders_and_stays_whole():
    picture = np.full((28, 28), 9, dtype=np.uint8)
    frames = wandering(picture, np.random.default_rng(0))
    assert frames.shape == (FRAMES, SIDE, SIDE)
    assert (frames.sum(axis=(1, 2)) == 9 * 28 * 28).all()
    corners = np.array([np.argwhere(frame).min(axis=0) for frame in frames])
    assert 0 < np.abs(np.diff(corners, axis=0)).max() <= 5


def test_the_same_sources_make_the_same_set(sources, made, tmp_path):
    SET.prepare(sources, tmp_path)
    names = sorted(path.relative_to(made) for path in made.rglob("*") if path.is_file())
    assert len(names) == 1 + 60 * CLIPS
    assert all((made / name).read_bytes() == (tmp_path / name).read_bytes() for name in names)


def test_the_set_is_what_it_says(real_data):
    real_data("mnist10k")
    real_data("fsdd")
    table = pd.read_parquet(SET.ready() / "digits.parquet")
    assert len(table) == SET.rows == 3_000
    assert table["part"].value_counts().to_dict() == {"train": 2_000, "validation": 500, "test": 500}
    assert table.groupby(["part", "seen", "agree"]).size().unstack().nunique(axis=1).eq(1).all()
