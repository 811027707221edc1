"""Sparse counts in .npz files."""

import io
import zipfile

import numpy as np
import pytest
from scipy import sparse

from polymodal.core import DataError
from polymodal.data.counts import checked, read_counts
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


@pytest.mark.parametrize("layout", [sparse.csr_matrix, sparse.csc_matrix])
def test_rows_and_columns(layout):
    read = read_counts(saved(layout(TABLE)), LIMITS)
    assert isinstance(read, sparse.csr_matrix)
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read.toarray(), TABLE)


def test_what_scipy_writes_is_read():
    stream = io.BytesIO()
    sparse.save_npz(stream, sparse.csr_matrix(TABLE))
    np.testing.assert_array_equal(read_counts(stream.getvalue(), LIMITS).toarray(), TABLE)


def pickled() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.array([{}], dtype=object), allow_pickle=True)
    return stream.getvalue()


def claiming(shape: str) -> bytes:
    """An array whose header promises far more than it holds."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<i2", "fortran_order": False, "shape": eval(shape)})
    return stream.getvalue() + bytes(10)


BAD = {
    "nothing": ("counts-format", b"", "no .npz"),
    "half of it": ("counts-format", saved()[:100], "no .npz"),
    "a large file": ("section-too-large", bytes(2**16 + 1), "65,536"),
    "no indices": ("counts-format", saved(indices=None), '"indices"'),
    "a dictionary": ("counts-pickle", rewritten("data.npy", pickled()), "pickled"),
    "a claim": ("counts-format", rewritten("data.npy", claiming("(10**15,)")), "longer than it says"),
    "noise": ("counts-format", rewritten("indptr.npy", b"noise"), "damaged"),
    "another layout": ("counts-format", saved(format=np.array(b"coo")), '"coo"'),
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
