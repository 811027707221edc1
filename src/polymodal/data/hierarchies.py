"""HDF5 files out of memory: what a file claims is checked before it is believed, and no other file is ever opened."""

import io
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from polymodal.core import DataError, missing_extra

__all__ = ["Hierarchy", "hdf5", "opened", "unusable"]

_MARK = b"\x89HDF\r\n\x1a\n"
_FILTERS = {1: "gzip", 2: "shuffle", 3: "fletcher32"}
"""What is unpacked: filters by the number that HDF5 has for them. No other is loaded, and none from the machine."""
_CHUNKS = 2**18  # more pieces than any section needs, and few enough to be looked at one by one
_HEAP, _HEAD = b"GCOL\x01", 16  # what a heap of texts begins with, and the bytes of its head and those of an object
_CHECKSUM = 4  # bytes that fletcher32 adds to a chunk
_NAMES = 1000  # entries of a group that is listed


class Hierarchy:
    """An HDF5 file that lies in memory as a whole. `left` bytes may still be decoded out of it.

    Objects are found by hard links alone: soft and external links are refused, and so are data that lie in other files
    (external storage, virtual datasets). Filters other than gzip, shuffle and fletcher32 are refused. Every method
    raises DataError, with a sentence in `found`, where the file is not what it has to be.
    """

    def __init__(self, h5py: Any, root: Any, content: bytes, room: int) -> None:
        self.h5py, self.root, self.content, self.left = h5py, root, content, room
        self.pointer = 8 + int(root.id.get_create_plist().get_sizes()[0])
        """Bytes of a text's place in the file: a length, an address, a number."""

    def child(self, group: Any, name: str) -> Any | None:
        """The group or dataset below a group, None where there is none of that name."""
        key = name.encode()
        if "/" in name or name in ("", ".") or not isinstance(group, self.h5py.Group):
            raise unusable("hdf5-name", f'has no group that could hold "{name[:40]}"')
        if not group.id.links.exists(key):
            return None
        if group.id.links.get_info(key).type != self.h5py.h5l.TYPE_HARD:
            raise unusable("hdf5-link", f'reaches "{name[:40]}" by a link that may lead out of the file')
        return group[name]

    def found(self, group: Any, *path: str) -> Any:
        """The same along a path; raises DataError where something is lacking."""
        for place, name in enumerate(path):
            group = self.child(group, name)
            if group is None:
                raise unusable("section-incomplete", f'has no "{"/".join(path[: place + 1])}"')
        return group

    def names(self, group: Any) -> list[str]:
        """The names of what is in a group."""
        if not isinstance(group, self.h5py.Group) or len(group) > _NAMES:
            raise unusable("hdf5-name", f"has no group with up to {_NAMES:,} entries where there should be one")
        return sorted(group)

    def said(self, part: Any, name: str) -> str:
        """An attribute that is one text, "" where there is none."""
        if not self.h5py.h5a.exists(part.id, name.encode()):
            return ""
        kind = part.attrs.get_id(name)
        if kind.shape != () or self.h5py.check_string_dtype(kind.dtype) is None:
            raise unusable("hdf5-kind", f'has an attribute "{name}" that is not one text')
        told = part.attrs[name]
        return told.decode() if isinstance(told, bytes) else str(told)

    def sizes(self, part: Any, name: str, count: int) -> list[int]:
        """An attribute that is `count` whole numbers."""
        known = self.h5py.h5a.exists(part.id, name.encode())
        kind = part.attrs.get_id(name) if known else None
        if kind is None or kind.shape != (count,) or kind.dtype.kind not in "iu":
            raise unusable("hdf5-kind", f'lacks an attribute "{name}" of {count} whole numbers')
        return [int(each) for each in part.attrs[name]]

    def numbers(self, dataset: Any, kinds: str = "biuf") -> np.ndarray:
        """The content of a dataset of numbers."""
        self._check(dataset)
        if dataset.dtype.kind not in kinds or dataset.dtype.itemsize > 8 or dataset.dtype.subdtype is not None:
            raise unusable("hdf5-kind", f"holds {str(dataset.dtype)[:60]} where numbers have to be")
        self._afford(dataset)
        for _ in self._pieces(dataset):
            pass
        return np.asarray(dataset[()])

    def texts(self, dataset: Any) -> np.ndarray:
        """(n,) object: the texts of a dataset. Other objects, such as pickles, are refused unread."""
        self._check(dataset)
        kind = self.h5py.check_string_dtype(dataset.dtype)
        if kind is None or len(dataset.shape) != 1:
            raise unusable("hdf5-kind", f"holds {str(dataset.dtype)[:60]} where a list of texts has to be")
        self._afford(dataset)
        self._spend(self._lengths(dataset) if kind.length is None else sum(0 for _ in self._pieces(dataset)))
        made = np.empty(dataset.shape, dtype=object)
        made[:] = [each.decode() if isinstance(each, bytes) else str(each) for each in dataset[()]]
        return made

    def _check(self, dataset: Any) -> None:
        if not isinstance(dataset, self.h5py.Dataset):
            raise unusable("hdf5-kind", "has a group where a dataset has to be")
        plan = dataset.id.get_create_plist()
        if dataset.is_virtual or plan.get_external_count():
            raise unusable("hdf5-elsewhere", "keeps its data in other files, which are not opened")
        strange = [number for number in _filters(plan) if number not in _FILTERS]
        if strange:
            found = f"is packed by filter {strange[0]}; {', '.join(_FILTERS.values())} are read"
            raise unusable("hdf5-filter", found)

    def _afford(self, dataset: Any) -> None:
        """Every number is counted before it is read: those of the dataset, and those of one chunk."""
        if dataset.shape is None:
            raise unusable("hdf5-kind", "has an empty dataset where values have to be")
        size, chunk = dataset.dtype.itemsize, math.prod(dataset.chunks or ())
        self._spend(max(math.prod(dataset.shape), chunk) * size)

    def _spend(self, size: int) -> None:
        if size > self.left:
            raise unusable("section-too-large", f"would take {size:,} bytes more than its header or the limit allows")
        self.left -= size

    def _pieces(self, dataset: Any) -> Iterator[bytes]:
        """The chunks of a dataset, unpacked, none of them larger than it should be."""
        if dataset.chunks is None:
            return
        size = dataset.dtype.itemsize if self.h5py.check_string_dtype(dataset.dtype) is None else 0
        largest = math.prod(dataset.chunks) * max(size, self.pointer, dataset.dtype.itemsize) + _CHECKSUM
        if dataset.id.get_num_chunks() > _CHUNKS:
            raise unusable("section-too-large", f"lies in more than {_CHUNKS:,} pieces")
        held: list[Any] = []
        dataset.id.chunk_iter(held.append)
        packed = [place for place, number in enumerate(_filters(dataset.id.get_create_plist())) if number == 1]
        if len(packed) > 1:
            raise unusable("hdf5-filter", "is packed more than once")
        for each in held:
            raw = self.content[each.byte_offset : each.byte_offset + each.size]
            if len(raw) < each.size:
                raise unusable("section-damaged", "is cut off: a part of it lies behind its end")
            yield _unpacked(raw, largest) if packed and not each.filter_mask >> packed[0] & 1 else raw

    def _lengths(self, dataset: Any) -> int:
        """How many bytes the texts of a dataset have in all: many may share one that is long."""
        plan = dataset.id.get_create_plist()
        if 2 in _filters(plan) or plan.get_layout() == self.h5py.h5d.COMPACT:
            raise unusable("hdf5-filter", "has texts that are laid out in a way that is not read")
        pieces = self._pieces(dataset)
        start = dataset.id.get_offset() if dataset.chunks is None else None
        if start is not None:
            pieces = iter([self.content[start : start + self.pointer * math.prod(dataset.shape)]])
        kind = np.dtype({"names": ["length"], "formats": ["<u4"], "offsets": [0], "itemsize": self.pointer})
        return sum(int(np.frombuffer(each, kind, len(each) // self.pointer)["length"].sum(dtype=np.int64))
                   for each in pieces)  # fmt: skip


@contextmanager
def opened(content: bytes, room: int) -> Iterator[Hierarchy]:
    """A file's content, of which up to `room` bytes may be decoded.

    Raises DataError where it is no HDF5 file, or damaged; needs the extra "tissue".
    """
    h5py = hdf5()
    if not content.startswith(_MARK):
        raise unusable("section-format", "is no HDF5 file: it does not begin as one")
    _check_heaps(content)
    try:
        with h5py.File(io.BytesIO(content), "r") as root:
            yield Hierarchy(h5py, root, content, room)
    except (DataError, MemoryError):
        raise
    except Exception as error:  # h5py and HDF5 fail in many ways on a damaged file; all mean that it cannot be used
        raise unusable(
            "section-damaged", f"is damaged or cut off: {str(error)[:200] or type(error).__name__}"
        ) from error


def unusable(code: str, found: str) -> DataError:
    """What is said of a file that cannot be used."""
    return DataError(
        code,
        where="section",
        expected="a whole .h5ad or .h5mu file of one section, with counts, names and places, within the limits",
        found=found,
        remedy="write the file again with anndata or write_section, or leave the cell empty",
    )


def _check_heaps(content: bytes) -> None:
    """See that every heap of texts can be walked to its end: HDF5 never comes back from one that stands still.

    A heap is a mark, a version, its size, and objects: number (2 bytes), uses, 4 more, size (8); number 0 is what is
    free, whose size counts its own head (HDF5 file format specification 3.0, section III.E).
    """
    start = content.find(_HEAP)
    while start >= 0:
        size = int.from_bytes(content[start + 8 : start + 16], "little")
        end, place = min(start + size, len(content)), start + _HEAD
        while place + _HEAD <= end:
            length = int.from_bytes(content[place + 8 : place + 16], "little")
            if content[place : place + 2] != b"\0\0":
                length = _HEAD + (length + 7) // 8 * 8
            if not _HEAD <= length <= end - place:
                raise unusable("section-damaged", "is damaged: a list of its texts does not come to an end")
            place += length
        start = content.find(_HEAP, start + 1)


def _filters(plan: Any) -> list[int]:
    return [int(plan.get_filter(place)[0]) for place in range(plan.get_nfilters())]


def _unpacked(raw: bytes, largest: int) -> bytes:
    made = zlib.decompressobj().decompress(raw, largest + 1)
    if len(made) > largest:
        raise unusable("section-too-large", "holds a piece that unpacks to more than its header says")
    return made


def hdf5() -> Any:
    """The library that reads and writes HDF5. Raises UsageProblem where it is not installed."""
    try:
        import h5py
    except ImportError as error:
        raise missing_extra("the modality tissue", "h5py", "tissue") from error
    return h5py
