"""Drawings are whole, named for screen readers, and cannot be broken by the words in them."""

import xml.etree.ElementTree as ET

import pytest

from polymodal.report.drawing import Scale, Svg, ticks


def test_a_drawing_has_a_name_and_a_description() -> None:
    drawing = Svg("one", 100, 50, "<Title>", 'what "it" shows & means')
    drawing.text(1, 2, "<script>alert(1)</script>")
    drawing.upright(1, 2, "a < b")
    drawing.box((0, 0), (-5, 3), "bar")
    root = ET.fromstring(str(drawing.markup()))
    assert root.get("role") == "img"
    named = {child.get("id"): child.text for child in root if child.get("id")}
    assert [named[name] for name in root.get("aria-labelledby", "").split()] == ["<Title>", 'what "it" shows & means']
    assert not root.findall(".//script")


def test_a_scale_stays_within_its_ends() -> None:
    scale = Scale(0, 10, 100, 200)
    assert [scale(value) for value in (-5, 0, 5, 10, 50)] == [100, 100, 150, 200, 200]


def test_a_scale_of_one_value_puts_it_in_the_middle() -> None:
    assert Scale(3, 3, 0, 10)(3) == 5
    assert Scale(0, 0, 0, 10)(0) == 5


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.72, 0.741), (-3, 2500), (1e-9, 3e-9), (0.999, 1.0)])
def test_ticks_are_round_and_inside(low: float, high: float) -> None:
    found = ticks(low, high)
    assert 2 <= len(found) <= 7
    assert all(low - 1e-9 <= value <= high + 1e-9 for value in found)
    assert ticks(2, 2) == [2]
