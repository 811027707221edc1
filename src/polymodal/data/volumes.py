"""Volumes out of NIfTI files: checked before they are unpacked, turned to one orientation, laid out on one grid."""

import gzip
import io
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from polymodal.core import DataError, missing_extra
from polymodal.data.files import Limits

__all__ = ["Volume", "decode", "encode", "on_grid", "turned", "unusable"]

_GZIP = b"\x1f\x8b"
_SIZES = {348: "Nifti1Header", 540: "Nifti2Header"}
"""Bytes of a header, which are the first number in it, and the class that reads it."""
_LONGEST_EXTENSION = 2**24  # bytes between the header and the voxels
_BLOCK = 512  # bytes that a writer may add behind the voxels to fill a block up
_FINEST, _COARSEST = 1e-3, 1e3
_MILLIMETRES = {"meter": 1e3, "mm": 1.0, "micron": 1e-3, "unknown": 1.0}
_FLAT = 1e-3  # of the product of the sides: a voxel of less content has sides that lie in one plane
_SURE = 0.5  # share of what a cell of the grid reads that must be known


@dataclass(frozen=True)
class Volume:
    """Voxels (channels, x, y, z) float32, NaN where nothing is known, and the sides (3,) of one in millimetres.

    x runs from left to right, y from back to front, z from below to above (RAS).
    """

    voxels: np.ndarray
    spacing: np.ndarray


def decode(content: bytes, channels: int, limits: Limits, oriented: bool = True) -> Volume:
    """The volume in the content of a NIfTI file (.nii, .nii.gz), turned by right angles to the nearest RAS.

    Voxels that are no finite numbers are unknown. Of a volume with a fourth axis, this has to be `channels` long.
    `limits.pixels` is the number of voxels. Raises DataError, with a sentence in `found`, where the file is of another
    format, shorter than its header says, beyond the limits, where its voxels have no size, or where it does not say
    which way they lie; with `oriented` off, voxels are taken as they are stored.
    """
    nibabel = _nibabel()
    if len(content) > limits.bytes:
        raise unusable("volume-too-large", f"has {len(content):,} bytes, the limit is {limits.bytes:,}")
    header = _header(nibabel, content)
    shape, kind = _shape(header, channels, limits), _kind(nibabel, header)
    matrix = _matrix(nibabel, header, oriented)
    voxels = _voxels(nibabel, header, content, shape, kind)
    spacing = np.linalg.norm(matrix[:3, :3], axis=0)
    if oriented:
        turns = nibabel.io_orientation(matrix)
        voxels = nibabel.apply_orientation(voxels, turns)
        spacing = spacing[np.argsort(turns[:, 0])]
    voxels = np.ascontiguousarray(np.moveaxis(voxels, 3, 0))
    voxels[~np.isfinite(voxels)] = np.nan
    if np.isnan(voxels).all():
        raise unusable("volume-empty", "holds no finite number")
    return Volume(voxels, spacing)


def encode(voxels: np.ndarray, matrix: np.ndarray) -> bytes:
    """A NIfTI-1 file of voxels (x, y, z) or (x, y, z, channels), with a matrix (4, 4) from voxels to mm in RAS."""
    image = _nibabel().Nifti1Image(voxels, matrix)
    image.header.set_xyzt_units("mm")
    made: bytes = image.to_bytes()
    return made


def turned(voxels: np.ndarray, spacing: np.ndarray, way: str) -> tuple[np.ndarray, np.ndarray]:
    """Voxels (x, y, z) in RAS with sides (3,) in mm as a scanner may store them, and the matrix (4, 4) that says so.

    `way` tells where the stored axes lead, as in "LPS": left, posterior, superior. The origin is in the middle.
    """
    nibabel = _nibabel()
    matrix = np.diag([*spacing, 1.0])
    matrix[:3, 3] = -(np.array(voxels.shape) - 1) / 2 * spacing
    changes = nibabel.orientations.ornt_transform(
        nibabel.io_orientation(matrix), nibabel.orientations.axcodes2ornt(tuple(way))
    )
    stored = np.ascontiguousarray(nibabel.apply_orientation(voxels, changes))
    return stored, matrix @ nibabel.orientations.inv_ornt_aff(changes, voxels.shape)


def on_grid(volume: Volume, size: Sequence[int], side: float | None = None) -> Volume:
    """The volume on a grid of `size` cells, with cells of `side` millimetres about its middle.

    Without a `side`, the grid is stretched over the whole volume, so that cells are as large as that makes them. A cell
    is the mean of what lies around its middle, weighted by a triangle two cells wide, or two voxels where these are
    larger: trilinear interpolation that skips nothing. It is unknown where less than half of that is.
    """
    lengths = volume.voxels.shape[1:]
    cell = np.array([side] * 3) if side is not None else volume.spacing * lengths / np.asarray(size)
    weights = [
        _weights(length, cells, step) for length, cells, step in zip(lengths, size, cell / volume.spacing, strict=True)
    ]
    unknown = np.isnan(volume.voxels)
    if unknown.any():
        told = _along(np.where(unknown, np.float32(0), volume.voxels), weights)
        share = _along(np.where(unknown, np.float32(0), np.float32(1)), weights)
    else:  # most volumes, and half of the work
        told = _along(volume.voxels, weights)
        inside = [np.asarray(each.any(axis=1)) for each in weights]
        share = inside[0][:, None, None] & inside[1][:, None] & inside[2]
    voxels = np.divide(told, share, out=np.full_like(told, np.nan), where=share > _SURE)
    return Volume(voxels, cell)


def unusable(code: str, found: str) -> DataError:
    """What is said of a file that cannot be used."""
    return DataError(
        code,
        where="volume",
        expected="a whole NIfTI file (.nii, .nii.gz) of one volume within the limits",
        found=found,
        remedy="write the file again, or leave the cell empty",
    )


def _weights(length: int, cells: int, step: float) -> np.ndarray:
    """(cells, length) float32: how much each voxel along an axis counts in each cell, cells `step` voxels apart.

    Rows add up to 1, or are zero where the middle of the cell lies outside.
    """
    middle = (length - 1) / 2 + (np.arange(cells) - (cells - 1) / 2) * step
    away = np.abs(np.arange(length) - middle[:, None]) / max(step, 1.0)
    weights = np.maximum(1.0 - away, 0.0)
    inside = (middle >= -0.5) & (middle <= length - 0.5)
    return np.where(inside[:, None], weights / weights.sum(axis=1, keepdims=True).clip(min=1e-9), 0).astype(np.float32)


def _along(voxels: np.ndarray, weights: Sequence[np.ndarray]) -> np.ndarray:
    """(channels, x, y, z), each axis in turn summed up by its weights (cells, length)."""
    for axis, each in enumerate(weights, start=1):
        voxels = np.moveaxis(np.tensordot(voxels, each, axes=(axis, 1)), -1, axis)
    return np.ascontiguousarray(voxels)


def _header(nibabel: Any, content: bytes) -> Any:
    start = _unpacked(content, max(_SIZES))
    first = start[:4]
    size = next((size for size in _SIZES if size in (int.from_bytes(first, "little"), int.from_bytes(first, "big"))), 0)
    if size == 0 or len(start) < size:
        raise unusable("volume-format", "is no NIfTI file: it does not begin with a header")
    magic = start[344:348] if size == 348 else start[4:8]
    if magic in (b"ni1\0", b"ni2\0"):
        raise unusable("volume-format", "is half of a pair of files (.hdr and .img), of which no half is read alone")
    if magic not in (b"n+1\0", b"n+2\0"):
        raise unusable("volume-format", "is no NIfTI file: its header lacks the mark n+1")
    return getattr(nibabel, _SIZES[size])(start[:size], check=False)


def _shape(header: Any, channels: int, limits: Limits) -> tuple[int, ...]:
    """(x, y, z, channels) as the header has it."""
    dim = [int(each) for each in header["dim"]]
    shape = dim[1 : dim[0] + 1] if 1 <= dim[0] <= 7 else []
    while len(shape) > 3 and shape[-1] == 1:
        shape.pop()
    told = " × ".join(map(str, shape)) or "none"
    if not shape or min(shape) < 1:
        raise unusable("volume-shape", f"announces a shape that cannot be: {told}")
    if len(shape) < 3 or min(shape[:3]) < 2:
        raise unusable("volume-shape", f"has the shape {told}: a picture or a line, no volume")
    if len(shape) > 4:
        raise unusable("volume-shape", f"has the shape {told}: more axes than space and channels")
    if math.prod(shape) > limits.pixels:
        found = f"announces {math.prod(shape):,} voxels ({told}), the limit is {limits.pixels:,}"
        raise unusable("volume-too-large", found)
    shape = [*shape, 1][:4]
    if shape[3] != channels:
        raise unusable("volume-channels", f"holds {shape[3]} volumes along its fourth axis; `channels` is {channels}")
    return tuple(shape)


def _kind(nibabel: Any, header: Any) -> np.dtype:
    try:
        kind = np.dtype(header.get_data_dtype())
    except (nibabel.spatialimages.HeaderDataError, KeyError) as error:
        raise unusable("volume-kind", f"has voxels of an unknown type, code {int(header['datatype'])}") from error
    if kind.kind not in "iuf" or kind.itemsize > 8:
        raise unusable("volume-kind", f"has voxels of type {kind}, not one real number each")
    return kind


def _matrix(nibabel: Any, header: Any, oriented: bool) -> np.ndarray:
    """(4, 4) from voxels to millimetres."""
    if oriented and not (int(header["qform_code"]) > 0 or int(header["sform_code"]) > 0):
        found = "does not say which way it lies (qform and sform are not set), so that left cannot be told from right"
        raise unusable("volume-orientation", found)
    try:
        with np.errstate(all="ignore"):
            matrix = np.array(header.get_best_affine(), dtype=np.float64)
            matrix[:3] *= _MILLIMETRES[header.get_xyzt_units()[0]]
    except (nibabel.spatialimages.HeaderDataError, ValueError, KeyError, np.linalg.LinAlgError) as error:
        raise unusable("volume-spacing", "says in no possible way where its voxels lie") from error
    spacing = np.linalg.norm(matrix[:3, :3], axis=0)
    told = " × ".join(f"{side:.4g}" for side in spacing)
    if not (np.isfinite(matrix).all() and (spacing >= _FINEST).all() and (spacing <= _COARSEST).all()):
        raise unusable("volume-spacing", f"has voxels of {told} mm")
    if abs(np.linalg.det(matrix[:3, :3])) < _FLAT * spacing.prod():
        raise unusable("volume-spacing", "has axes that lie in one plane")
    return matrix


def _voxels(nibabel: Any, header: Any, content: bytes, shape: Sequence[int], kind: np.dtype) -> np.ndarray:
    """(x, y, z, channels) float32, in the unit that slope and intercept of the header give."""
    start, size = float(header["vox_offset"]), math.prod(shape) * kind.itemsize
    if not header.sizeof_hdr <= start <= _LONGEST_EXTENSION:
        raise unusable("volume-format", f"announces its voxels at byte {start:g}")
    end = int(start) + size
    body = _unpacked(content, end + _BLOCK)
    if len(body) < end:
        raise unusable("volume-truncated", f"announces {end:,} bytes and holds {len(body):,}")
    if len(body) >= end + _BLOCK:
        raise unusable("volume-format", f"holds more than the {end:,} bytes that it announces")
    try:
        slope, intercept = header.get_slope_inter()
    except nibabel.spatialimages.HeaderDataError as error:
        raise unusable("volume-format", "has an intercept that is no number") from error
    voxels = np.frombuffer(body, kind, math.prod(shape), int(start)).reshape(shape, order="F")
    with np.errstate(over="ignore", invalid="ignore"):
        made = voxels.astype(np.float32)
        if slope is not None:
            made = made * np.float32(slope) + np.float32(intercept)
    return made


def _unpacked(content: bytes, size: int) -> bytes:
    """At most the first `size` bytes of what is packed, or of the content itself."""
    if not content.startswith(_GZIP):
        return content[:size]
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as opened:
            return opened.read(size)
    except EOFError as error:
        raise unusable("volume-truncated", "is packed, and ends before its end") from error
    except (OSError, zlib.error) as error:
        raise unusable("volume-format", "is packed, and damaged") from error


def _nibabel() -> Any:
    try:
        import nibabel
    except ImportError as error:
        raise missing_extra("the modality volume", "nibabel", "imaging") from error
    return nibabel
