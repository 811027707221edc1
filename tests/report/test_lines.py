"""Figures as lines on one axis: each stands where its value is, and nothing is cut off."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from polymodal.report import lines_picture
from polymodal.report.lines import OURS


def dots(place: Path) -> np.ndarray:
    """Where the picture has the colour of figures, (pixels, 2) rows and columns."""
    with Image.open(place) as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    wanted = np.array([int(OURS[at : at + 2], 16) for at in (1, 3, 5)])
    return np.argwhere((np.abs(pixels - wanted) < 8).all(axis=2))


def test_a_greater_figure_stands_further_right(tmp_path: Path) -> None:
    place = lines_picture("Two", [("low", 0.2, None), ("high", 0.8, None)], tmp_path / "deep" / "two.png")
    found = dots(place)
    middle = (found[:, 0].min() + found[:, 0].max()) / 2
    upper, lower = found[found[:, 0] < middle], found[found[:, 0] >= middle]
    assert lower[:, 1].mean() - upper[:, 1].mean() == 0.6 * 320 * 2


def test_an_interval_is_drawn_as_wide_as_it_is(tmp_path: Path) -> None:
    found = dots(lines_picture("One", [("figure", 0.5, (0.25, 0.75))], tmp_path / "one.png"))
    assert abs(found[:, 1].max() - found[:, 1].min() - 0.5 * 320 * 2) <= 3


def test_figures_beyond_one_and_below_zero_stay_on_the_sheet(tmp_path: Path) -> None:
    lines = [("a long name of something that was measured with care", 12.0, (3.0, 40.0)), ("loss", -2.0, None)]
    place = lines_picture("Wide", lines, tmp_path / "wide.png")
    found = dots(place)
    with Image.open(place) as picture:
        assert found[:, 1].max() < picture.width - 100
    assert found[:, 1].min() > 100


def test_what_is_not_known_has_a_line_and_no_dot(tmp_path: Path) -> None:
    assert not len(dots(lines_picture("None", [("nothing", float("nan"), None)], tmp_path / "none.png")))


def test_a_long_title_fits(tmp_path: Path) -> None:
    titles = (
        "Short",
        "A title that is a good deal longer than all of the lines below it, and then some more",
    )
    short, long = (lines_picture(title, [("x", 0.1, None)], tmp_path / f"{len(title)}.png") for title in titles)
    with Image.open(short) as one, Image.open(long) as other:
        assert other.width > one.width


def test_a_figure_below_zero_is_written_in_signs_that_the_font_has(tmp_path: Path, monkeypatch) -> None:
    written = []
    monkeypatch.setattr(ImageDraw.ImageDraw, "text", lambda pen, place, words, *rest, **more: written.append(words))
    lines_picture("Gap", [("ours less theirs", -0.25, (-0.5, 0.125))], tmp_path / "gap.png")
    assert "-0.250  (-0.500 to 0.125)" in written
    assert not any("−" in words for words in written)
