"""Every picture comes to one size, number of channels and kind of value, with what is unknown marked."""

import numpy as np
import pytest
from PIL import Image

from polymodal.core import DataError
from polymodal.data.canvas import Canvas, paint
from polymodal.data.files import Limits

LIMITS = Limits()


def test_transparent_pixels_become_white() -> None:
    pixels = np.zeros((8, 8, 4), dtype=np.uint8)
    pixels[:4] = (200, 100, 50, 255)
    for picture in (Image.fromarray(pixels), Image.fromarray(pixels).convert("LA"), pixels):
        found = paint(picture, Canvas(8, 8, 1), LIMITS).pixels
        assert (found[:, 4:] == 255).all()
        assert (found[:, :4] < 200).all()
    clear = Image.fromarray(np.zeros((8, 8), dtype=np.uint8)).convert("P")
    clear.info["transparency"] = 0
    assert (paint(clear, Canvas(8, 8, 3), LIMITS).pixels == 255).all()


def test_four_channels_keep_transparency() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 4), dtype=np.uint8)
    for picture in (Image.fromarray(pixels), pixels):
        assert np.array_equal(paint(picture, Canvas(8, 8, 4), LIMITS).pixels, pixels.transpose(2, 0, 1))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "I;16", "F"])
def test_kinds_and_channels(mode: str, channels: int, deep: bool) -> None:
    picture = Image.fromarray(np.full((6, 9), 100, dtype=np.uint8))
    picture = picture.convert("I").convert(mode) if mode == "I;16" else picture.convert(mode)
    canvas = Canvas(4, 5, channels, deep=deep)
    if mode in {"I;16", "F"} and not deep:
        with pytest.raises(DataError) as caught:
            paint(picture, canvas, LIMITS)
        assert caught.value.code == "picture-depth"
        return
    found = paint(picture, canvas, LIMITS)
    assert found.pixels.shape == (channels, 4, 5)
    assert found.pixels.dtype == (np.float32 if deep else np.uint8)
    assert mode == "1" or np.allclose(found.pixels, 100, atol=1)


def test_other_numbers_of_channels() -> None:
    many = np.random.default_rng(0).random((20, 30, 5)).astype(np.float32)
    found = paint(many, Canvas(20, 30, 5, deep=True), LIMITS).pixels
    assert np.array_equal(found, many.transpose(2, 0, 1))
    eight = (many * 255).astype(np.uint8)
    assert np.array_equal(paint(eight, Canvas(20, 30, 5), LIMITS).pixels, eight.transpose(2, 0, 1))
    for picture, channels in ((many, 3), (eight, 3), (many[:, :, :3], 5), (Image.new("RGB", (4, 4)), 5)):
        with pytest.raises(DataError) as caught:
            paint(picture, Canvas(20, 30, channels, deep=True), LIMITS)
        assert caught.value.code == "picture-channels"


def test_shrinking_averages() -> None:
    checks = (np.indices((64, 64)).sum(0) % 2 * 200).astype(np.uint8)
    for picture in (checks, checks.astype(np.float32)):
        found = paint(picture, Canvas(8, 8, 1, deep=picture.dtype != np.uint8), LIMITS).pixels
        assert np.abs(found[:, 1:-1, 1:-1].astype(float) - 100).max() < 3


@pytest.mark.parametrize("shape", [(40, 10), (10, 40), (3, 1), (16, 16)])
@pytest.mark.parametrize("deep", [False, True])
def test_padding_keeps_proportions_and_marks_the_rest(shape: tuple[int, int], deep: bool) -> None:
    picture = np.full(shape, 77, dtype=np.float32 if deep else np.uint8)
    found = paint(picture, Canvas(16, 16, 1, deep=deep, padded=True), LIMITS)
    known = np.ones((16, 16), dtype=bool) if found.known is None else found.known
    rows, columns = known.any(1).sum(), known.any(0).sum()
    assert known.sum() == rows * columns
    assert max(rows, columns) == 16
    assert abs(rows / columns - shape[0] / shape[1]) <= 0.5 * max(shape) / min(shape)
    assert (found.pixels[0][known] == 77).all()
    assert (found.pixels[0][~known] == 0).all()


def test_values_that_are_not_finite_are_unknown() -> None:
    depth = np.full((20, 20), 3.0, dtype=np.float32)
    depth[:10] = np.nan
    depth[:, :5] = np.inf
    for side in (20, 10):
        found = paint(depth, Canvas(side, side, 1, deep=True), LIMITS)
        assert found.known is not None
        assert abs(found.known.mean() - 0.375) < 0.05
        assert np.allclose(found.pixels[0][found.known], 3.0)
        assert np.isfinite(found.pixels).all()
    with pytest.raises(DataError, match="no finite value"):
        paint(np.full((4, 4), np.nan), Canvas(4, 4, 1, deep=True), LIMITS)


def test_a_jpeg_decoded_small_looks_like_one_decoded_whole(tmp_path) -> None:
    y, x = np.mgrid[0:800, 0:600]
    waves = (127 + 100 * np.sin(x / 60) * np.cos(y / 80)).astype(np.uint8)
    path = tmp_path / "waves.jpg"
    Image.fromarray(waves).save(path, quality=95)
    found = paint(path.read_bytes(), Canvas(64, 48, 1), LIMITS).pixels.astype(float)
    wanted = paint(waves, Canvas(64, 48, 1), LIMITS).pixels
    assert np.abs(found - wanted).mean() < 2
