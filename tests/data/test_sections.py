"""AnnData's files: what is written is read again, and what lies, leads elsewhere or swells is refused."""

import ctypes
import io
import os
import sys

import h5py
import numpy as np
import pytest
from scipy import sparse

from polymodal.core import DataError
from polymodal.data.sections import Room, Section, Wanted, read_section, write_section

SPOTS, GENES = 6, 4
COUNTS = np.array(
    [[0, 1, 0, 7], [2, 0, 0, 0], [0, 0, 3, 1], [1, 1, 1, 1], [0, 9, 0, 0], [4, 0, 2, 0]], dtype=np.float32
)


def section(**other: object) -> Section:
    held = {
        "barcodes": np.array([f"S{spot}" for spot in range(SPOTS)], dtype=object),
        "genes": np.array([f"G{gene}" for gene in range(GENES)], dtype=object),
        "counts": sparse.csr_matrix(COUNTS),
        "places": np.arange(2.0 * SPOTS).reshape(SPOTS, 2),
        "columns": {
            "layer": np.array(["L1", None, "L2", "L1", "Wß", None], dtype=object),
            "n": np.arange(SPOTS) / 2,
        },
        "vectors": {"embedding": np.ones((SPOTS, 3))},
        "picture": np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3),
        "scale": 0.25,
        "library": "slide",
    }
    return Section(**(held | other))


WHOLE = write_section(section())


def changed(change, content=WHOLE) -> bytes:
    """The content of a file after `change` did something to it."""
    stream = io.BytesIO(content)
    with h5py.File(stream, "r+") as file:
        change(file)
    return stream.getvalue()


def put(path, values, encoding="", **options):
    """Another dataset in the place of one, with its marks or a given encoding."""

    def change(file):
        marks = dict(file[path].attrs) if path in file else {}
        if path in file:
            del file[path]
        made = file.create_dataset(path, data=values, **options)
        for name, mark in (marks | ({"encoding-type": encoding} if encoding else {})).items():
            made.attrs[name] = mark

    return change


def mark(path, name, value):
    return lambda file: file[path].attrs.__setitem__(name, value)


def gone(path):
    return lambda file: file.__delitem__(path)


def linked(path, link):
    def change(file):
        del file[path]
        file[path] = link

    return change


def refused(content, wanted=None, room=None) -> DataError:
    with pytest.raises(DataError) as caught:
        read_section(content, wanted, room)
    return caught.value


def test_what_is_written_is_read_again():
    read = read_section(WHOLE, Wanted(picture="lowres", columns=("layer", "n"), vectors=("embedding",)))
    wanted = section()
    assert read.barcodes.tolist() == wanted.barcodes.tolist()
    assert read.genes.tolist() == wanted.genes.tolist()
    np.testing.assert_array_equal(read.counts.toarray(), COUNTS)
    np.testing.assert_array_equal(read.places, wanted.places)
    np.testing.assert_array_equal(read.picture, wanted.picture)
    np.testing.assert_array_equal(read.vectors["embedding"], wanted.vectors["embedding"])
    assert read.columns["layer"].tolist() == ["L1", None, "L2", "L1", "Wß", None]
    assert read.columns["n"].tolist() == [0, 0.5, 1, 1.5, 2, 2.5]
    assert (read.scale, read.library, read.resolution) == (0.25, "slide", "lowres")


def test_the_file_has_x_before_y_as_scanpy_has_it():
    with h5py.File(io.BytesIO(WHOLE)) as file:
        assert file["obsm/spatial"][1].tolist() == [3, 2]
        assert file.attrs["encoding-type"] == "anndata"
        assert file["X"].attrs["shape"].tolist() == [SPOTS, GENES]
        assert file["obs"].attrs["column-order"].tolist() == ["layer", "n"]
        assert file["var"].attrs["column-order"].shape == (0,)


def columns_first(file):
    del file["X"]
    packed = sparse.csc_matrix(COUNTS)
    group = file.create_group("X")
    group.attrs.update({"encoding-type": "csc_matrix", "shape": COUNTS.shape})
    for name in ("data", "indices", "indptr"):
        group[name] = getattr(packed, name)


@pytest.mark.parametrize(
    "change", [columns_first, put("X", COUNTS, "array"), put("X", COUNTS.astype(np.int16), "array", compression="gzip")]
)
def test_other_layouts_of_the_same_counts(change):
    def whole(file):
        if isinstance(file["X"], h5py.Group):
            del file["X"]
            file["X"] = 0
        change(file)

    np.testing.assert_array_equal(read_section(changed(whole)).counts.toarray(), COUNTS)


def several(file):
    """The same table as a modality of an .h5mu file."""
    held = file.create_group("mod/rna")
    for name in ("X", "obs", "var", "obsm"):
        file.move(name, f"mod/rna/{name}")
    held.attrs.update(dict(file.attrs))
    file.attrs["encoding-type"] = "MuData"


def test_a_modality_of_several():
    content = changed(several)
    np.testing.assert_array_equal(read_section(content, Wanted(assay="rna")).counts.toarray(), COUNTS)
    np.testing.assert_array_equal(read_section(content).counts.toarray(), COUNTS)
    assert refused(content, Wanted(assay="atac")).code == "section-incomplete"
    assert refused(content, Wanted(assay="../X")).code == "hdf5-name"
    assert refused(WHOLE, Wanted(assay="rna")).code == "section-assay"
    twice = changed(lambda file: file.copy("mod/rna", "mod/other"), content)
    assert "name one" in refused(twice).found


def test_counts_may_lie_in_a_layer():
    content = changed(lambda file: (file.copy("X", "layers/raw"), file["X/data"].__setitem__(0, 0.5)))
    np.testing.assert_array_equal(read_section(content, Wanted(layer="raw")).counts.toarray(), COUNTS)
    assert refused(content, Wanted(layer="none")).code == "section-incomplete"


def test_a_section_without_a_picture_has_none():
    assert read_section(write_section(section(picture=None)), Wanted(picture="lowres")).picture is None
    assert read_section(WHOLE, Wanted(picture="hires")).picture is None
    assert read_section(WHOLE).picture is None


def test_colours_from_0_to_1_become_bytes():
    shown = np.linspace(0, 1, 60, dtype=np.float32).reshape(5, 4, 3)
    read = read_section(changed(put("uns/spatial/slide/images/lowres", shown)), Wanted(picture="lowres"))
    assert (read.picture.min(), read.picture.max(), read.picture.dtype) == (0, 255, np.uint8)


def bomb(file):
    """A dataset of 12 numbers whose one chunk unpacks to a hundred megabytes."""
    import zlib

    del file["X/data"]
    made = file.create_dataset("X/data", shape=(12,), maxshape=(None,), chunks=(12,), dtype="f4", compression="gzip")
    made.id.write_direct_chunk((0,), zlib.compress(bytes(10**8), 9))


def many_long_texts(file):
    """Six barcodes that all point at one text of a million signs."""
    kept = dict(file["obs/_index"].attrs)
    del file["obs/_index"]
    made = file.create_dataset("obs/_index", data=["x" * 10**6] * SPOTS, dtype=h5py.string_dtype())
    made.attrs.update(kept)


def wide_chunk(file):
    """Twelve numbers in a chunk that has room for a billion."""
    del file["X/data"]
    file.create_dataset("X/data", shape=(12,), maxshape=(None,), chunks=(10**9,), dtype="f4")


SMALL = Room(bytes=2**20, decoded=2**20, spots=100, pixels=1000)
LOWRES = "uns/spatial/slide/images/lowres"
SHOWN = Wanted(picture="lowres")

BAD = {
    "nothing": ("section-format", b"", "does not begin"),
    "a picture": ("section-format", b"\x89PNG\r\n\x1a\n" + bytes(600), "does not begin"),
    "the mark alone": ("section-damaged", WHOLE[:8], "cut off"),
    "half a file": ("section-damaged", WHOLE[: len(WHOLE) // 2], "cut off"),
    "all but the end": ("section-damaged", WHOLE[:-200], "cut off"),
    "noise behind the mark": ("section-damaged", WHOLE[:8] + bytes(range(256)) * 20, "damaged"),
    "a large file": ("section-too-large", bytes(2**20 + 1), "limit is 1,048,576"),
    "not AnnData": ("section-encoding", changed(mark("/", "encoding-type", "zarr")), "zarr"),
    "no encoding": ("section-encoding", changed(lambda file: file.attrs.__delitem__("encoding-type")), "anndata"),
    "an encoding that is no text": ("hdf5-kind", changed(mark("/", "encoding-type", [1, 2])), "not one text"),
    "no counts": ("section-incomplete", changed(gone("X")), '"X"'),
    "counts in an unknown encoding": ("section-encoding", changed(mark("X", "encoding-type", "coo")), "coo"),
    "no indices": ("section-incomplete", changed(gone("X/indices")), "indices"),
    "a billion by a billion": ("section-too-large", changed(mark("X", "shape", [10**9, 10**9])), "1,000,000,000"),
    "a negative side": ("section-empty", changed(mark("X", "shape", [-6, 4])), "-6"),
    "a shape of three": ("hdf5-kind", changed(mark("X", "shape", [6, 4, 1])), "2 whole numbers"),
    "a shape of words": ("hdf5-kind", changed(mark("X", "shape", "6 4")), "2 whole numbers"),
    "another shape": ("counts-misfit", changed(mark("X", "shape", [7, 4])), "pointers"),
    "pointers that run outside": ("counts-misfit", changed(lambda file: file["X/indptr"].__setitem__(6, 99)), "lead"),
    "pointers that fall": ("counts-misfit", changed(lambda file: file["X/indptr"].__setitem__(2, 9)), "lead"),
    "an index beyond the genes": ("counts-misfit", changed(lambda file: file["X/indices"].__setitem__(0, 4)), "0 to 3"),
    "a negative index": ("counts-misfit", changed(lambda file: file["X/indices"].__setitem__(0, -1)), "0 to 3"),
    "a gene twice": ("counts-misfit", changed(lambda file: file["X/indices"].__setitem__(0, 3)), "twice"),
    "indices that are fractions": ("counts-misfit", changed(put("X/indices", np.ones(12))), "whole numbers"),
    "a count that is no number": ("counts-not-finite", changed(lambda file: file["X/data"].__setitem__(0, np.nan)), ""),
    "an endless count": ("counts-not-finite", changed(lambda file: file["X/data"].__setitem__(0, np.inf)), "finite"),
    "a count beyond float32": ("counts-not-finite", changed(put("X/data", np.full(12, 1e300))), "finite"),
    "a negative count": ("counts-negative", changed(lambda file: file["X/data"].__setitem__(0, -1)), "below zero"),
    "counts that are texts": ("hdf5-kind", changed(put("X/data", ["a"] * 12)), "numbers"),
    "counts that are objects": (
        "hdf5-kind", changed(put("X/data", np.zeros(12, "f4").view("V4"), dtype="V4")), "numbers"),
    "complex counts": ("hdf5-kind", changed(put("X/data", np.ones(12, np.complex64))), "numbers"),
    "counts in pairs": ("hdf5-kind", changed(put("X/data", np.ones(12, [("a", "f4"), ("b", "f4")]))), "numbers"),
    "counts of no extent": ("hdf5-kind", changed(put("X/data", h5py.Empty("f4"))), "empty"),
    "no spots": ("section-empty", changed(mark("X", "shape", [0, 4])), "at least one spot"),
    "too many spots": ("section-too-large", changed(mark("X", "shape", [101, 4])), "100 spots"),
    "another number of names": (
        "section-misfit", changed(put("obs/_index", ["a"], dtype=h5py.string_dtype())), "for 1"),
    "a barcode twice": (
        "section-duplicate", changed(put("obs/_index", ["S"] * 6, dtype=h5py.string_dtype())), 'spot "S" twice'),
    "a gene named twice": (
        "section-duplicate", changed(put("var/_index", ["a", "b", "b", "c"], dtype=h5py.string_dtype())), 'gene "b"'),
    "an empty barcode": (
        "section-names", changed(put("obs/_index", ["", *"abcde"], dtype=h5py.string_dtype())), "empty"),
    "barcodes that are numbers": ("hdf5-kind", changed(put("obs/_index", np.arange(6))), "texts"),
    "barcodes that are no UTF-8": (
        "section-damaged", changed(put("obs/_index", np.array([b"\xff%d" % n for n in range(6)]))), "decode"),
    "barcodes that are references": (
        "hdf5-kind", changed(put("obs/_index", None, shape=(6,), dtype=h5py.ref_dtype)), "texts"),
    "an index elsewhere": ("hdf5-name", changed(mark("obs", "_index", "../var/_index")), "../var"),
    "an index that is a group": ("hdf5-kind", changed(mark("obs", "_index", "layer")), "group"),
    "obs in an unknown encoding": ("section-encoding", changed(mark("obs", "encoding-type", "table")), "spot"),
    "no places": ("section-incomplete", changed(gone("obsm/spatial")), "spatial"),
    "places of three": ("section-places", changed(put("obsm/spatial", np.ones((6, 3)))), "3 coordinates"),
    "places for other spots": ("section-misfit", changed(put("obsm/spatial", np.ones((5, 2)))), "5 × 2"),
    "a place that is no number": ("section-places", changed(put("obsm/spatial", np.full((6, 2), np.nan))), "finite"),
    "a place beyond all tissue": ("section-places", changed(put("obsm/spatial", np.full((6, 2), 1e12))), "tissue"),
    "a link to another file": ("hdf5-link", changed(linked("X", h5py.ExternalLink("other.h5", "/X"))), "link"),
    "a link within": ("hdf5-link", changed(linked("X", h5py.SoftLink("/layers"))), "link"),
    "a link to nowhere": ("hdf5-link", changed(linked("X/data", h5py.SoftLink("/nowhere"))), "link"),
    "a filter of the machine": (
        "hdf5-filter", changed(put("X/data", np.ones(12, "f4"), compression="lzf")), "filter 32000"),
    "a chunk that swells": ("section-too-large", changed(bomb), "unpacks to more"),
    "a chunk with room for a billion": ("section-too-large", changed(wide_chunk), "4,000,000,000"),
    "a claim of a billion numbers": (
        "section-too-large",
        changed(put("X/data", None, shape=(10**9,), dtype="f4")),
        "bytes",
    ),
    "long texts": ("section-too-large", changed(many_long_texts), "bytes"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_lies_is_refused(name):
    code, content, words = BAD[name]
    error = refused(content, room=SMALL)
    assert error.code == code, error.found
    assert words in error.found


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (put(LOWRES, np.zeros((40, 50, 3), np.uint8)), "1,000 pixels"),
        (put(LOWRES, np.zeros((5, 4), np.uint8)), "5 × 4"),
        (put(LOWRES, np.full((5, 4, 3), 2.0)), "from 0 to 1"),
        (put(LOWRES, np.zeros((5, 4, 3), np.int32)), "numbers have to be"),
        (put("uns/spatial/slide/scalefactors/tissue_lowres_scalef", 0.0), "usable scale"),
        (put("uns/spatial/slide/scalefactors/tissue_lowres_scalef", np.nan), "usable scale"),
        (gone("uns/spatial/slide/scalefactors/tissue_lowres_scalef"), "scalef"),
        (lambda file: file.copy("uns/spatial/slide", "uns/spatial/other"), "2 libraries"),
        (linked("uns/spatial", h5py.ExternalLink("other.h5", "/")), "link"),
    ],
)
def test_a_picture_that_cannot_be_is_refused(change, words):
    content = changed(change)
    assert words in refused(content, SHOWN, SMALL).found
    assert read_section(content, room=Room(pixels=1000)).picture is None  # who does not ask for it reads the rest


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda file: file["obs/layer/codes"].__setitem__(0, 9), "no category"),
        (mark("obs/layer", "encoding-type", "nullable-integer"), "nullable"),
        (put("obs/layer/codes", np.zeros(5, np.int8)), "5 values"),
        (gone("obs/layer/categories"), "categories"),
        (linked("obs/layer", h5py.SoftLink("/obs/n")), "link"),
    ],
)
def test_a_column_that_cannot_be_is_refused(change, words):
    content = changed(change)
    assert words in refused(content, Wanted(columns=("layer",))).found
    assert len(read_section(content).barcodes) == SPOTS


@pytest.fixture
def watched(tmp_path):
    """A file with good counts, and a function that tells whether anybody has opened it since it was last asked."""
    if sys.platform != "linux":
        pytest.skip("only Linux tells who opens a file")
    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as file:
        file["X"] = np.ones(12, "f4")
        file["raw"] = np.ones(12, "f4")
    libc = ctypes.CDLL(None, use_errno=True)
    handle = libc.inotify_init1(os.O_NONBLOCK)
    assert libc.inotify_add_watch(handle, bytes(path), 0x20) >= 0  # IN_OPEN

    def opened() -> bool:
        try:
            return len(os.read(handle, 4096)) > 0
        except BlockingIOError:
            return False

    yield path, opened
    os.close(handle)


def external(path):
    return lambda file: (
        gone("X/data")(file), file.create_dataset("X/data", (12,), "f4", external=[(str(path), 0, 48)]))  # fmt: skip


def virtual(path, name="X", size=(12,)):
    def change(file):
        del file["X/data"]
        layout = h5py.VirtualLayout(size, "f4", maxshape=(None,))
        source = h5py.VirtualSource(str(path), name, shape=size, maxshape=(None,))
        layout[: h5py.h5s.UNLIMITED : 1] = source[: h5py.h5s.UNLIMITED : 1]
        file.create_virtual_dataset("X/data", layout)

    return change


def test_no_other_file_is_ever_opened(watched):
    path, opened = watched
    path.read_bytes()
    assert opened()  # the watch works
    cases = {
        "hdf5-link": linked("X", h5py.ExternalLink(str(path), "/X")),
        "hdf5-elsewhere": external(path),
    }
    for code, change in cases.items():
        content = changed(change)
        opened()
        assert refused(content).code == code
        assert not opened(), code
    content = changed(virtual(path))
    opened()
    assert refused(content).code == "hdf5-elsewhere"
    assert not opened()


def test_parts_that_do_not_fit_are_not_written():
    for other in (
        {"places": np.zeros((5, 2))},
        {"genes": np.array(["a"], dtype=object)},
        {"columns": {"layer": np.zeros(7)}},
        {"vectors": {"e": np.zeros((2, 2))}},
    ):
        with pytest.raises(DataError, match="section-misfit"):
            write_section(section(**other))


def test_the_same_section_gives_the_same_bytes():
    assert write_section(section()) == WHOLE
