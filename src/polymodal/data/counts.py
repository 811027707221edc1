"""Sparse counts: every index and every number is checked before anything is computed with them."""

import io
import lzma
import math
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from tokenize import TokenError

import numpy as np
from scipy import sparse

from polymodal.data.files import Limits
from polymodal.data.hierarchies import unusable

__all__ = ["GENES", "SPOTS", "checked", "read_counts", "read_named", "unpacked"]

GENES = 200_000
"""Genes of one table at most: three times what any genome has."""
SPOTS = 2**22
"""Rows of one table at most."""
_INDEXES = {"csr": ("indices", "indptr"), "csc": ("indices", "indptr"), "coo": ("row", "col")}
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,  # a password; NotImplementedError, for another way of packing, is one, too
    ValueError,  # places outside of the file, names that are no text
)


def unpacked(parts: Mapping[str, np.ndarray], shape: tuple[int, int], layout: str) -> sparse.csr_matrix:
    """Counts (spots, genes) float32 out of `data`, `indices` and `indptr`, packed by rows ("csr") or columns ("csc").

    Raises DataError where pointers fall, lead outside or end elsewhere, where an index is none of the other axis or
    comes twice, and where a count is below zero or no finite number.
    """
    data, indices, pointers = (parts[name] for name in ("data", "indices", "indptr"))
    major, minor = shape if layout == "csr" else shape[::-1]
    if data.ndim != 1 or indices.shape != data.shape or pointers.shape != (major + 1,):
        found = f"has {pointers.size:,} pointers, {indices.size:,} indices and {data.size:,} counts for {major:,} lines"
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
    """Counts (spots, genes) out of the content of an .npz file as `scipy.sparse.save_npz` writes it: csr, csc or coo.

    Nothing is unpickled, and no more than `decoded` bytes are unpacked. Raises DataError where the file is of another
    kind, damaged, beyond the limits, or lies about what it holds.
    """
    return read_named(content, limits, decoded)[0]


def read_named(
    content: bytes, limits: Limits, decoded: int = 2**30, names: Sequence[str] = ()
) -> tuple[sparse.csr_matrix, dict[str, list[str]]]:
    """The same, and those of the arrays `names` beside the counts that the file has: one text for each entry.

    Raises DataError as `read_counts` does, and where such an array holds anything but texts.
    """
    if len(content) > limits.bytes:
        raise unusable("section-too-large", f"has {len(content):,} bytes, the limit is {limits.bytes:,}")
    parts = _arrays(content, decoded, {"format", "shape", "data", *_INDEXES["csr"], *_INDEXES["coo"], *names})
    layout, shape = _layout(parts), _needed(parts, "shape")
    if shape.shape != (2,) or shape.dtype.kind not in "iu":
        raise unusable("counts-format", f'is packed as "{layout}" with {shape.size} sides of type {shape.dtype}')
    spots, genes = (int(each) for each in shape)
    if not (1 <= spots <= SPOTS and 1 <= genes <= GENES):
        raise unusable("counts-misfit", f"announces {spots:,} spots and {genes:,} genes")
    held = {name: _needed(parts, name) for name in ("data", *_INDEXES[layout])}
    if held["data"].dtype.kind not in "biuf":
        raise unusable("counts-misfit", f"holds counts of type {held['data'].dtype}")
    if layout == "coo":
        held, layout = _by_rows(held, spots), "csr"
    return unpacked(held, (spots, genes), layout), {name: _texts(parts[name], name) for name in names if name in parts}


def _arrays(content: bytes, decoded: int, wanted: set[str]) -> dict[str, np.ndarray]:
    """Those of the wanted arrays that an .npz file holds."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {each.filename.removesuffix(".npy"): each for each in archive.infolist()}
            held = {name: member for name, member in members.items() if name in wanted}
            if sum(member.file_size for member in held.values()) > decoded:
                raise unusable("section-too-large", f"announces more than {decoded:,} bytes of counts")
            return {name: _array(archive.read(member)) for name, member in held.items()}
    except _DAMAGE as error:
        raise unusable("counts-format", f"is no .npz file, or a damaged one ({str(error)[:100]})") from error


def _needed(parts: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    if name not in parts:
        raise unusable("counts-format", f'is no sparse table: it has no "{name}"')
    return parts[name]


def _layout(parts: Mapping[str, np.ndarray]) -> str:
    told = _needed(parts, "format")
    layout = _texts(told.reshape(1), "format")[0] if told.ndim == 0 and told.dtype.kind in "SU" else ""
    if layout not in _INDEXES:
        raise unusable("counts-format", f'is packed as "{layout[:20]}"; csr, csc and coo are read')
    return layout


def _by_rows(held: Mapping[str, np.ndarray], spots: int) -> dict[str, np.ndarray]:
    """Counts that name their row and their column each, packed by rows."""
    rows, columns, data = held["row"], held["col"], held["data"]
    if rows.ndim != 1 or not rows.shape == columns.shape == data.shape:
        found = f"has {rows.size:,} rows and {columns.size:,} columns for {data.size:,} counts"
        raise unusable("counts-misfit", found)
    if rows.dtype.kind not in "iu" or columns.dtype.kind not in "iu":
        raise unusable("counts-misfit", "has indices that are no whole numbers")
    if len(rows) and not 0 <= int(rows.min()) <= int(rows.max()) < spots:
        raise unusable("counts-misfit", f"has a row outside of 0 to {spots - 1:,}")
    order = np.argsort(rows, kind="stable")
    pointers = np.concatenate([[0], np.cumsum(np.bincount(rows.astype(np.int64), minlength=spots))])
    return {"data": data[order], "indices": columns[order], "indptr": pointers}


def _texts(values: np.ndarray, name: str) -> list[str]:
    if values.ndim != 1 or values.dtype.kind not in "SU":
        raise unusable("counts-names", f'holds "{name[:40]}" as {values.ndim} axes of {values.dtype}, not as texts')
    try:
        return [str(each, "utf-8") if isinstance(each, bytes) else str(each) for each in values.tolist()]
    except UnicodeDecodeError as error:
        raise unusable("counts-names", f'holds "{name[:40]}" in bytes that are no text') from error


def _array(content: bytes) -> np.ndarray:
    """An .npy file, whose header must promise exactly what the file holds."""
    stream = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(stream)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, kind = header(stream)
    except (ValueError, EOFError, OverflowError, SyntaxError, TypeError, TokenError) as error:
        raise unusable("counts-format", "holds a damaged array") from error
    if kind.hasobject:
        raise unusable("counts-pickle", "holds a pickled array, which may run any code")
    whole = math.prod(shape) * kind.itemsize == len(content) - stream.tell()
    if min(shape, default=0) < 0 or kind.itemsize == 0 or not whole:
        raise unusable("counts-format", "holds an array that is shorter or longer than it says")
    return np.frombuffer(content, kind, offset=stream.tell()).reshape(shape)
