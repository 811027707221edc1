"""Thumbnails are small and shown as the model sees them; what cannot be shown is left out."""

import io

import numpy as np
import pytest
from PIL import Image

from polymodal.data.files import Limits
from polymodal.report.examples import thumbnail


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
