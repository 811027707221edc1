"""Sparse counts in .npz files."""

import io
import struct
import zipfile
from contextlib import suppress

import numpy as np
import pytest
from scipy import sparse

from polymodal.core import DataError
from polymodal.data.counts import checked, read_counts, read_named
from polymodal.data.files import Limits

TABLE = np.array([[0, 1, 0, 7], [2, 0, 0, 0], [0, 0, 3, 1]], dtype=np.int16)
LIMITS = Limits(bytes=2**16)


def saved(matrix=None, **other) -> bytes:
    """What scipy writes, with some parts exchanged."""
    stream = io.BytesIO()
    sparse.save_npz(stream, sparse.csr_matrix(TABLE) if matrix is None else matrix)
    with np.load(io.BytesIO(stream.getvalue())) as arrays:
        parts = {name: arrays[name] for name in arrays.files} | other
    stream = io.BytesIO()
    np.savez_compressed(stream, **{name: part for name, part in parts.items() if part is not None})
    return stream.getvalue()


def rewritten(name: str, content: bytes) -> bytes:
    """The same archive with another content of one member."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(saved())) as old, zipfile.ZipFile(stream, "w") as new:
        for member in old.namelist():
            new.writestr(member, content if member == name else old.read(member))
    return stream.getvalue()


@pytest.mark.parametrize("layout", [sparse.csr_matrix, sparse.csc_matrix, sparse.coo_matrix, sparse.csr_array])
def test_rows_and_columns(layout):
    read = read_counts(saved(layout(TABLE)), LIMITS)
    assert isinstance(read, sparse.csr_matrix)
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read.toarray(), TABLE)


def test_what_scipy_writes_is_read():
    stream = io.BytesIO()
    sparse.save_npz(stream, sparse.csr_matrix(TABLE))
    np.testing.assert_array_equal(read_counts(stream.getvalue(), LIMITS).toarray(), TABLE)


def test_a_table_without_any_count_is_read():
    assert read_counts(saved(sparse.csr_matrix((3, 4), dtype=np.int16)), LIMITS).toarray().tolist() == [[0.0] * 4] * 3


def test_names_stand_beside_the_counts():
    held = saved(genes=np.array(["A", "B", "C", "Ü"]), cells=np.array([b"x", b"y", b"z"]))
    table, names = read_named(held, LIMITS, names=("cells", "genes", "other"))
    np.testing.assert_array_equal(table.toarray(), TABLE)
    assert names == {"cells": ["x", "y", "z"], "genes": ["A", "B", "C", "Ü"]}


@pytest.mark.parametrize("names", [np.arange(4), np.array([["A", "B"], ["C", "D"]]), np.array([b"\xff"] * 4)])
def test_names_that_are_no_texts_are_refused(names):
    with pytest.raises(DataError, match="counts-names"):
        read_named(saved(genes=names), LIMITS, names=("genes",))


def pickled() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.array([{}], dtype=object), allow_pickle=True)
    return stream.getvalue()


def pairs(**other) -> bytes:
    """The table with a row and a column for each count, some parts exchanged."""
    return saved(sparse.coo_matrix(TABLE), **other)


def claiming(shape: str, kind: str = "<i2") -> bytes:
    """An array whose header promises far more than it holds."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": kind, "fortran_order": False, "shape": eval(shape)})
    return stream.getvalue() + bytes(10)


BAD = {
    "nothing": ("counts-format", b"", "no .npz"),
    "half of it": ("counts-format", saved()[:100], "no .npz"),
    "a large file": ("section-too-large", bytes(2**16 + 1), "65,536"),
    "no indices": ("counts-format", saved(indices=None), '"indices"'),
    "a dictionary": ("counts-pickle", rewritten("data.npy", pickled()), "pickled"),
    "a claim": ("counts-format", rewritten("data.npy", claiming("(10**15,)")), "longer than it says"),
    "noise": ("counts-format", rewritten("indptr.npy", b"noise"), "damaged"),
    "another layout": ("counts-format", saved(format=np.array(b"bsr")), '"bsr"'),
    "a layout in strange bytes": ("counts-names", saved(format=np.array(b"\xff")), "no text"),
    "a layout of nothing": ("counts-format", rewritten("format.npy", claiming("()", "|S0")), "longer than it says"),
    "sides below zero": ("counts-format", rewritten("data.npy", claiming("(-1, -5)")), "longer than it says"),
    "columns for a layout by pairs": ("counts-format", saved(format=np.array(b"coo")), '"row"'),
    "a row outside": ("counts-misfit", pairs(row=np.array([0, 0, 1, 2, 3])), "0 to 2"),
    "a row below zero": ("counts-misfit", pairs(row=np.array([0, 0, 1, 2, -1])), "0 to 2"),
    "a column outside": ("counts-misfit", pairs(col=np.array([1, 3, 0, 2, 4])), "0 to 3"),
    "rows of fractions": ("counts-misfit", pairs(row=np.zeros(5)), "whole numbers"),
    "too few rows": ("counts-misfit", pairs(row=np.zeros(4, np.int32)), "4 rows"),
    "a pair twice": ("counts-misfit", pairs(row=np.zeros(5, np.int32), col=np.array([1, 2, 0, 3, 3])), "twice"),
    "more rows than any table has": (
        "counts-misfit",
        saved(shape=np.array([10**15, 4]), format=np.array("csc")),
        "0,000 spots",
    ),
    "one pointer": ("counts-misfit", saved(indptr=np.array(3)), "1 pointers"),
    "a layout of two": ("counts-format", saved(format=np.array([b"csr", b"csr"])), "csr"),
    "a shape of three": ("counts-format", saved(shape=np.array([3, 4, 1])), "3 sides"),
    "a shape of fractions": ("counts-format", saved(shape=np.array([3.0, 4.0])), "sides"),
    "no spots": ("counts-misfit", saved(shape=np.array([0, 4])), "0 spots"),
    "too many genes": ("counts-misfit", saved(shape=np.array([3, 10**9])), "1,000,000,000 genes"),
    "too few pointers": ("counts-misfit", saved(shape=np.array([9, 4])), "pointers"),
    "an index outside": ("counts-misfit", saved(indices=np.array([1, 3, 0, 2, 4])), "0 to 3"),
    "falling pointers": ("counts-misfit", saved(indptr=np.array([0, 3, 2, 5])), "lead"),
    "pointers in rows": ("counts-misfit", saved(indptr=np.zeros((4, 4), np.int32)), "pointers"),
    "texts": ("counts-misfit", saved(data=np.array(["a"] * 5)), "type"),
    "below zero": ("counts-negative", saved(data=np.array([1, 2, 3, -4, 5])), "-4"),
    "no number": ("counts-not-finite", saved(data=np.array([1, 2, np.nan, 4, 5])), "finite"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_lies_is_refused(name):
    code, content, words = BAD[name]
    with pytest.raises(DataError) as caught:
        read_counts(content, LIMITS)
    assert caught.value.code == code, caught.value.found
    assert words in caught.value.found


def test_no_more_is_unpacked_than_allowed():
    packed = saved(sparse.csr_matrix(np.ones((500, 500))))
    assert len(packed) < LIMITS.bytes
    with pytest.raises(DataError, match="section-too-large"):
        read_counts(packed, LIMITS, decoded=10**5)


def test_counts_of_any_type_become_float32():
    assert checked(np.array([1, 2**15 - 1], dtype=np.int16)).tolist() == [1, 32767]
    with pytest.raises(DataError, match="counts-not-finite"):
        checked(np.array([1e300]))


@pytest.mark.parametrize("layout", [sparse.csr_matrix, sparse.coo_matrix])
def test_no_damage_comes_through_as_another_error(layout):
    """Bytes that were exchanged or cut off lead to a table or to a refusal, and never to anything else."""
    whole, draw = saved(layout(TABLE)), np.random.default_rng(0)
    for _ in range(300):
        content = bytearray(whole)
        for place in draw.integers(len(content), size=3):
            content[place] = draw.integers(256)
        end = int(draw.integers(1, len(content))) if draw.random() < 0.3 else len(content)
        with suppress(DataError):
            assert read_counts(bytes(content[:end]), LIMITS).shape == TABLE.shape


def test_no_damage_of_an_array_comes_through_as_another_error():
    draw = np.random.default_rng(0)
    with zipfile.ZipFile(io.BytesIO(saved())) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for name in [name for name in members for _ in range(100)]:
        content = bytearray(members[name])
        for place in draw.integers(len(content), size=2):
            content[place] = draw.integers(256)
        with suppress(DataError):
            assert read_counts(rewritten(name, bytes(content)), LIMITS).ndim == 2


def test_a_member_that_says_it_is_small_is_not_unpacked_further():
    """The sizes in the list of members are lowered; what is read stops there, and is then too short."""
    content = bytearray(saved(sparse.csr_matrix(np.ones((100, 100)))))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        size = archive.getinfo("data.npy").file_size
    place = content.rfind(struct.pack("<I", size))
    content[place : place + 4] = struct.pack("<I", 200)
    with pytest.raises(DataError, match="counts-format"):
        read_counts(bytes(content), LIMITS)
