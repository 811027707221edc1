"""Figures with their intervals as one picture: a line for each, on a common axis."""

import math
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from polymodal.report.drawing import Scale, ticks
from polymodal.report.sheet import FAINT, INK, PAPER
from polymodal.report.wording import mark, number

__all__ = ["Line", "lines_picture"]

Line = tuple[str, float, Sequence[float] | None]
"""What was measured, its value, and the interval of it where there is one."""

SCALE = 2  # pixels for each unit below, so that the picture is sharp on dense screens
HIGH, TOP, GAP, AXIS = 24, 52, 16, 320
OURS, RULE = "#0a6166", "#e3dfd8"


def lines_picture(title: str, lines: Sequence[Line], place: Path) -> Path:
    """Write `place`, a PNG; gives the path. The axis runs from 0 to 1, or further where a figure does."""
    font, large = ImageFont.load_default(13 * SCALE), ImageFont.load_default(17 * SCALE)
    told = [_told(value, interval) for _, value, interval in lines]
    left = max([font.getlength(what) for what, _, _ in lines] + [0]) / SCALE + 2 * GAP
    right = left + AXIS + GAP
    wide = max(right + max([font.getlength(words) for words in told] + [0]) / SCALE, large.getlength(title) / SCALE)
    size = (round((wide + 2 * GAP) * SCALE), (TOP + HIGH * len(lines) + 2 * GAP) * SCALE)
    sheet = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((GAP * SCALE, GAP * SCALE), title, INK, large)
    ends = [end for _, value, interval in lines for end in (value, *(interval or ())) if math.isfinite(end)]
    low, high = min([0.0, *ends]), max([1.0, *ends])
    across = Scale(low, high, left * SCALE, (left + AXIS) * SCALE)
    bottom = (TOP + HIGH * len(lines)) * SCALE
    for tick in ticks(low, high):
        pen.line([(across(tick), TOP * SCALE), (across(tick), bottom)], RULE, SCALE)
        pen.text((across(tick), bottom + 4 * SCALE), _plain(mark(tick)), FAINT, font, anchor="ma")
    for at, ((what, value, interval), words) in enumerate(zip(lines, told, strict=True)):
        middle = (TOP + HIGH * (at + 0.5)) * SCALE
        pen.text((GAP * SCALE, middle), what, INK, font, anchor="lm")
        if interval:
            pen.line([(across(interval[0]), middle), (across(interval[1]), middle)], OURS, 2 * SCALE)
        if math.isfinite(value):
            pen.circle((across(value), middle), 4 * SCALE, OURS)
        pen.text((right * SCALE, middle), words, FAINT, font, anchor="lm")
    place.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(place, optimize=True)
    return place


def _told(value: float, interval: Sequence[float] | None) -> str:
    return _plain(number(value) + (f"  ({number(interval[0])} to {number(interval[1])})" if interval else ""))


def _plain(words: str) -> str:
    """The words with a hyphen for a minus sign, of which the font that Pillow brings has no picture."""
    return words.replace("−", "-")
