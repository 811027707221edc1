import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polymodal.core import DataError
from polymodal.data import jsonlines
from polymodal.data.jsonlines import read_jsonlines

SCALARS = st.none() | st.text(st.characters(codec="utf-8"), max_size=6) | st.integers() | st.booleans()


def read(folder, content: bytes):
    path = folder / "table.jsonl"
    path.write_bytes(content)
    return read_jsonlines(path)


@given(st.lists(st.fixed_dictionaries({"a": SCALARS}, optional={"b": SCALARS}), min_size=1, max_size=7))
def test_values_arrive_as_they_were_written(tmp_path_factory, rows):
    content = "\n".join(map(json.dumps, rows)).encode()
    frame, line = read(tmp_path_factory.mktemp("j"), content)
    for name in frame.columns:
        expected = [None if row.get(name) is None else str(row[name]) for row in rows]
        assert [None if null else cell for cell, null in zip(frame[name], frame[name].isna(), strict=True)] == expected
    assert line == 1


def test_numbers_keep_every_digit(tmp_path):
    frame, _ = read(tmp_path, b'{"a": 18446744073709551615, "b": 1.50}\n\n{"b": 1e-3, "a": 2}\n')
    assert frame["a"].tolist() == ["18446744073709551615", "2"]
    assert frame["b"].tolist() == ["1.50", "1e-3"]


def test_lists_of_numbers_are_texts_of_numbers(tmp_path):
    frame, _ = read(tmp_path, b'{"a": [1, 2.50, null], "b": []}\n{"a": null, "b": [7]}\n')
    assert frame["a"][0] == "1 2.50 nan"
    assert frame["b"][1] == "7"
    assert frame.isna().to_numpy().tolist() == [[False, True], [True, False]]


def test_rows_are_stored_in_portions(tmp_path, monkeypatch):
    monkeypatch.setattr(jsonlines, "_ROWS", 2)
    frame, _ = read(tmp_path, b'{"a": 1}\n{"a": 2}\n{"b": 3}\n{"a": 4, "c": 5}\n{"c": 6}\n')
    assert frame.isna().to_numpy().sum() == 15 - 6
    assert frame["c"].tolist()[3:] == ["5", "6"]


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [(b'{"a": 1}\n{"a": {"b": 1}}\n', "nested-column", 2), (b'{"a": ["x"]}\n', "nested-column", 1),
     (b'{"a": [[1], [2]]}\n', "nested-column", 1),
     (b'{"a": 1, "a": 2}\n', "duplicate-column", 1), (b"[1]\n", "unreadable-table", 1),
     (b'{"a": 1}\n{"a": \n', "unreadable-table", 2), (b'{"a": "\xff"}\n', "unreadable-table", 1),
     (b'{"a":' * 50_000, "unreadable-table", 1), (b"", "no-rows", None), (b"{}\n", "no-rows", None)],
)  # fmt: skip
def test_what_is_broken_is_refused_with_its_line(tmp_path, content, code, line):
    with pytest.raises(DataError) as refused:
        read(tmp_path, content)
    assert refused.value.code == code
    assert line is None or refused.value.where.endswith(f":{line}")


@given(st.binary(max_size=40))
def test_no_bytes_do_worse_than_a_refusal(tmp_path_factory, content):
    try:
        frame, _ = read(tmp_path_factory.mktemp("b"), content)
    except DataError:
        return
    assert len(frame) >= 1


def test_half_a_pair_of_letters_is_no_crash(tmp_path):
    frame, _ = read(tmp_path, b'{"a": "\\ud800"}\n')
    assert len(frame) == 1
