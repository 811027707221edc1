"""Each spot is drawn where it lies, in the colour of its label."""

import numpy as np
from PIL import ImageColor

from polymodal.report.spots import COLOURS, spots_picture

PLACES = np.array([[0.0, 0.0], [0.0, 9.0], [9.0, 0.0], [9.0, 9.0]])


def test_rows_go_down_and_columns_to_the_right() -> None:
    picture = spots_picture(PLACES, ["a", "b", "a", None], ["a", "b"])
    wide, high = picture.size
    step = wide / 11
    seen = [picture.getpixel((int((1 + column) * step), int((1 + row) * step))) for row, column in PLACES]
    first, second = (ImageColor.getrgb(colour) for colour in COLOURS[:2])
    assert seen == [first, second, first, (0xDD, 0xDD, 0xDD)]
    assert picture.getpixel((wide // 2, high // 2)) == (255, 255, 255)


def test_a_single_spot_is_drawn() -> None:
    picture = spots_picture(PLACES[:1], ["a"], ["a"])
    assert picture.getpixel((picture.size[0] // 2, picture.size[1] // 2)) == ImageColor.getrgb(COLOURS[0])
