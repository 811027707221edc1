"""Sparse tables of counts: every index and every number is checked before anything is computed with them."""

import io
import math
import zipfile
import zlib
from collections.abc import Mapping

import numpy as np
from scipy import sparse

from polymodal.data.files import Limits
from polymodal.data.hierarchies import unusable

__all__ = ["GENES", "checked", "read_counts", "unpacked"]

GENES = 200_000
"""Genes of one table at most: three times what any genome has."""
_PARTS = ("format", "shape", "data", "indices", "indptr")


def unpacked(parts: Mapping[str, np.ndarray], shape: tuple[int, int], layout: str) -> sparse.csr_matrix:
    """Counts (spots, genes) float32 out of `data`, `indices` and `indptr`, packed by rows ("csr") or columns ("csc").

    Raises DataError where pointers fall, lead outside or end elsewhere, where an index is none of the other axis or
    comes twice, and where a count is below zero or no finite number.
    """
    data, indices, pointers = (parts[name] for name in ("data", "indices", "indptr"))
    major, minor = shape if layout == "csr" else shape[::-1]
    if data.ndim != 1 or indices.shape != data.shape or pointers.shape != (major + 1,):
        found = f"has {len(pointers):,} pointers, {indices.size:,} indices and {data.size:,} counts for {major:,} lines"
        raise unusable("counts-misfit", found)
    if indices.dtype.kind not in "iu" or pointers.dtype.kind not in "iu":
        raise unusable("counts-misfit", "has indices that are no whole numbers")
    steps = pointers.astype(np.int64)
    if steps[0] != 0 or steps[-1] != len(data) or (np.diff(steps) < 0).any():
        raise unusable("counts-misfit", f"has pointers that do not lead from 0 to its {len(data):,} counts")
    if len(indices) and not 0 <= int(indices.min()) <= int(indices.max()) < minor:
        raise unusable("counts-misfit", f"has an index outside of 0 to {minor - 1:,}")
    kind = sparse.csr_matrix if layout == "csr" else sparse.csc_matrix
    made = kind((checked(data), indices.astype(np.int64), steps), shape=shape)
    made.sort_indices()
    if not made.has_canonical_format:
        raise unusable("counts-misfit", "counts a gene of a spot twice")
    return made.tocsr()


def checked(values: np.ndarray) -> np.ndarray:
    """Counts as float32. Raises DataError where one is below zero or no finite number."""
    with np.errstate(over="ignore"):
        made = values.astype(np.float32)
    if not np.isfinite(made).all():
        raise unusable("counts-not-finite", "holds a count that is no finite number")
    if len(made) and made.min() < 0:
        raise unusable("counts-negative", f"holds a count below zero ({made.min():g})")
    return made


def read_counts(content: bytes, limits: Limits, decoded: int = 2**30) -> sparse.csr_matrix:
    """Counts (spots, genes) out of the content of an .npz file as `scipy.sparse.save_npz` writes it.

    Nothing is unpickled, and no more than `decoded` bytes are unpacked. Raises DataError where the file is of another
    kind, damaged, beyond the limits, or lies about what it holds.
    """
    if len(content) > limits.bytes:
        raise unusable("section-too-large", f"has {len(content):,} bytes, the limit is {limits.bytes:,}")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            held = {each.filename.removesuffix(".npy"): each for each in archive.infolist()}
            lacking = [name for name in _PARTS if name not in held]
            if lacking:
                raise unusable("counts-format", f'is no sparse table: it has no "{lacking[0]}"')
            if sum(held[name].file_size for name in _PARTS) > decoded:
                raise unusable("section-too-large", f"announces more than {decoded:,} bytes of counts")
            parts = {name: _array(archive.read(held[name])) for name in _PARTS}
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError) as error:
        raise unusable("counts-format", f"is no .npz file, or a damaged one ({str(error)[:100]})") from error
    layout = str(parts["format"].astype(str)) if parts["format"].ndim == 0 else ""
    shape = parts["shape"]
    if layout not in ("csr", "csc") or shape.shape != (2,) or shape.dtype.kind not in "iu":
        raise unusable("counts-format", f'is packed as "{layout[:20]}" with {shape.size} sides; csr and csc are read')
    spots, genes = (int(each) for each in shape)
    if spots < 1 or not 1 <= genes <= GENES:
        raise unusable("counts-misfit", f"announces {spots:,} spots and {genes:,} genes")
    if parts["data"].dtype.kind not in "biuf":
        raise unusable("counts-misfit", f"holds counts of type {parts['data'].dtype}")
    return unpacked(parts, (spots, genes), layout)


def _array(content: bytes) -> np.ndarray:
    """An .npy file, whose header must promise exactly what the file holds."""
    stream = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(stream)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, kind = header(stream)
    except (ValueError, EOFError, OverflowError) as error:
        raise unusable("counts-format", "holds a damaged array") from error
    if kind.hasobject:
        raise unusable("counts-pickle", "holds a pickled array, which may run any code")
    if math.prod(shape) * kind.itemsize != len(content) - stream.tell():
        raise unusable("counts-format", "holds an array that is shorter or longer than it says")
    return np.frombuffer(content, kind, offset=stream.tell()).reshape(shape)
