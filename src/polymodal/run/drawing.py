"""Answers that are pictures, as files beside the table of predictions."""

import colorsys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from polymodal.tasks.base import Decoded, Task

__all__ = ["drawn", "is_drawn"]

TURN = 0.618
"""Part of the circle of colours between one class and the next: neighbours differ, and no two are ever the same."""


def is_drawn(task: Task, decoded: Decoded) -> bool:
    """Whether the answers are pictures: drawn ones (n, height, width, channels), or one number for each pixel."""
    return task.answers in ("pixels", "depths") or decoded.prediction.ndim == 4


def drawn(name: str, pictures: np.ndarray, folder: Path, wanted: np.ndarray | None = None) -> dict[str, Any]:
    """Write each picture as `folder`/NAME-ROW with its ending; gives the column that names them.

    Of rows that are not `wanted` (n,) there is no picture, and the cell is empty.

    Pictures (n, height, width, channels) become PNG files, class numbers (n, height, width) uint8 PNG files with a
    palette, whose stored numbers are the classes, and distances (n, height, width) .npy files of float32.
    """
    folder.mkdir(exist_ok=True)
    ending = "png" if pictures.dtype == np.uint8 else "npy"
    there = np.ones(len(pictures), dtype=bool) if wanted is None else wanted
    places = [folder / f"{name}-{row}.{ending}" if there[row] else None for row in range(len(pictures))]
    for place, picture in zip(places, pictures, strict=True):
        if place is None:
            continue
        if ending == "npy":
            np.save(place, picture.astype(np.float32), allow_pickle=False)
        else:
            _image(picture).save(place)
    return {f"{name}.prediction": [place and f"{folder.name}/{place.name}" for place in places]}


def _image(picture: np.ndarray) -> Image.Image:
    if picture.ndim == 3:
        return Image.fromarray(picture.squeeze(2) if picture.shape[2] == 1 else picture)
    made = Image.fromarray(picture).convert("L")
    made.putpalette(_colours())
    return made


def _colours() -> list[int]:
    """Red, green and blue of 256 classes, one after the other."""
    shades = [colorsys.hsv_to_rgb(place * TURN % 1, 0.65, 0.9 - 0.25 * (place % 3)) for place in range(256)]
    return [round(255 * part) for shade in shades for part in shade]
