"""Pictures from bytes: everything about a file is checked before its pixels are decoded, and half a picture is none."""

import io
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from polymodal.core import DataError
from polymodal.data.files import Limits

__all__ = ["FORMATS", "Decoded", "Measure", "Picture", "decode", "measure", "stored_numbers", "unusable"]

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
"""What is decoded, told by content and never by file name. None of them runs another program or holds a script."""

Picture = bytes | np.ndarray | Image.Image
"""A file's content, an array (height, width) or (height, width, channels), or an open Pillow picture."""

Decoded = np.ndarray | Image.Image
"""Eight bits a value as Pillow's L, RGB or RGBA; anything else as uint8 or float32 (height, width, channels)."""

_NPY = b"\x93NUMPY"
_PNG_END = b"IEND\xaeB`\x82"
_ORIENTATION = 0x0112
_ORIENTED_BY = {"exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp"}
_DEEP = {"I", "F", "I;16", "I;16B", "I;16L", "I;16N"}
_ONE_CHANNEL = {"1", "L", "LA", "La"} | _DEEP


@dataclass(frozen=True)
class Measure:
    """What a header says: size in pixels as shown upright, channels, and `deep`: more than 8 bits a value."""

    height: int
    width: int
    channels: int
    deep: bool


def measure(picture: Picture, limits: Limits) -> Measure:
    """Size and kind of a picture, without decoding it. Raises DataError where it cannot be one."""
    with _decoding(limits):
        opened = _opened(picture, limits)
        if isinstance(opened, np.ndarray):
            height, width, channels = opened.shape
            return Measure(height, width, channels, opened.dtype != np.uint8)
        width, height = opened.size
        if _orientation(opened) >= 5:
            width, height = height, width
        return Measure(height, width, 1 if opened.mode in _ONE_CHANNEL else 3, opened.mode in _DEEP)


def decode(picture: Picture, limits: Limits, shortest: int | None = None) -> Decoded:
    """The pixels, turned upright as EXIF says; of an animation the first frame.

    Where the caller will shrink it, `shortest` lets a JPEG be decoded at 1/2, 1/4 or 1/8, with sides no shorter than
    this. Raises DataError, with a sentence in `found`, where the picture is of no known format, damaged, cut off or
    beyond the limits.
    """
    with _decoding(limits):
        opened = _opened(picture, limits)
        if isinstance(opened, np.ndarray):
            return opened
        if shortest is not None and isinstance(picture, bytes):
            opened.draft(None, (shortest, shortest))
        opened.load()
        if _orientation(opened) != 1:
            opened = ImageOps.exif_transpose(opened)
        return _normal(opened)


def stored_numbers(picture: Picture, limits: Limits) -> np.ndarray:
    """What a picture says of each place, (height, width), as it is stored: of a palette the index, of depths each bit.

    For maps whose numbers mean something. Raises DataError, with a sentence in `found`, where it is a picture in
    colours, or a JPEG, which does not keep numbers, and where `decode` would.
    """
    with _decoding(limits):
        if isinstance(picture, np.ndarray) or (isinstance(picture, bytes) and picture.startswith(_NPY)):
            values = picture if isinstance(picture, np.ndarray) else _npy(picture)
            values = values[..., 0] if values.ndim == 3 and values.shape[2] == 1 else values
            if values.dtype.kind not in "buif" or values.ndim != 2:
                raise _no_map(f"is an array of {values.dtype} with shape {values.shape}")
            _check_size(values.shape[0], values.shape[1], limits)
            return values
        opened = _opened(picture, limits)
        if isinstance(opened, np.ndarray) or opened.mode not in {"1", "L", "P"} | _DEEP:
            raise _no_map("is a picture in colours")
        if opened.format == "JPEG":
            raise _no_map("is a JPEG, which changes numbers to save room")
        opened.load()
        return np.asarray(opened)


def unusable(code: str, found: str, remedy: str) -> DataError:
    """The error that says why a picture cannot be used."""
    return DataError(code, where="picture", expected="a whole picture within the limits", found=found, remedy=remedy)


def _opened(picture: Picture, limits: Limits) -> Decoded:
    """The picture with its header read and its size checked, not yet decoded."""
    if isinstance(picture, bytes) and not picture.startswith(_NPY):
        opened = Image.open(io.BytesIO(picture), formats=FORMATS)
        if opened.format == "PNG" and _PNG_END not in picture[-4096:]:
            raise _damaged("is cut off: a PNG without its end")
        picture = opened
    if isinstance(picture, Image.Image):
        width, height = picture.size
    else:
        picture = _array(_npy(picture) if isinstance(picture, bytes) else picture)
        height, width = picture.shape[:2]
    _check_size(height, width, limits)
    return picture


def _check_size(height: int, width: int, limits: Limits) -> None:
    if height * width > limits.pixels:
        found = f"is {width} × {height} pixels, the limit is {limits.pixels:,}"
        raise unusable("picture-too-large", found, "store a smaller version, or raise the limit")
    if height * width == 0:
        raise _damaged("has no pixels")


def _npy(content: bytes) -> np.ndarray:
    """An array file, read without pickle; its header must promise exactly what the file holds."""
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(stream)
    if dtype.kind not in "buif" or len(shape) not in (2, 3):
        raise _no_picture(dtype, shape)
    promised = dtype.itemsize * int(np.prod([int(length) for length in shape], dtype=object))
    held = len(content) - stream.tell()
    if promised != held:
        raise _damaged(f"is damaged or cut off: {held:,} bytes of values, its header promises {promised:,}")
    values = np.frombuffer(content, dtype=dtype, offset=stream.tell())
    return values.reshape(shape, order="F" if fortran else "C")


def _array(values: np.ndarray) -> np.ndarray:
    """(height, width, channels), uint8 or float32.

    Channels come last, as NumPy pictures have them; channels first are understood where up to 16 stand before more than
    16 columns.
    """
    if values.dtype.kind not in "buif" or values.ndim not in (2, 3):
        raise _no_picture(values.dtype, values.shape)
    if values.ndim == 2:
        values = values[:, :, None]
    elif values.shape[0] <= 16 < values.shape[2]:
        values = values.transpose(1, 2, 0)
    if values.dtype == np.bool_:
        values = values.astype(np.uint8) * 255
    return values if values.dtype == np.uint8 else values.astype(np.float32)


def _orientation(picture: Image.Image) -> int:
    """EXIF's number for how the camera was held, 1 = upright; looking it up takes time, so only where there is one."""
    if picture.format != "TIFF" and _ORIENTED_BY.isdisjoint(picture.info):
        return 1
    return int(picture.getexif().get(_ORIENTATION, 1))


def _normal(picture: Image.Image) -> Decoded:
    """One of few modes, nothing lost: palettes and masks resolved, depth kept, transparency kept for the canvas."""
    if picture.mode in _DEEP:
        return np.asarray(picture).astype(np.float32)[:, :, None]
    if picture.mode in {"LA", "La", "PA", "RGBa"} or (picture.mode != "RGBA" and "transparency" in picture.info):
        return picture.convert("RGBA")
    if picture.mode == "1":
        return picture.convert("L")
    return picture if picture.mode in {"L", "RGB", "RGBA"} else picture.convert("RGB")


@contextmanager
def _decoding(limits: Limits) -> Iterator[None]:
    """Decoders fail in many ways on a damaged file; all of them mean that this one picture cannot be used."""
    lenient, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd metadata is no reason to refuse, and size is checked here
            yield
    except (DataError, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        found = f"has far more pixels than the limit of {limits.pixels:,}"
        raise unusable("picture-too-large", found, "store a smaller version") from error
    except UnidentifiedImageError as error:
        found = f"is not a picture: its content is none of {', '.join(FORMATS)} or a .npy array"
        raise unusable("picture-format", found, "convert it, for example to PNG") from error
    except Exception as error:
        raise _damaged(f"is damaged or cut off: {_sentence(error)}") from error
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = lenient


def _sentence(error: Exception) -> str:
    text = "its header makes no sense" if isinstance(error, struct.error) else str(error)
    return text[:200] or type(error).__name__


def _no_picture(dtype: np.dtype, shape: tuple[int, ...]) -> DataError:
    return _damaged(f"is an array of {dtype} with shape {shape}, which is no picture")


def _no_map(found: str) -> DataError:
    what = f"{found}, and not one number for each place"
    return unusable("not-a-map", what, "store class numbers or depths in a PNG of one channel or a palette, or a .npy")


def _damaged(found: str) -> DataError:
    return unusable("picture-damaged", found, "write the file again from its source")
