"""Thumbnails are small and shown as the model sees them; what cannot be shown is left out."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from polymodal.data.files import Limits
from polymodal.report.examples import _cell, _certainty, _many, thumbnail
from polymodal.report.facts import TaskFacts


def opened(content: bytes | None) -> Image.Image:
    assert content is not None
    return Image.open(io.BytesIO(content))


def png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def test_it_is_small_and_keeps_its_shape() -> None:
    assert opened(thumbnail(png(Image.new("RGB", (400, 200))), Limits(), 100)).size == (100, 50)


def test_what_is_transparent_is_white() -> None:
    made = opened(thumbnail(png(Image.new("RGBA", (8, 8), (0, 0, 0, 0))), Limits()))
    assert made.getpixel((4, 4)) == (255, 255, 255)


@pytest.mark.parametrize("channels", [1, 2, 3, 7])
def test_arrays_of_any_range_are_stretched(channels: int) -> None:
    depth = np.linspace(-3, 900, 30 * 20 * channels, dtype=np.float32).reshape(30, 20, channels)
    made = np.asarray(opened(thumbnail(depth, Limits())))
    assert made.shape == (30, 20, 3)
    assert made.max() - made.min() > 150


def test_what_is_no_picture_is_left_out() -> None:
    assert thumbnail(b"not a picture", Limits()) is None
    assert thumbnail(png(Image.new("RGB", (90, 90))), Limits(pixels=100)) is None


def test_the_model_is_as_sure_as_of_the_answer_it_gave() -> None:
    chances, said = np.array([[0.45, 0.1, 0.45]]), np.array(["2"], dtype=object)
    task = TaskFacts("grade", "ordered", {"classes": ["1", "2", "3"]}, np.arange(1), said, said, chances, ["a"])
    sure = _certainty(task)
    assert sure is not None
    assert sure.tolist() == [0.1]


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("32.79055033019159", "32.79"), (32.79055033019159, "32.79"), ("-0.000", "0.000"), (-0.0, "0"), (7.0, "7"),
        ("12345.678", "12346"), (12345678.0, "12345678"), ("123456789", "123456789"), ("007.123456", "007.123456"),
        ("00123", "00123"), ("1.50", "1.50"), ("2024.01.02", "2024.01.02"), ("0.000123456", "0.0001235"),
        (" soft ", "soft"), (3, "3"), (float("inf"), "inf"),
    ],
)  # fmt: skip
def test_numbers_are_cut_to_what_one_reads(cell: Any, words: str) -> None:
    assert _cell(cell) == words


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (np.array([0.123456, -2.0]), "0.1235 -2"),
        ([1.5, None, 2, 3, 4.25], "1.5 nan 2 3 … (5 numbers)"),
        (np.zeros((12, 3)), "0 0 0 0 … (12 × 3 numbers)"),
        ([[1.0, 2.0], [3.0]], "holds channels of different lengths"),
        (b"RIFF", "4 bytes"),
    ],
    ids=str,
)
def test_many_numbers_are_told_by_the_first_and_their_count(cell: Any, words: str) -> None:
    assert _many(cell) == words
