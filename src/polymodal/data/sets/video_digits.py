"""Digits that wander and are spoken: a handwritten digit on the move, its sound track a spoken one. All synthetic.

3,000 small videos of a second each: a digit of MNIST that moves in front of black and rebounds from the edges, with one
clip of the Free Spoken Digit Dataset as the sound track. Pictures and voices are real; the movement, and which voice
goes with which picture, are made up here. Each clip and each picture comes once. Three questions: which digit is seen,
which is said, and do they agree.

Half of the videos agree. Of those that do not, half are hard: the digit seen is the one that looks most like the one
said (0 and 6, 1 and 7, 2 and 8, 3 and 5, 4 and 9). For every speaker each digit is seen as often as it is said, among
those that agree and among the others, so that neither sense alone tells whether they do.

Speakers are held out as in senses_digits: four train (2,000 rows), one says when to stop (500), one is the test (500).
Test pictures are those of MNIST's own test part. Nothing was tuned on the test speaker.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from polymodal.core.seeding import numpy_generator
from polymodal.data.filming import film
from polymodal.data.sets.base import DataSet
from polymodal.data.sets.senses_digits import PARTS, PICTURES, RATE, VOICES, partners, samples_of
from polymodal.data.sets.senses_digits import SET as SENSES

__all__ = ["ALIKE", "SET", "paired", "wandering"]

TABLE, CLIPS = "digits.parquet", "clips"
ALIKE = np.array([6, 7, 8, 5, 9, 3, 0, 1, 2, 4])
"""The digit that looks most like each digit; those of ALIKE[d] and d are a pair."""

SIDE, FRAMES, PER_SECOND = 48, 12, 12
FASTEST = 4.0
"""Pixels between two frames, along each side."""
PEAK = 0.7
"""The loudest sample of every clip: how loud it was recorded would give the speaker away."""


def wandering(picture: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """A picture (28, 28) uint8 on its way across a black square: (frames, side, side) uint8."""
    room = SIDE - len(picture)
    start, pace = draw.uniform(0, room, 2), draw.uniform(-FASTEST, FASTEST, 2)
    frames = np.zeros((FRAMES, SIDE, SIDE), dtype=np.uint8)
    for place, frame in enumerate(frames):
        # What would leave on one side comes back from it.
        y, x = np.round(room - np.abs((start + place * pace) % (2 * room) - room)).astype(int)
        frame[y : y + len(picture), x : x + len(picture)] = picture
    return frames


def paired(said: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Which digit is seen beside each one that one speaker says: the same, the one most like it, or another.

    Rows of each digit are taken in turn, so that each kind has as many of every digit, up to one.
    """
    seen = said.copy()
    places = [draw.permutation(np.flatnonzero(said == digit)) for digit in range(10)]
    for turn in range(min(map(len, places))):
        # In four turns: the same, the one most like it, the same, another.
        rows = np.array([of_digit[turn] for of_digit in places])
        if turn % 4 == 1:
            seen[rows] = ALIKE
        elif turn % 4 == 3:
            seen[rows] = _others(draw)
    return seen


def _others(draw: np.random.Generator) -> np.ndarray:
    """(10,) every digit once, none at its own place or at that of the one most like it."""
    while True:
        order = draw.permutation(10)
        if not ((order == np.arange(10)) | (order == ALIKE)).any():
            return order


def _derive(source: Path, target: Path) -> None:
    """A table with one row for each video: clip, seen, said, agree, speaker, part, and its file."""
    frame = pd.DataFrame([_told(path) for path in sorted((source / VOICES).glob("*.wav"))])
    for speaker, rows in frame.groupby("speaker").indices.items():
        draw = numpy_generator(0, "video_digits", str(speaker))
        frame.loc[rows, "seen"] = paired(frame["said"].to_numpy()[rows], draw)
    frame["agree"] = np.where(frame["seen"] == frame["said"], "yes", "no")
    pictures = partners(source / PICTURES, frame, "seen", "video_digits")
    (target / CLIPS).mkdir()
    for name, file, picture in zip(frame["name"], frame["clip"], pictures, strict=True):
        voice = samples_of(source / VOICES / f"{name}.wav").astype(np.float64)
        samples = np.round(PEAK * 32767 * voice / np.abs(voice).max()).astype(np.int16)
        draw = numpy_generator(0, "video_digits", name)
        (target / file).write_bytes(film(wandering(picture, draw), PER_SECOND, samples, RATE))
    frame.to_parquet(target / TABLE, index=False)


def _told(path: Path) -> dict[str, object]:
    digit, speaker, _ = path.stem.split("_")
    told = {"name": path.stem, "clip": f"{CLIPS}/{path.stem}.mkv", "seen": int(digit), "said": int(digit)}
    return told | {"speaker": speaker, "part": PARTS[speaker]}


def _describe(_source: Path, target: Path) -> dict[str, Any]:
    return {
        "version": 1,
        "data": {
            "table": str(target / TABLE),
            "files": str(target),
            "group": "speaker",
            "split": {"column": "part", "validation": ["validation"], "test": ["test"]},
        },
        "modalities": {
            "picture": {"type": "video", "column": "clip", "frames": 4, "size": 32, "channels": 1},
            "voice": {"type": "audio", "column": "clip"},
        },
        "tasks": {
            "seen": {"type": "multiclass", "target": "seen"},
            "said": {"type": "multiclass", "target": "said"},
            "agree": {"type": "binary", "target": "agree"},
        },
    }


SET = DataSet(
    name="video_digits",
    title="Handwritten digits that wander, each with a spoken digit as its sound track (synthetic)",
    origin=SENSES.origin,
    licence=SENSES.licence,
    rows=3_000,
    tables={TABLE: "derived; one row for each video: name, clip (its file), seen, said, agree, speaker, part"},
    folders=SENSES.folders,
    files=SENSES.files,
    fetched=SENSES.fetched,
    assemble=SENSES.assemble,
    derive=_derive,
    describe=_describe,
    made_with=(f"NumPy {np.__version__}",),
)
