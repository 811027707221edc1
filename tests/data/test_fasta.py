"""FASTA becomes a table; what is no FASTA, or was cut off, is refused with its line."""

import gzip
import lzma

import pytest

from polymodal.core import DataError
from polymodal.data import packed
from polymodal.data.tables import read_table

TEXT = ">1es5-A SET=train\nMKV\nLA\n\n; a remark\n>two\nACD*\n>none\n"


@pytest.mark.parametrize("name", ["t.fasta", "t.fa", "t.fasta.xz", "T.FAA.GZ"])
def test_a_row_for_each_sequence(name, tmp_path):
    packed = {"xz": lzma.compress, "gz": gzip.compress}.get(name.lower().rpartition(".")[2], bytes)
    (tmp_path / name).write_bytes(packed(TEXT.encode()))
    table = read_table(tmp_path / name)
    assert table.frame.columns.tolist() == ["id", "header", "sequence"]
    assert table.frame["id"].tolist() == ["1es5-A", "two", "none"]
    assert table.frame["header"][0] == "1es5-A SET=train"
    assert table.frame["sequence"].tolist() == ["MKVLA", "ACD*", ""]


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [(b"MKV\n>a\nAC", 1, "before the first header"), (b">a\nAC\n>\nAC", 3, "without an id"), (b"", 1, "no header"),
     (b">a\n\xff\xfe\nAC", 2, "no text")],
)  # fmt: skip
def test_what_is_no_fasta(content, line, said, tmp_path):
    (tmp_path / "t.fasta").write_bytes(content)
    with pytest.raises(DataError, match=said) as caught:
        read_table(tmp_path / "t.fasta")
    assert f"t.fasta:{line}" in str(caught.value)


@pytest.mark.parametrize("name", ["t.fasta.xz", "t.fasta.gz"])
def test_a_packed_file_that_is_cut_or_none(name, tmp_path):
    whole = (lzma if name.endswith("xz") else gzip).compress(TEXT.encode() * 1000)
    for content in (whole[: len(whole) // 2], b"not packed at all"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match="unreadable-table"):
            read_table(tmp_path / name)


def test_what_unfolds_beyond_all_bounds_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(packed, "_MOST", 10_000)
    (tmp_path / "t.fasta.xz").write_bytes(lzma.compress(b">a\n" + b"A" * 80 + b"\n" * 20_000))
    with pytest.raises(DataError, match="2 GiB"):
        read_table(tmp_path / "t.fasta.xz")
    monkeypatch.setattr(packed, "_LINE", 50)
    with pytest.raises(DataError, match="a line of more than"):
        read_table(tmp_path / "t.fasta.xz")
    with pytest.raises(DataError, match="unknown-format"):
        read_table(_packed_csv(tmp_path))


def _packed_csv(folder):
    (folder / "t.csv.xz").write_bytes(lzma.compress(b"a,b\n1,2\n"))
    return folder / "t.csv.xz"


def test_the_sets_at_hand_are_read(real_data):
    folder = real_data("protein") / "flip_conservation"
    one, two = (read_table(folder / f"{name}.fasta.xz").frame for name in ("sequences", "sampled"))
    assert len(one) == 10_507
    assert set(two["id"]) <= set(one["id"])
