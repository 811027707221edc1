"""However a file is mangled, reading it ends soon, with the place of the mistake."""

import json
import os
import tracemalloc

import pytest

from polymodal.core import SpecError
from polymodal.spec.reading import read_file, read_text, read_value

BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join(['*' + old] * 9)}]\n" for old, new in zip("abcdefghi", "bcdefghij", strict=True)
)
MANGLED = {
    "empty": (b"", "spec-empty"),
    "comment only": (b"# nothing\n", "spec-empty"),
    "Latin-1": ("a: naïve\n".encode("latin-1"), "spec-not-utf-8"),
    "UTF-16": ("a: 1\n".encode("utf-16"), "spec-not-utf-8"),
    "NUL": (b"a: 1\n\x00", "spec-syntax"),
    "bell": (b"a: \x07", "spec-syntax"),
    "tab": (b"a:\n\t- b\n", "spec-syntax"),
    "open bracket": (b"a: [1, 2\n", "spec-syntax"),
    "open quote": (b"a: 'x\n", "spec-syntax"),
    "two documents": (b"a: 1\n---\nb: 2\n", "spec-syntax"),
    "undefined alias": (b"a: *x\n", "spec-syntax"),
    "list": (b"- a\n", "spec-not-a-mapping"),
    "word": (b"hello\n", "spec-not-a-mapping"),
    "alias bomb": (BOMB.encode(), "spec-too-complex"),
    "endless alias": (b"a: &a [*a]\n", "spec-too-complex"),
    "deep": (b"[" * 100_000, "spec-too-complex"),
    "deep mappings": (b"{" * 100_000, "spec-too-complex"),
    "many values": (b"a: [" + b"1," * 120_000 + b"]", "spec-too-complex"),
    "too large": (b"a: " + b"x" * 2_000_000, "spec-too-large"),
    "wrong version": (b"%YAML 9.1\n---\na: 1\n", "spec-syntax"),
}


@pytest.mark.parametrize("name", MANGLED)
def test_mangled_files_are_refused_with_a_place(name, tmp_path):
    raw, code = MANGLED[name]
    path = tmp_path / "spec.yaml"
    path.write_bytes(raw)
    with pytest.raises(SpecError) as caught:
        read_file(path)
    assert caught.value.code == code
    assert caught.value.where.startswith(str(path))


def test_a_bomb_does_not_unfold_in_memory():
    tracemalloc.start()
    with pytest.raises(SpecError, match="too-complex"):
        read_text(BOMB)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50_000_000


def test_the_line_of_a_bad_byte_is_told(tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_bytes(b"a: 1\nb: \xe9\n")
    with pytest.raises(SpecError) as caught:
        read_file(path)
    assert caught.value.where == f"{path}:2:4"


@pytest.mark.parametrize(
    "value",
    ["!!python/object:os.system x", "!!int abc", ".nan", "-.inf", "!!binary aGk=", "9" * 30, "1" * 5000, "!x y"],
)
def test_values_that_are_no_plain_data_are_noted_and_the_rest_is_read(value):
    source = read_text(f"a: {value}\nb: 2\n")
    assert source.data == {"a": None, "b": 2}
    assert [problem.where for problem in source.problems] == ["spec:1:4"]


@pytest.mark.parametrize("text", ["1: a", "[a]: b", "null: x", "true: y", "a: 1\na: 2"])
def test_keys_must_be_text_and_given_once(text):
    assert read_text(text).problems


def test_places_are_those_of_keys_and_values():
    source = read_text("data:\n  table: x.csv\n  missing: [a, b]\n", "f")
    assert source.key_place(("data", "table")) == "f:2:3"
    assert source.value_place(("data", "table")) == "f:2:10"
    assert source.value_place(("data", "missing", 1)) == "f:3:16"
    assert source.value_place(("data", "table", "nothing")) == "f:2:10"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("no", "no"),
        ("2020-01-01", "2020-01-01"),
        ("~", None),
        ("0o17", 15),
        ("[a, 1]", ["a", 1]),
        ("", None),
    ],
)
def test_single_values(text, value):
    assert read_value(text, "--set x") == value


def test_json_is_read_as_json(tmp_path):
    data = {"a": "\U0001f600 é\t/", "b": [1, 2.5, True, None], "c": {"d": ""}}
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(data, indent="\t").replace("/", "\\/"))
    assert read_file(path).data == data


def test_what_is_no_plain_file_is_never_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "", "nothing.yaml", "\x00"):
        with pytest.raises(SpecError):
            read_file(tmp_path / name)
