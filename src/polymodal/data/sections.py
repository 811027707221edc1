"""Sections of tissue in AnnData's files (.h5ad, .h5mu): read with limits, and written so that others can read them."""

import io
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from scipy import sparse

from polymodal.core import DataError
from polymodal.data.counts import GENES, checked, unpacked
from polymodal.data.hierarchies import Hierarchy, hdf5, opened, unusable

__all__ = [
    "Observations",
    "Resolution",
    "Room",
    "Section",
    "Wanted",
    "read_observations",
    "read_section",
    "write_section",
]

Resolution = Literal["lowres", "hires"]

_FARTHEST = 1e9  # pixels, or micrometres: a kilometre of tissue
_LONGEST = 1000  # signs of a barcode or a gene


@dataclass(frozen=True)
class Room:
    """The largest file, what may be decoded out of it in bytes, and how many spots and pixels it may have."""

    bytes: int = 256 * 2**20
    decoded: int = 2**30
    spots: int = 20_000
    pixels: int = 40 * 10**6


@dataclass(frozen=True)
class Wanted:
    """What is read of a file: of an .h5mu file which modality, which layer (None: X), which picture, and which extras.

    `columns` are those of the spots (obs), `vectors` matrices beside them (obsm).
    """

    assay: str | None = None
    layer: str | None = None
    picture: Resolution | None = None
    columns: Sequence[str] = ()
    vectors: Sequence[str] = ()


@dataclass(frozen=True)
class Section:
    """One section of tissue: spots with counts of genes, where they lie, and what else is known of them.

    `barcodes` (spots,) and `genes` (genes,) are names, each once; `counts` (spots, genes) float32. `places` (spots, 2)
    are row and column, downwards and to the right, in pixels of the full picture or another unit. `columns` hold
    numbers or texts (None = unknown) for each spot, `vectors` (spots, n). `picture` (height, width, 3) uint8 has
    `scale` pixels for each unit of places.
    """

    barcodes: np.ndarray
    genes: np.ndarray
    counts: sparse.csr_matrix
    places: np.ndarray
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)
    vectors: Mapping[str, np.ndarray] = field(default_factory=dict)
    picture: np.ndarray | None = None
    scale: float = 1.0
    library: str = "section"
    resolution: Resolution = "lowres"


def read_section(content: bytes, wanted: Wanted | None = None, room: Room | None = None) -> Section:
    """The section in the content of an .h5ad file, or in a modality of an .h5mu file.

    Places come from `obsm/spatial`, which has x before y; they are turned to row and column. Raises DataError, with a
    sentence in `found`, where the file is of another kind, damaged, beyond the limits, lies about its sizes, or leads
    to other files. Needs the extra: pip install "polymodal[tissue]".
    """
    wanted, room = wanted or Wanted(), room or Room()
    if len(content) > room.bytes:
        raise unusable("section-too-large", f"has {len(content):,} bytes, the limit is {room.bytes:,}")
    with opened(content, room.decoded) as file:
        top = _annotated(file, wanted.assay)
        barcodes, genes, counts = _indexed(file, top, wanted.layer, room)
        spots = len(barcodes)
        places = _vectors(file, top, "spatial", spots)
        if places.shape[1] != 2 or np.abs(places).max() > _FARTHEST:
            raise unusable("section-places", f"has {places.shape[1]} coordinates for a spot, or some beyond all tissue")
        columns = {name: _column(file, file.found(top, "obs"), name, spots) for name in wanted.columns}
        vectors = {name: _vectors(file, top, name, spots) for name in wanted.vectors}
        made = (barcodes, genes, counts, np.ascontiguousarray(places[:, ::-1]), columns, vectors)
        if wanted.picture is None:
            return Section(*made)
        return Section(*made, *_picture(file, top, wanted.picture, room), wanted.picture)


@dataclass(frozen=True)
class Observations:
    """The table of an AnnData file: rows by name, counts (rows, genes), columns of `obs`, and those left out."""

    names: np.ndarray
    genes: np.ndarray
    counts: sparse.csr_matrix
    columns: Mapping[str, np.ndarray]
    left_out: Sequence[str]


def read_observations(content: bytes, room: Room) -> dict[str, Observations]:
    """The tables in an .h5ad file ("X") or an .h5mu file (each modality by its name); places are not asked for.

    Columns of `obs` in an encoding that is not read are left out. Raises DataError as `read_section` does.
    """
    if len(content) > room.bytes:
        raise unusable("section-too-large", f"has {len(content):,} bytes, the limit is {room.bytes:,}")
    found = {}
    with opened(content, room.decoded) as file:
        several = file.said(file.root, "encoding-type") == "MuData"
        for assay in file.names(file.found(file.root, "mod")) if several else [None]:
            top = _annotated(file, assay)
            names, genes, counts = _indexed(file, top, None, room)
            found[assay or "X"] = Observations(
                names, genes, counts, *_columns(file, file.found(top, "obs"), len(names))
            )
    return found


def _columns(file: Hierarchy, frame: Any, rows: int) -> tuple[dict[str, np.ndarray], list[str]]:
    """What is known of each row, by column, and the columns that cannot be read."""
    index, columns, left_out = file.said(frame, "_index") or "_index", {}, []
    for name in file.names(frame):
        if name == index:
            continue
        try:
            columns[name] = _column(file, frame, name, rows)
        except DataError:
            left_out.append(name)
    return columns, left_out


_INDEXED = {"obs": "spot", "var": "gene"}


def _indexed(
    file: Hierarchy, top: Any, layer: str | None, room: Room
) -> tuple[np.ndarray, np.ndarray, sparse.csr_matrix]:
    """Names of spots, names of genes, and the counts (spots, genes)."""
    counts = _counts(file, _matrix(file, top, layer), room)
    spots, genes = (_names(file, file.found(top, name), what) for name, what in _INDEXED.items())
    if counts.shape != (len(spots), len(genes)):
        sides = f"{counts.shape[0]:,} × {counts.shape[1]:,}"
        raise unusable("section-misfit", f"has {sides} counts for {len(spots):,} spots and {len(genes):,} genes")
    return spots, genes, counts


def _annotated(file: Hierarchy, assay: str | None) -> Any:
    """The group that holds the table: the whole file, or a modality of it."""
    kind = file.said(file.root, "encoding-type")
    if kind == "MuData":
        held = file.names(file.found(file.root, "mod"))
        if assay is None and len(held) != 1:
            raise unusable("section-assay", f"holds {len(held)} modalities ({', '.join(held[:5])}); name one (assay)")
        top = file.found(file.root, "mod", assay or held[0])
        kind = file.said(top, "encoding-type")
    else:
        top = file.root
        if assay is not None:
            raise unusable("section-assay", f'holds one table, and no modality "{assay[:40]}"')
    if kind != "anndata":
        raise unusable("section-encoding", f'holds "{kind[:40]}" where "anndata" has to be')
    return top


def _matrix(file: Hierarchy, top: Any, layer: str | None) -> Any:
    return file.found(top, "X") if layer is None else file.found(top, "layers", layer)


def _counts(file: Hierarchy, part: Any, room: Room) -> sparse.csr_matrix:
    """(spots, genes) of a matrix that lies dense, by rows or by columns."""
    kind = file.said(part, "encoding-type")
    if kind == "array":
        _fits(getattr(part, "shape", ()), room)
        dense = file.numbers(part)
        return sparse.csr_matrix(checked(dense.ravel()).reshape(dense.shape))
    if kind not in ("csr_matrix", "csc_matrix"):
        raise unusable("section-encoding", f'has counts in the encoding "{kind[:40]}"')
    spots, genes = file.sizes(part, "shape", 2)
    _fits((spots, genes), room)
    parts = {name: file.numbers(file.found(part, name)) for name in ("data", "indices", "indptr")}
    return unpacked(parts, (spots, genes), kind[:3])


def _fits(shape: Sequence[int], room: Room) -> None:
    told = " × ".join(f"{side:,}" for side in shape)
    if len(shape) != 2 or min(shape) < 1:
        raise unusable("section-empty", f"has {told or 'no'} counts; at least one spot and one gene are needed")
    if shape[0] > room.spots or shape[1] > GENES:
        found = f"announces {told} counts; the limit is {room.spots:,} spots and {GENES:,} genes"
        raise unusable("section-too-large", found)


def _names(file: Hierarchy, frame: Any, what: str) -> np.ndarray:
    """The index of a data frame: texts, each once."""
    if file.said(frame, "encoding-type") != "dataframe":
        raise unusable("section-encoding", f"has {what}s in the encoding {file.said(frame, 'encoding-type')[:40]!r}")
    names = file.texts(file.found(frame, file.said(frame, "_index") or "_index"))
    twice, often = Counter(names).most_common(1)[0] if len(names) else ("", 0)
    if often > 1:
        raise unusable("section-duplicate", f'names the {what} "{twice[:40]}" twice')
    if any(not 0 < len(name) <= _LONGEST for name in names):
        raise unusable("section-names", f"has a {what} whose name is empty or longer than {_LONGEST:,} signs")
    return names


def _column(file: Hierarchy, frame: Any, name: str, spots: int) -> np.ndarray:
    """(spots,) numbers, or texts with None where one is not known."""
    part = file.found(frame, name)
    kind = file.said(part, "encoding-type")
    if kind == "array":
        made = file.numbers(part)
    elif kind == "string-array":
        made = file.texts(part)
    elif kind == "categorical":
        codes, labels = file.numbers(file.found(part, "codes"), "iu"), file.found(part, "categories")
        known = file.texts(labels) if file.said(labels, "encoding-type") == "string-array" else file.numbers(labels)
        if codes.size and not -1 <= int(codes.min()) <= int(codes.max()) < len(known):
            raise unusable("section-misfit", f'has a code in "{name[:40]}" that stands for no category')
        made = np.array([*known, None], dtype=object)[codes.astype(np.int64)]
    else:
        raise unusable("section-encoding", f'has a column "{name[:40]}" in the encoding "{kind[:40]}"')
    if made.shape != (spots,):
        raise unusable("section-misfit", f'has {made.size:,} values in "{name[:40]}" for {spots:,} spots')
    return made


def _vectors(file: Hierarchy, top: Any, name: str, spots: int) -> np.ndarray:
    """(spots, n) float64 of `obsm`, all of them finite."""
    part = file.found(top, "obsm", name)
    if file.said(part, "encoding-type") != "array":
        raise unusable("section-encoding", f'has "{name[:40]}" in another encoding than an array')
    made = file.numbers(part).astype(np.float64)
    if made.ndim != 2 or len(made) != spots or made.shape[1] == 0:
        sides = " × ".join(map(str, made.shape))
        raise unusable("section-misfit", f'has {sides} numbers in "{name[:40]}" for {spots:,} spots')
    if not np.isfinite(made).all():
        raise unusable("section-places", f'has a number in "{name[:40]}" that is not finite')
    return made


def _picture(file: Hierarchy, top: Any, which: Resolution, room: Room) -> tuple[np.ndarray | None, float, str]:
    """The picture, its pixels for a unit of places, and what the library is called; None where there is no picture."""
    group = file.child(top, "uns")
    group = None if group is None else file.child(group, "spatial")
    libraries = [] if group is None else file.names(group)
    if not libraries:
        return None, 1.0, "section"
    if len(libraries) > 1:
        raise unusable("section-picture", f"has pictures of {len(libraries)} libraries; a section has one")
    part = file.child(file.found(group, libraries[0], "images"), which)
    if part is None:
        return None, 1.0, libraries[0]
    shape: Sequence[int] = getattr(part, "shape", ())
    if len(shape) != 3 or shape[2] not in (3, 4) or math.prod(shape[:2]) > room.pixels:
        found = f"has a picture of {' × '.join(map(str, shape))}; the limit is {room.pixels:,} pixels in three colours"
        raise unusable("section-picture", found)
    pixels = file.numbers(part, "uf")
    scale = file.numbers(file.found(group, libraries[0], "scalefactors", f"tissue_{which}_scalef"), "iuf")
    if scale.shape != () or not 1e-6 < float(scale) < 1e6:
        raise unusable("section-picture", "has a picture without a usable scale")
    return _bytes(pixels[..., :3]), float(scale), libraries[0]


def _bytes(pixels: np.ndarray) -> np.ndarray:
    """Colours as bytes; those from 0 to 1 are how scanpy stores them."""
    if pixels.dtype.kind == "f":
        if not (np.isfinite(pixels).all() and pixels.size and pixels.min() >= 0 and pixels.max() <= 1):
            raise unusable("section-picture", "has a picture whose colours are not from 0 to 1")
        return (pixels * 255).round().astype(np.uint8)
    if pixels.dtype != np.uint8 or not pixels.size:
        raise unusable("section-picture", f"has a picture of {pixels.dtype}, not of bytes")
    return pixels


def write_section(section: Section) -> bytes:
    """The content of an .h5ad file that anndata, scanpy and squidpy read: "anndata" 0.1.0, all parts as of 0.8.

    Texts become categories, None among them "not known". Raises DataError where a part does not fit the spots.
    """
    spots, genes = section.counts.shape
    sides = {
        "barcodes": (section.barcodes, spots),
        "genes": (section.genes, genes),
        "places": (section.places, spots),
        **{name: (values, spots) for name, values in [*section.columns.items(), *section.vectors.items()]},
    }
    for name, (values, length) in sides.items():
        if len(values) != length:
            raise _unwritten(f'"{name}" has {len(values):,} entries, the counts have {length:,}')
    stream = io.BytesIO()
    with hdf5().File(stream, "w") as root:
        writer = _Writer(root)
        writer.named(root, "anndata", "0.1.0")
        writer.sparse(root.create_group("X"), section.counts.tocsr())
        writer.frame(root.create_group("obs"), section.barcodes, section.columns)
        writer.frame(root.create_group("var"), section.genes, {})
        matrices = writer.group(root, "obsm")
        for name, values in {"spatial": section.places[:, ::-1], **section.vectors}.items():
            writer.array(matrices, name, np.asarray(values, dtype=np.float64))
        for name in ("varm", "obsp", "varp", "layers"):
            writer.group(root, name)
        extras = writer.group(root, "uns")
        if section.picture is not None:
            library = writer.group(writer.group(extras, "spatial"), section.library)
            writer.array(writer.group(library, "images"), section.resolution, section.picture)
            factors = writer.group(library, "scalefactors")
            writer.named(
                factors.create_dataset(f"tissue_{section.resolution}_scalef", data=section.scale), "numeric-scalar"
            )
    return stream.getvalue()


class _Writer:
    """Parts of a file with the marks that say how they are encoded."""

    def __init__(self, root: Any) -> None:
        self.root, self.text = root, hdf5().string_dtype()

    def named(self, part: Any, kind: str, version: str = "0.2.0") -> None:
        part.attrs["encoding-type"], part.attrs["encoding-version"] = kind, version

    def group(self, parent: Any, name: str) -> Any:
        made = parent.create_group(name)
        self.named(made, "dict", "0.1.0")
        return made

    def array(self, parent: Any, name: str, values: np.ndarray) -> None:
        self.named(parent.create_dataset(name, data=values, compression="gzip" if values.size else None), "array")

    def texts(self, parent: Any, name: str, values: Sequence[str]) -> None:
        made = parent.create_dataset(name, data=np.array(values, dtype=object), dtype=self.text)
        self.named(made, "string-array")

    def sparse(self, group: Any, counts: sparse.csr_matrix) -> None:
        self.named(group, "csr_matrix", "0.1.0")
        group.attrs["shape"] = np.array(counts.shape, dtype=np.int64)
        for name in ("data", "indices", "indptr"):
            values = getattr(counts, name)
            group.create_dataset(name, data=values, compression="gzip" if values.size else None)

    def frame(self, group: Any, index: np.ndarray, columns: Mapping[str, np.ndarray]) -> None:
        self.named(group, "dataframe")
        group.attrs["_index"] = "_index"
        group.attrs.create("column-order", list(columns), shape=(len(columns),), dtype=self.text)
        self.texts(group, "_index", [str(name) for name in index])
        for name, values in columns.items():
            if np.asarray(values).dtype.kind in "biuf":
                self.array(group, name, np.asarray(values))
            else:
                self.categories(group.create_group(name), values)

    def categories(self, group: Any, values: np.ndarray) -> None:
        known = sorted({str(value) for value in values if value is not None})
        place = {name: code for code, name in enumerate(known)}
        codes = [-1 if value is None else place[str(value)] for value in values]
        self.named(group, "categorical")
        group.attrs["ordered"] = False
        self.array(group, "codes", np.array(codes, dtype=np.int32))
        self.texts(group, "categories", known)


def _unwritten(found: str) -> DataError:
    return DataError(
        "section-misfit",
        where="write_section",
        expected="one entry of every part for each spot, or each gene",
        found=found,
        remedy="give the parts in the order of the spots of one section",
    )
