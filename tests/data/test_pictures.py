"""A whole picture or none: damaged files are refused in bounded memory, and never half decoded."""

import contextlib
import io
import struct
import tracemalloc
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from polymodal.core import DataError
from polymodal.data.files import Limits
from polymodal.data.pictures import Decoded, decode, measure, stored_numbers

LIMITS = Limits(pixels=1_000_000)


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def as_npy(values: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


def shades(height: int = 40, width: int = 56) -> Image.Image:
    draw = np.random.default_rng(0)
    tiles = np.kron(draw.integers(0, 256, (height // 8, width // 8, 3)), np.ones((8, 8, 1)))
    return Image.fromarray((tiles + draw.normal(0, 5, tiles.shape)).clip(0, 255).astype(np.uint8))


def values(decoded: Decoded) -> np.ndarray:
    return np.asarray(decoded)


KINDS: dict[str, Callable[[], bytes]] = {
    "png": lambda: encoded(shades(), "PNG"),
    "jpeg": lambda: encoded(shades(), "JPEG"),
    "progressive jpeg": lambda: encoded(shades(), "JPEG", progressive=True),
    "gif": lambda: encoded(shades(), "GIF"),
    "bmp": lambda: encoded(shades(), "BMP"),
    "tiff": lambda: encoded(shades(), "TIFF"),
    "packed tiff": lambda: encoded(shades(), "TIFF", compression="tiff_lzw"),
    "webp": lambda: encoded(shades(), "WEBP"),
    "lossless webp": lambda: encoded(shades(), "WEBP", lossless=True),
    "ppm": lambda: encoded(shades(), "PPM"),
    "npy": lambda: as_npy(np.asarray(shades())),
    "deep npy": lambda: as_npy(np.linspace(0, 1, 40 * 56).reshape(40, 56)),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.97])
def test_cut_off_files_are_refused(kind: str, share: float) -> None:
    content = KINDS[kind]()
    with pytest.raises(DataError) as caught:
        decode(content[: max(1, int(len(content) * share))], LIMITS)
    assert caught.value.code in {"picture-damaged", "picture-format"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_anywhere_never_gives_half_a_picture(kind: str) -> None:
    content = KINDS[kind]()
    whole = values(decode(content, LIMITS))
    for cut in {*range(1, len(content), max(1, len(content) // 40)), *range(len(content) - 12, len(content))}:
        for shortest in (None, 10):
            try:
                found = values(decode(content[:cut], LIMITS, shortest))
            except DataError:
                continue
            assert np.array_equal(found, whole), f"cut at {cut} of {len(content)}"


def test_half_pictures_are_refused_even_where_pillow_was_told_to_accept_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    content = KINDS["jpeg"]()
    with pytest.raises(DataError):
        decode(content[: len(content) // 2], LIMITS)
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


def png_of(height: int, width: int) -> bytes:
    """A PNG whose header promises more than the file could hold."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 1_000_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [2_000, 12_000, 30_000, 2**31 - 1])
def test_a_bomb_is_refused_before_it_is_decoded(side: int) -> None:
    bomb = png_of(side, side)
    tracemalloc.start()
    with pytest.raises(DataError) as caught:
        decode(bomb, LIMITS)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert caught.value.code == "picture-too-large"
    assert peak < 5_000_000


def npy_header(shape: str, descr: str = "'<f4'") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * (118 - len(text)) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


NO_PICTURES = {
    "text": (b"just a note", "picture-format"),
    "html": (b"<!DOCTYPE html><html></html>", "picture-format"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "picture-format"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n", "picture-format"),
    "zeros": (bytes(500), "picture-format"),
    "png signature alone": (b"\x89PNG\r\n\x1a\n", "picture-format"),
    "array of objects": (npy_header("(2, 2)", "'|O'") + bytes(32), "picture-damaged"),
    "array of text": (npy_header("(2, 2)", "'<U4'") + bytes(64), "picture-damaged"),
    "array of one axis": (npy_header("(4,)") + bytes(16), "picture-damaged"),
    "array of four axes": (npy_header("(1, 1, 2, 2)") + bytes(16), "picture-damaged"),
    "array that promises too much": (npy_header("(100000, 100000)") + bytes(16), "picture-damaged"),
    "array that promises beyond counting": (npy_header(f"({2**62}, {2**62})") + bytes(16), "picture-damaged"),
    "array of negative size": (npy_header("(-2, -2)") + bytes(16), "picture-damaged"),
    "array with code in its header": (npy_header("__import__('os')") + bytes(16), "picture-damaged"),
    "array of no pixels": (npy_header("(0, 4)"), "picture-damaged"),
}


@pytest.mark.parametrize("case", NO_PICTURES)
def test_what_is_no_picture_is_refused(case: str) -> None:
    content, code = NO_PICTURES[case]
    for look in (decode, measure):
        with pytest.raises(DataError) as caught:
            look(content, LIMITS)
        assert caught.value.code == code
        assert caught.value.found


def test_content_decides_and_not_the_name() -> None:
    assert values(decode(KINDS["jpeg"](), LIMITS)).shape == (40, 56, 3)


@settings(deadline=None)
@given(st.binary(max_size=60), st.integers(0, 2_000), st.sampled_from(sorted(KINDS)))
def test_flipped_bytes_are_refused_or_decoded_and_nothing_else(noise: bytes, place: int, kind: str) -> None:
    content = bytearray(KINDS[kind]())
    content[place : place + len(noise)] = noise
    with contextlib.suppress(DataError):
        assert values(decode(bytes(content), LIMITS)).size <= 4 * LIMITS.pixels


@pytest.mark.parametrize("turned", range(1, 9))
def test_exif_orientation_is_applied(turned: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = turned
    corner = np.zeros((16, 32), dtype=np.uint8)
    corner[:8, :8] = 255
    # How a viewer that honours the tag must see the marked corner: (rows from top, columns from left).
    content = encoded(Image.fromarray(corner), "PNG", exif=exif)
    found = values(decode(content, LIMITS))
    at = {1: (0, 0), 2: (0, -1), 3: (-1, -1), 4: (-1, 0), 5: (0, 0), 6: (0, -1), 7: (-1, -1), 8: (-1, 0)}[turned]
    assert found.shape == ((16, 32) if turned < 5 else (32, 16))
    assert found[at] == 255
    assert found.sum() == 255 * 64
    seen = measure(content, LIMITS)
    assert (seen.height, seen.width) == found.shape


def test_damaged_exif_is_no_reason_to_refuse() -> None:
    content = encoded(shades(), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\xff")
    assert values(decode(content, LIMITS)).shape == (40, 56, 3)


@pytest.mark.parametrize(("mode", "channels"), [("1", 1), ("L", 1), ("P", 3), ("RGB", 3), ("CMYK", 3), ("YCbCr", 3)])
def test_modes_are_resolved(mode: str, channels: int) -> None:
    picture = shades().convert(mode)
    assert np.atleast_3d(values(decode(picture, LIMITS))).shape[2] == channels
    assert measure(picture, LIMITS).channels == channels


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_transparency_is_kept_for_the_canvas(mode: str) -> None:
    found = decode(encoded(shades().convert(mode), "PNG"), LIMITS)
    assert isinstance(found, Image.Image)
    assert found.mode == "RGBA"


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_keep_their_range(kind: str) -> None:
    depth = np.arange(0, 60000, 100, dtype=np.uint16).reshape(20, 30)
    content = encoded(Image.fromarray(depth), kind)
    assert measure(content, LIMITS).deep
    assert np.array_equal(values(decode(content, LIMITS))[:, :, 0], depth)


def test_float_tiff_keeps_its_range() -> None:
    depth = np.linspace(-1e6, 1e6, 600, dtype=np.float32).reshape(20, 30)
    assert np.array_equal(values(decode(encoded(Image.fromarray(depth), "TIFF"), LIMITS))[:, :, 0], depth)


@pytest.mark.parametrize("dtype", ["<f2", "<f4", ">f8", "<i4", ">u2", "<i8"])
def test_arrays_of_any_number_type(dtype: str) -> None:
    array = np.arange(24).reshape(4, 6).astype(dtype)
    found = values(decode(as_npy(array), LIMITS))
    assert found.dtype == np.float32
    assert np.array_equal(found[:, :, 0], array)


def test_arrays_of_channels_first_and_last_and_of_other_orders() -> None:
    last = np.random.default_rng(0).random((20, 30, 5)).astype(np.float32)
    for array in (last, last.transpose(2, 0, 1), np.asfortranarray(last)):
        assert np.array_equal(values(decode(as_npy(array), LIMITS)), last)
        assert measure(as_npy(array), LIMITS).channels == 5


def test_masks_are_black_and_white() -> None:
    assert set(np.unique(values(decode(np.eye(4, dtype=bool), LIMITS)))) == {0, 255}


def test_an_animation_gives_its_first_frame() -> None:
    frames = [Image.new("L", (8, 8), shade) for shade in (10, 200)]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert np.unique(values(decode(content, LIMITS).convert("L"))).tolist() == [10]


def test_a_picture_in_memory_is_left_alone() -> None:
    picture = Image.open(io.BytesIO(KINDS["jpeg"]()))
    decode(picture, LIMITS, shortest=4)
    assert picture.size == (56, 40)


def test_numbers_come_as_they_are_stored() -> None:
    numbers = np.arange(12, dtype=np.uint8).reshape(3, 4)
    palette = Image.fromarray(numbers).convert("L")
    palette.putpalette([255 - place % 256 for place in range(768)])
    deep = 1000 * numbers.astype(np.uint16)
    for picture, wanted in (
        (encoded(palette, "PNG"), numbers),
        (encoded(Image.fromarray(numbers), "PNG"), numbers),
        (encoded(Image.fromarray(deep), "PNG"), deep),
        (as_npy(numbers / 7), numbers / 7),
        (numbers[..., None] - 3.0, numbers - 3.0),
        (encoded(Image.fromarray(numbers > 5), "PNG"), numbers > 5),
    ):
        found = stored_numbers(picture, LIMITS)
        assert np.array_equal(found, wanted)


@pytest.mark.parametrize(
    ("picture", "found"),
    [
        (encoded(shades(), "PNG"), "is a picture in colours"),
        (encoded(shades().convert("L"), "JPEG"), "is a JPEG"),
        (encoded(shades().convert("L"), "PNG")[:-20], "cut off"),
        (np.zeros((3, 4, 2)), r"is an array of float64 with shape \(3, 4, 2\)"),
        (np.array([["a"]]), "is an array of <U1"),
        (np.zeros((2000, 600)), "the limit is 1,000,000"),
        (np.zeros((0, 4)), "has no pixels"),
        (as_npy(np.zeros((20, 20)))[:-1], "damaged or cut off"),
        (b"nothing", "is not a picture"),
    ],
)
def test_what_does_not_keep_numbers_is_refused(picture: bytes | np.ndarray, found: str) -> None:
    with pytest.raises(DataError, match=found):
        stored_numbers(picture, LIMITS)
