"""HDF5 out of memory: nothing is decoded that was not counted first."""

import io

import h5py
import numpy as np
import pytest

from polymodal.core import DataError
from polymodal.data.hierarchies import opened


def made(**parts) -> bytes:
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file.attrs["kind"] = "whole"
        for name, options in parts.items():
            file.create_dataset(name, **options)
    return stream.getvalue()


def test_what_is_decoded_is_paid_for():
    content = made(a={"data": np.arange(10)}, b={"data": np.arange(10), "compression": "gzip", "chunks": (4,)})
    with opened(content, 160) as file:
        assert file.numbers(file.found(file.root, "a")).tolist() == list(range(10))
        assert file.left == 80
        assert file.numbers(file.found(file.root, "b")).tolist() == list(range(10))
        assert file.left == 0
    with opened(content, 100) as file:
        file.numbers(file.found(file.root, "a"))
        with pytest.raises(DataError, match="section-too-large"):
            file.numbers(file.found(file.root, "b"))


@pytest.mark.parametrize("options", [{}, {"compression": "gzip"}])
def test_texts_of_any_length(options):
    words = ["a", "Wß", "", "long " * 50]
    content = made(t={"data": words, "dtype": h5py.string_dtype(), "chunks": (3,) if options else None, **options})
    with opened(content, 10_000) as file:
        assert file.texts(file.found(file.root, "t")).tolist() == words
    with pytest.raises(DataError, match="section-too-large"), opened(content, 200) as file:
        file.texts(file.found(file.root, "t"))


def test_a_checksum_behind_what_is_packed():
    content = made(a={"data": np.arange(9), "compression": "gzip", "fletcher32": True})
    with opened(content, 1000) as file:
        assert file.numbers(file.found(file.root, "a")).tolist() == list(range(9))


def test_texts_of_one_length():
    content = made(t={"data": np.array([b"ab", b"c"])})
    with opened(content, 100) as file:
        assert file.texts(file.found(file.root, "t")).tolist() == ["ab", "c"]


def test_shuffled_numbers_are_read_and_shuffled_texts_are_not():
    content = made(
        n={"data": np.arange(8), "shuffle": True, "compression": "gzip"},
        t={"data": ["a", "b"], "dtype": h5py.string_dtype(), "shuffle": True, "compression": "gzip"},
    )
    with opened(content, 1000) as file:
        assert file.numbers(file.found(file.root, "n")).tolist() == list(range(8))
        with pytest.raises(DataError, match="hdf5-filter"):
            file.texts(file.found(file.root, "t"))


def test_what_is_not_there_is_named():
    with opened(made(a={"data": [1]}), 100) as file:
        assert file.child(file.root, "b") is None
        assert file.said(file.root, "kind") == "whole"
        assert file.said(file.root, "other") == ""
        assert file.names(file.root) == ["a"]
        with pytest.raises(DataError, match='has no "b"'):
            file.found(file.root, "b", "c")
        with pytest.raises(DataError, match="no group that could hold"):
            file.found(file.root, "a", "c")
        with pytest.raises(DataError, match="has no group"):
            file.names(file.found(file.root, "a"))


def test_a_heap_that_stands_still_is_refused():
    """HDF5 itself would never come back from these."""
    whole = made(t={"data": ["a", "b"], "dtype": h5py.string_dtype()})
    start = whole.index(b"GCOL")
    for place, number in ((start + 16, bytes(16)), (start + 24, b"\xf8" + b"\xff" * 7), (start + 8, b"\xff" * 4)):
        content = whole[:place] + number + whole[place + len(number) :]
        with pytest.raises(DataError, match="section-damaged"), opened(content, 1000):
            pass


def test_too_many_pieces_are_not_looked_at(monkeypatch):
    monkeypatch.setattr("polymodal.data.hierarchies._CHUNKS", 3)
    content = made(a={"data": np.arange(8), "chunks": (2,)})
    with pytest.raises(DataError, match="3 pieces"), opened(content, 1000) as file:
        file.numbers(file.found(file.root, "a"))
