"""What is written is read back as it was, looks as a person would write it, and says why above what it explains."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from polymodal.spec.reading import read_text
from polymodal.spec.source import dotted
from polymodal.spec.writing import to_yaml
from tests.spec.examples import GOOD, SPECS

TRICKY = st.sampled_from(
    ["no", "Yes", "~", "null", "1e3", "0x1F", "1:30", "2020-01-01", "", " a ", "#x", "a: b", "<<", "=", "-", "*a", "\n"]
)
TEXTS = TRICKY | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NUMBERS = st.integers(-(10**15), 10**15) | st.floats(allow_nan=False, allow_infinity=False)
PLAIN = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS | st.text("ab ", min_size=100, max_size=130),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(TEXTS, PLAIN, max_size=4)
SENTENCES = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=40)


def same(one: Any, other: Any) -> bool:
    """Whether two documents are equal, with 1, 1.0 and true told apart, and in the same order."""
    return repr(one) == repr(other)


def read(text: str) -> Any:
    source = read_text(text)
    assert not source.problems
    return source.data


def keys(data: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The path of every key."""
    found: list[tuple[str | int, ...]] = []
    for key, value in data.items() if isinstance(data, dict) else ():
        found += [(*path, key), *keys(value, (*path, key))]
    return found


@given(DOCUMENTS)
def test_what_is_written_is_read_back(data: dict[str, Any]) -> None:
    text = to_yaml(data)
    assert same(read(text), data)
    assert to_yaml(read(text)) == text


@given(st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from(["no", "yes", "On", "off", "y", "N", "true"])))
def test_readers_of_older_yaml_do_not_take_words_for_truth(data: dict[str, str]) -> None:
    older = YAML(typ="safe", pure=True)
    older.version = (1, 1)
    assert older.load(to_yaml(data)) == data


@given(SPECS, st.data())
def test_reasons_are_comments_and_change_nothing(spec: dict[str, Any], data: st.DataObject) -> None:
    known = [dotted(path) for path in keys(spec)]
    reasons = data.draw(st.dictionaries(st.sampled_from(known), SENTENCES, max_size=4))
    assert same(read(to_yaml(spec, reasons)), spec)


@given(st.sampled_from(keys(GOOD)))
def test_a_reason_stands_right_above_its_key(path: tuple[str, ...]) -> None:
    lines = to_yaml(GOOD, {dotted(path): "because  of\nthe data"}).splitlines()
    indent = " " * (2 * (len(path) - 1))
    place = lines.index(f"{indent}# because of the data")
    assert lines[place + 1].startswith(f"{indent}{path[-1]}:")
    assert sum("#" in line for line in lines) == 1


def test_a_spec_looks_as_a_person_would_write_it() -> None:
    reasons = {"modalities.labs": "most columns are numbers", "tasks.diagnosis": "2 values"}
    assert to_yaml(GOOD | {"train": {"lr": 0.001, "note": "no"}}, reasons).splitlines() == [
        "version: 1",
        "data:",
        "  table: cohort.csv",
        "  split: {test: 0.2}",
        "modalities:",
        "  # most columns are numbers",
        '  labs: {type: table, columns: [age, "csf_*"]}',
        "tasks:",
        "  # 2 values",
        "  diagnosis: {type: binary, target: diagnosis}",
        "train:",
        "  lr: 0.001",
        '  note: "no"',
    ]


@pytest.mark.parametrize("count", [1, 5, 20, 200])
def test_what_is_long_is_broken_into_lines_and_what_is_short_is_not(count: int) -> None:
    columns = [f"column_{number}" for number in range(count)]
    spec = {"modalities": {"labs": {"type": "table", "columns": columns}}}
    text = to_yaml(spec)
    assert max(map(len, text.splitlines())) <= 120
    assert (text.count("\n") == 2) == (count <= 5)
    assert same(read(text), spec)


def test_a_long_text_stays_one_line() -> None:
    text = to_yaml({"a": "word " * 100})
    assert text.count("\n") == 1


def test_nothing_is_written_as_nothing() -> None:
    assert read(to_yaml({"a": {}, "b": [], "c": None, "d": {"e": {}}})) == {"a": {}, "b": [], "c": None, "d": {"e": {}}}


def test_order_is_kept() -> None:
    data = {name: dict.fromkeys("zay", 1) for name in "cab"}
    assert same(read(to_yaml(data)), data)


def test_what_is_given_is_not_changed() -> None:
    before = repr(GOOD)
    to_yaml(GOOD, {"data": "x"})
    assert repr(GOOD) == before


def test_a_reason_may_hold_any_character() -> None:
    written = to_yaml({"a": 1}, {"a": "bell \x07, half \ud800 and\nwhole é"})
    assert "bell \\x07, half \\ud800 and whole é" in written
    assert read_text(written, "s.yaml").data == {"a": 1}
