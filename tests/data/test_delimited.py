import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polymodal.core import DataError
from polymodal.data.delimited import read_delimited

CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=8)


def read(folder, content: bytes):
    path = folder / "table.csv"
    path.write_bytes(content)
    return read_delimited(path)


def written(rows, mark=","):
    quoted = [[f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row] for row in rows]
    return "\n".join(mark.join(row) for row in quoted) + "\n"


@given(
    st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=6),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_every_cell_stays_what_it_was(tmp_path_factory, rows, mark, encoding):
    content = written([("a", "b", "c"), *rows], mark).encode(encoding)
    frame = read(tmp_path_factory.mktemp("t"), content).frame
    assert list(frame.columns) == ["a", "b", "c"]
    assert [tuple(row) for row in frame.itertuples(index=False)] == rows


def test_words_and_zeros_are_no_nulls(tmp_path):
    frame = read(tmp_path, b"id,x\n007,NA\n010,None\n011,\n").frame
    assert frame["id"].tolist() == ["007", "010", "011"]
    assert frame["x"].tolist() == ["NA", "None", ""]


@pytest.mark.parametrize(
    ("content", "columns"),
    [("a;b\n1,5;2,5\n3,0;4,0\n", ["a", "b"]), ("a,b\n1;2,3\n", ["a", "b"]), ("a\tb\n1,2\t3\n", ["a", "b"]),
     ("a|b\n1|2\n", ["a", "b"]), ("review\nfine, but small\nlovely\n", ["review"]), ('"a,b";c\n1;2\n', ["a,b", "c"]),
     (" a , b \n1,2\n", ["a", "b"]), (",b\n1,2\n", ["column_1", "b"])],
)  # fmt: skip
def test_the_mark_between_fields_is_found(tmp_path, content, columns):
    assert list(read(tmp_path, content.encode()).frame.columns) == columns


def test_latin_1_is_read_and_told(tmp_path):
    table = read(tmp_path, "größe,x\nweiß,1\n".encode("latin-1"))
    assert table.frame["größe"].tolist() == ["weiß"]
    assert "line 1 is not UTF-8" in table.notes[0]


@pytest.mark.parametrize(
    ("content", "line"),
    [(b"a,b\n1,2\n3,4\n", 2), (b"a,b\r\n1,2\r\n\r\n", 2), (b'a,b\n"x\ny",2\n', None), (b"a,b\n\n1,2\n", None)],
)
def test_the_first_line_is_known_where_rows_are_lines(tmp_path, content, line):
    assert read(tmp_path, content).first_line == line


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [(b"", "empty-table", None), (b"\n\n\n", "empty-table", None), (b"a,b\n", "no-rows", None),
     (b"a,a\n1,2\n", "duplicate-column", None), (b"a,b\n1,2\n3\n", "ragged-rows", 3),
     (b'a,b\n"x\ny",2\n\n1,2,3\n', "ragged-rows", 5), (b"a,b\n1,\0\n", "nul-byte", 2),
     (b"a,b\n1,2\n3,\"4\n5,6\n", "open-quote", 3), (b"title\na,b\n1,2\n3,4\n5,6\n7,8\n", "ragged-rows", 2),
     (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "nul-byte", 3), (b"\xff\xfea", "bad-encoding", None),
     (b"a,b\n" + b"x" * (17 * 2**20) + b",1\n1,2,3\n", "ragged-rows", None)],
)  # fmt: skip
def test_what_is_broken_is_refused_with_its_line(tmp_path, content, code, line):
    with pytest.raises(DataError) as refused:
        read(tmp_path, content)
    assert refused.value.code == code
    assert refused.value.where.endswith(f"table.csv:{line}") or line is None


def test_a_byte_order_mark_is_no_promise(tmp_path):
    table = read(tmp_path, "\ufeffa,b\n1,x\n".encode() + b"2,\xff\n")
    assert table.frame.to_dict("list") == {"a": ["1", "2"], "b": ["x", "ÿ"]}
    assert "line 3 is not UTF-8" in table.notes[0]


@given(st.sampled_from([b"", b"\xef\xbb\xbf", b"\xff\xfe"]), st.binary(max_size=60))
def test_no_bytes_do_worse_than_a_refusal(tmp_path_factory, mark, content):
    try:
        frame = read(tmp_path_factory.mktemp("b"), mark + content).frame
    except DataError:
        return
    assert len(frame) >= 1
    assert frame.map(lambda cell: isinstance(cell, str)).to_numpy().all()


def test_many_columns_are_no_trouble(tmp_path):
    values = np.arange(6000).reshape(2, 3000)
    rows = [[f"gene_{place}" for place in range(3000)], *values.astype(str).tolist()]
    frame = read(tmp_path, "\n".join(",".join(row) for row in rows).encode()).frame
    assert frame.shape == (2, 3000)
    assert frame["gene_2999"].tolist() == ["2999", "5999"]
