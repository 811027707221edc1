"""The canvas that every picture of a modality is brought to: one size, one number of channels, one kind of value."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from polymodal.core import DataError
from polymodal.data.files import Limits
from polymodal.data.pictures import Picture, decode, unusable

__all__ = ["Canvas", "Painted", "inner_size", "paint"]

_SMOOTH = Image.Resampling.BILINEAR
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


@dataclass(frozen=True)
class Canvas:
    """What every picture of a modality is brought to.

    Deep canvases hold float32 in the file's own units, others uint8. With `padded`, proportions are kept and the rest
    of the canvas is marked as unknown; without, the picture is stretched to fill it.
    """

    height: int
    width: int
    channels: int
    deep: bool = False
    padded: bool = False


@dataclass(frozen=True)
class Painted:
    """A picture on its canvas: `pixels` (channels, height, width); `known` (height, width), None = everywhere."""

    pixels: np.ndarray
    known: np.ndarray | None = None


def paint(picture: Picture, canvas: Canvas, limits: Limits) -> Painted:
    """Decode a picture and bring it to the canvas; in shrinking, each pixel averages what it covers.

    Transparent parts are put on white. Values that are not finite (depth cameras write them) are unknown. Raises
    DataError, with a sentence in `found`, where the picture cannot be decoded or is of another kind than the canvas.
    """
    # Twice the final size leaves enough to average over.
    decoded = decode(picture, limits, shortest=2 * max(canvas.height, canvas.width))
    if isinstance(decoded, Image.Image):
        return _from_colours(decoded, canvas)
    channels = decoded.shape[2]
    if decoded.dtype == np.uint8 and channels in _MODES and channels != canvas.channels:
        return _from_colours(Image.fromarray(decoded.squeeze(2) if channels == 1 else decoded), canvas)
    return _from_values(decoded, canvas)


def _from_colours(picture: Image.Image, canvas: Canvas) -> Painted:
    """From Pillow's L, RGB or RGBA."""
    if canvas.channels not in _MODES:
        raise _mismatch(len(picture.getbands()), canvas)
    if picture.mode == "RGBA" and canvas.channels != 4:
        white = Image.new("RGB", picture.size, (255, 255, 255))
        white.paste(picture, mask=picture)
        picture = white
    height, width = inner_size(picture.height, picture.width, canvas)
    if picture.size != (width, height):
        picture = picture.resize((width, height), _SMOOTH)
    mode = _MODES[canvas.channels]
    values = np.asarray(picture if picture.mode == mode else picture.convert(mode))
    values = values.reshape(height, width, canvas.channels).transpose(2, 0, 1)
    return _placed(values, None, canvas)


def _from_values(values: np.ndarray, canvas: Canvas) -> Painted:
    """From an array of any depth and number of channels."""
    if values.shape[2] != canvas.channels and {values.shape[2], canvas.channels} != {1, 3}:
        raise _mismatch(values.shape[2], canvas)
    if values.dtype != np.uint8 and not canvas.deep:
        found = "has more than 8 bits a value, where the training pictures have 8"
        raise unusable("picture-depth", found, "store all pictures with the same depth")
    known = np.isfinite(values).all(axis=2)
    if not known.any():
        raise unusable("picture-damaged", "has no finite value", "write the file again from its source")
    size = inner_size(values.shape[0], values.shape[1], canvas)
    middles = [plane[known].mean(dtype=np.float64) for plane in values.transpose(2, 0, 1)]
    planes = [_resized(np.where(known, values[:, :, place], middle), size) for place, middle in enumerate(middles)]
    small = np.stack(planes)
    if len(small) != canvas.channels:
        small = np.repeat(small, 3, axis=0) if len(small) == 1 else small.mean(axis=0, keepdims=True)
    sure = None if known.all() else _resized(known, size) > 0.5
    return _placed(small, sure, canvas)


def _resized(plane: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    plane = np.ascontiguousarray(plane, dtype=np.float32)
    if plane.shape == size:
        return plane
    return np.asarray(Image.fromarray(plane).resize(size[::-1], _SMOOTH))


def inner_size(height: int, width: int, canvas: Canvas) -> tuple[int, int]:
    """(height, width) of the picture on the canvas: all of it, or as much as the proportions allow."""
    if not canvas.padded:
        return canvas.height, canvas.width
    scale = min(canvas.height / height, canvas.width / width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def _placed(values: np.ndarray, known: np.ndarray | None, canvas: Canvas) -> Painted:
    """Centred on the canvas; what is not known is zero."""
    kind = np.float32 if canvas.deep else np.uint8
    if values.dtype != np.uint8 and kind is np.uint8:
        values = values.round().clip(0, 255)
    height, width = values.shape[1:]
    if known is None and (height, width) == (canvas.height, canvas.width):
        return Painted(values.astype(kind, copy=False))
    pixels = np.zeros((canvas.channels, canvas.height, canvas.width), dtype=kind)
    sure = np.zeros((canvas.height, canvas.width), dtype=bool)
    top, left = (canvas.height - height) // 2, (canvas.width - width) // 2
    inside = np.s_[top : top + height, left : left + width]
    pixels[(slice(None), *inside)] = values if known is None else np.where(known, values, 0)
    sure[inside] = True if known is None else known
    return Painted(pixels, sure)


def _mismatch(channels: int, canvas: Canvas) -> DataError:
    found = f"has {channels} channels, where {canvas.channels} are expected"
    return unusable("picture-channels", found, "store all pictures with the same channels")
