"""Spots of a section as a picture, each in the colour of what it was said to be."""

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw

__all__ = ["COLOURS", "spots_picture"]

COLOURS = ("#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#b07aa1", "#edc948", "#76b7b2", "#9c755f", "#ff9da7", "#5b5b66")
"""Colours that are told apart side by side; of more labels the first ones come again."""
_SIDE, _FINE = 640, 4
_NOTHING = "#dddddd"


def spots_picture(places: np.ndarray, labels: Sequence[object], order: Sequence[object]) -> Image.Image:
    """A square picture of places (spots, 2), row and column in spacings, in the colours of their labels.

    Colours go by the place of a label in the order; what is not in it, such as a spot without a label, is grey.
    """
    first, last = places.min(axis=0), places.max(axis=0)
    side = _SIDE * _FINE  # drawn large and made small, so that edges are smooth
    scale = side / (float((last - first).max()) + 2)
    colours: Mapping[object, str] = {label: COLOURS[number % len(COLOURS)] for number, label in enumerate(order)}
    picture = Image.new("RGB", (side, side), "#ffffff")
    pen = ImageDraw.Draw(picture)
    for (row, column), label in zip((places - first + 1) * scale, labels, strict=True):
        reach = 0.48 * scale
        pen.ellipse((column - reach, row - reach, column + reach, row + reach), fill=colours.get(label, _NOTHING))
    return picture.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
