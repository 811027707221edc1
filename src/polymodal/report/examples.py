"""Rows to look at: some that the model got right and some that it got wrong, with their pictures and texts."""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from polymodal.core import DataError, PolymodalError
from polymodal.data.files import Limits
from polymodal.data.gallery import Gallery
from polymodal.data.pictures import decode
from polymodal.data.traces import from_cell
from polymodal.report.facts import Facts, TaskFacts
from polymodal.report.wording import number
from polymodal.run import Run

__all__ = ["Example", "collect"]

RIGHT, WRONG = 3, 6
DIGITS, NUMBERS = 4, 4  # of a number with decimals; of a vector or a series
DECIMAL = re.compile(r"[+-]?(0|[1-9]\d*)\.\d+([eE][+-]?\d{1,3})?")
TEXT, THUMBNAIL = 280, 112  # characters of a text, pixels of the longer side of a picture


@dataclass(frozen=True)
class Example:
    """One row as a person would look at it. `pictures` are PNG files by modality, `texts` words by modality."""

    task: str
    row: int
    identity: str
    truth: str
    prediction: str
    sure: float | None
    right: bool
    texts: dict[str, str] = field(default_factory=dict)
    pictures: dict[str, bytes] = field(default_factory=dict)


def collect(run: Run, facts: Facts) -> list[Example]:
    """For each task the rows that it is surest of, right and wrong (for numbers: the nearest and the farthest)."""
    found = []
    for task in facts.tasks:
        if len(task.truth) == 0:
            continue
        sure, wrong = _judged(task)
        order = np.argsort(-sure, kind="stable")
        chosen = [
            *_varied(task, order[~wrong[order]], RIGHT),
            *_varied(task, order[wrong[order]], WRONG),
        ]
        found += [_example(run, task, at, bool(wrong[at])) for at in chosen]
    return found


def thumbnail(picture: Any, limits: Limits, side: int = THUMBNAIL) -> bytes | None:
    """A small PNG of a picture (bytes of a file, an array, or a Pillow image), None where it cannot be shown."""
    try:
        made = decode(picture, limits)
    except PolymodalError:
        return None
    image = made if isinstance(made, Image.Image) else _drawn(np.asarray(made))
    if image.mode == "RGBA":  # what is transparent is shown on white, as the model sees it
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("RGB")
    image.thumbnail((side, side))
    stream = io.BytesIO()
    image.save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _judged(task: TaskFacts) -> tuple[np.ndarray, np.ndarray]:
    if task.kind != "numbers":
        sure = _certainty(task)
        return np.ones(len(task.truth)) if sure is None else sure, task.truth != task.prediction
    off = np.abs(task.truth - task.prediction)
    far = off > np.median(off)
    return np.where(far, off, -off), far


def _certainty(task: TaskFacts) -> np.ndarray | None:
    """(n,) the probability of the answer that was given; of several labels at once, of the least certain one."""
    if task.kind == "labels" and task.probabilities is not None:
        return np.asarray(np.maximum(task.probabilities, 1 - task.probabilities).min(1))
    return task.stated


def _varied(task: TaskFacts, order: np.ndarray, most: int) -> list[int]:
    """The first ones, each pair of truth and answer once before any comes twice."""
    met: dict[tuple[str, str], int] = {}
    ranks = []
    for at in order[: 200 * most]:
        pair = ("", "") if task.kind == "numbers" else (str(task.truth[at]), str(task.prediction[at]))
        met[pair] = met.get(pair, 0) + 1
        ranks.append(met[pair])
    return [int(order[place]) for place in np.argsort(ranks, kind="stable")[:most]]


def _example(run: Run, task: TaskFacts, at: int, wrong: bool) -> Example:
    numbers = task.kind == "numbers"
    answers = (number(float(part[at])) if numbers else str(part[at]) for part in (task.truth, task.prediction))
    truth, said = (words if len(words) <= TEXT else f"{words[:TEXT]}…" for words in answers)
    sure = _certainty(task)
    row = int(task.rows[at])
    texts, pictures = _content(run, row)
    certain = None if sure is None else float(sure[at])
    return Example(task.name, row, task.identities[at], truth, said, certain, not wrong, texts, pictures)


def _content(run: Run, row: int) -> tuple[dict[str, str], dict[str, bytes]]:
    """What each modality holds of a row: pictures as thumbnails, everything else in words."""
    texts: dict[str, str] = {}
    pictures: dict[str, bytes] = {}
    for name, (reader, cells) in run.fitted.samples.inputs.items():
        if not cells.present[row]:
            continue
        if isinstance(cells, Gallery):
            made = _picture(cells, row)
            pictures |= {} if made is None else {name: made}
        else:
            texts[name] = _words(run, reader.names, row)
    return texts, pictures


def _picture(cells: Gallery, row: int) -> bytes | None:
    (_, value) = cells.ask(np.array([row]))[0]
    limits = Limits()
    try:
        return thumbnail(cells.picture(value, limits), limits)
    except PolymodalError:
        return None


def _words(run: Run, names: Sequence[str], row: int) -> str:
    """The cells of some columns: running text side by side, short cells each after the name of its column."""
    cells = {name: run.fitted.table.frame[name].iloc[row] for name in names if name in run.fitted.table.frame}
    told = {name: _shown(cell) for name, cell in cells.items()}
    known = {name: words for name, words in told.items() if words}
    plain = len(names) == 1 or max(map(len, known.values()), default=0) > 40
    words = " — ".join(known.values()) if plain else ", ".join(f"{name} {cell}" for name, cell in known.items())
    return words if len(words) <= TEXT else f"{words[:TEXT].rstrip()}…"


def _shown(cell: Any) -> str:
    """A cell in words; nothing of one that is empty."""
    if isinstance(cell, list | tuple | np.ndarray | bytes):
        return _many(cell)
    return "" if pd.isna(cell) else _cell(cell)


def _many(cell: Any) -> str:
    """The first numbers of a vector or a series, and how many there are; of bytes, how many."""
    if isinstance(cell, bytes):
        return f"{len(cell):,} bytes"
    try:
        held = from_cell(cell)
    except DataError as error:
        return error.found
    shown = " ".join(_cell(value) for value in held.ravel()[:NUMBERS].tolist())
    return shown if held.size <= NUMBERS else f"{shown} … ({' × '.join(map(str, held.shape))} numbers)"


def _cell(cell: Any) -> str:
    """A cell as it is, but of a number with decimals four digits, or its whole part where that is longer."""
    words = str(cell).strip()
    if isinstance(cell, float) and cell.is_integer():
        return f"{cell + 0.0:.0f}"  # which takes the minus off nought
    if not DECIMAL.fullmatch(words):
        return words
    value = float(words)
    if value == 0:
        return words.lstrip("+-")
    digits = len(re.sub(r"[eE].*|\D", "", words).lstrip("0"))
    if digits <= DIGITS:
        return words
    return f"{value:.0f}" if abs(value) >= 10 ** (DIGITS - 1) else f"{value:.{DIGITS}g}"


def _drawn(values: np.ndarray) -> Image.Image:
    """An array (height, width[, channels]) of any range as a picture: stretched, its first or first three channels."""
    known = np.nan_to_num(values.astype(np.float32))
    low, high = float(known.min()), float(known.max())
    scaled = ((known - low) / ((high - low) or 1) * 255).astype(np.uint8)
    channels = scaled[..., :3] if scaled.ndim == 3 and scaled.shape[-1] >= 3 else np.atleast_3d(scaled)[..., 0]
    return Image.fromarray(channels)
