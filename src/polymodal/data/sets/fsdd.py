"""Spoken digits by six people, one by one and as strings: the Free Spoken Digit Dataset (Jackson et al.).

3,000 clips: ten digits, six speakers, fifty takes of each, half a second long. `part` is the division of the authors:
takes 0 to 4 are the test; takes 5 to 9 are set aside here to say when to stop. The same six speak in every part. For
who was never heard, hold out speakers: `split: {column: speaker, test: [theo]}`.

The strings are made here, and so synthetic in how digits follow each other: two to five clips of one speaker, of one
part, with up to a fifth of a second of silence between them. `digits` is what is said, such as 307. Each is of at most
three seconds, and brought to the same loudest sample, for how loud somebody was recorded gives away who it is.
"""

import wave
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from polymodal.core.seeding import numpy_generator
from polymodal.data.sets.base import DataSet
from polymodal.data.sets.origins import GitArchive

__all__ = ["SET", "SPEAKERS", "STRINGS", "joined"]

CLIPS, TABLE = "recordings", "clips.parquet"
STRINGS, SOUNDS = "strings.parquet", "strings"
SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
PARTS = {"test": range(5), "validation": range(5, 10), "train": range(10, 50)}
EACH = {"test": 40, "validation": 25, "train": 220}
"""Strings of each speaker."""
SHORTEST, LONGEST = 2, 5
RATE, MOST, SILENCE = 8000, 24_000, 1600
"""Samples a second, and those of the longest string and of the longest silence."""
PEAK = 0.7
"""The loudest sample of every string, as a share of what can be written."""


def joined(clips: list[np.ndarray], draw: np.random.Generator) -> np.ndarray:
    """Clips (n,) int16 one after the other, equally loud, with silence between them: (n,) int16."""
    pieces: list[np.ndarray] = []
    for clip in clips:
        loud = clip.astype(np.float64)
        pieces += [loud / max(np.abs(loud).max(), 1.0), np.zeros(draw.integers(0, SILENCE))]
    whole = np.concatenate(pieces[:-1])
    return np.round(PEAK * 32767 * whole).astype(np.int16)


def _derive(source: Path, target: Path) -> None:
    """One row for each clip, and one for each string, whose sounds lie beside the table."""
    clips = pd.DataFrame([_told(path) for path in sorted((source / CLIPS).glob("*.wav"))])
    clips.to_parquet(target / TABLE, index=False)
    (target / SOUNDS).mkdir()
    heard = {file: _samples(source / CLIPS / file) for file in clips["file"]}
    rows = []
    for (part, speaker), group in clips.groupby(["part", "speaker"], sort=True):
        draw = numpy_generator(0, "fsdd", str(part), str(speaker))
        for number in range(EACH[str(part)]):
            digits, whole = _string(group, heard, draw)
            name = f"{part}_{speaker}_{number:03d}"
            _write(target / SOUNDS / f"{name}.wav", whole)
            rows.append({"string": name, "file": f"{SOUNDS}/{name}.wav", "digits": digits})
            rows[-1] |= {"speaker": str(speaker), "part": str(part)}
    pd.DataFrame(rows).to_parquet(target / STRINGS, index=False)


def _string(clips: pd.DataFrame, heard: dict[str, np.ndarray], draw: np.random.Generator) -> tuple[str, np.ndarray]:
    while True:
        chosen = clips.iloc[draw.integers(0, len(clips), draw.integers(SHORTEST, LONGEST + 1))]
        whole = joined([heard[file] for file in chosen["file"]], draw)
        if len(whole) <= MOST:
            return "".join(digit[1:] for digit in chosen["digit"]), whole


def _told(path: Path) -> dict[str, object]:
    """What the name of a clip says, such as 7_theo_12.wav; digits are names, "d7", lest they be taken for numbers."""
    digit, speaker, take = path.stem.split("_")
    part = next(part for part, takes in PARTS.items() if int(take) in takes)
    return {"clip": path.stem, "file": path.name, "digit": f"d{digit}", "speaker": speaker, "take": int(take)} | {
        "part": part
    }


def _samples(path: Path) -> np.ndarray:
    with wave.open(str(path), "rb") as opened:
        return np.frombuffer(opened.readframes(opened.getnframes()), dtype="<i2")


def _write(path: Path, samples: np.ndarray) -> None:
    with wave.open(str(path), "wb") as written:
        written.setparams((1, 2, RATE, 0, "NONE", ""))
        written.writeframes(samples.astype("<i2").tobytes())


def _describe(source: Path, target: Path) -> dict[str, Any]:
    return {
        "version": 1,
        "data": {
            "table": str(target / TABLE),
            "files": str(source / CLIPS),
            "id": "clip",
            "split": {"column": "part", "validation": ["validation"], "test": ["test"]},
        },
        "modalities": {"speech": {"type": "audio", "column": "file"}},
        "tasks": {"digit": {"type": "multiclass", "target": "digit"}},
    }


SET = DataSet(
    name="fsdd",
    title="Spoken digits: six speakers, fifty takes of each digit; and strings that are joined of them",
    origin="git Jakobovski/free-spoken-digit-dataset at commit 26eb9aaf76e81b692f806f9140c2d2777410d7a1",
    licence="CC BY-SA 4.0",
    rows=3_000,
    tables={
        TABLE: "derived; one row for each clip: clip, file, digit, speaker, take, part",
        STRINGS: "derived; one row for each string: string, file, digits, speaker, part; its sounds lie beside it",
    },
    files={f"{CLIPS}/": "1801eae019c063377d98f831d3f93574f259475df7332bb0e3d1b080fb5e6959"},
    fetched=(
        GitArchive(
            "Jakobovski/free-spoken-digit-dataset",
            "26eb9aaf76e81b692f806f9140c2d2777410d7a1",
            {"recordings/": "recordings/"},
        ),
    ),
    derive=_derive,
    describe=_describe,
    made_with=(f"NumPy {np.__version__}",),
)
