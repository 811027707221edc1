"""What is set from outside stands where it was set, is read as YAML, and nothing beside it changes."""

import copy
import json
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polymodal.core import PolymodalError, SpecError, UsageProblem
from polymodal.spec import Spec
from polymodal.spec.overrides import override
from polymodal.spec.plain import plain_source
from polymodal.spec.reading import read_text
from polymodal.spec.source import Source, dotted
from tests.spec.examples import GOOD

FILE = "data:\n  table: a.csv\n  missing: [x, y]\ntrain:\n  lr: 0.1\n  epochs: 3\n"
STEPS = st.lists(st.from_regex(r"[a-z]{1,3}", fullmatch=True), min_size=1, max_size=4)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(-1e9, 1e9) | st.text(string.printable[:95]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3),
    max_leaves=5,
)


def good() -> Source:
    return plain_source(copy.deepcopy(GOOD), "spec")


def leaves(data: Any, path: tuple[str | int, ...] = ()) -> dict[tuple[str | int, ...], Any]:
    """Every plain value, by its path."""
    if not isinstance(data, (dict, list)):
        return {path: data}
    inside = data.items() if isinstance(data, dict) else enumerate(data)
    return {place: value for key, item in inside for place, value in leaves(item, (*path, key)).items()}


@given(STEPS, PLAIN)
def test_what_is_set_is_what_is_there_and_nothing_else_changes(steps: list[str], value: Any) -> None:
    before = good()
    after = override(before, [f"{dotted(tuple(steps))}={json.dumps(value)}"])
    assert after.get(tuple(steps)) == value
    assert before.data == GOOD
    rest = {path: left for path, left in leaves(after.data).items() if path[: len(steps)] != tuple(steps)}
    assert rest == leaves(GOOD)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3e-4", 3e-4),
        ("no", "no"),
        ("true", True),
        ("12", 12),
        ('"12"', "12"),
        ("", None),
        ("[a, 1]", ["a", 1]),
        ("{type: early}", {"type": "early"}),
        ("a=b=c", "a=b=c"),
        ("2020-01-01", "2020-01-01"),
    ],
)
def test_values_are_read_as_in_a_file(text: str, value: Any) -> None:
    assert override(good(), [f"train.x={text}"]).get(("train", "x")) == value


def test_the_last_one_wins_and_a_whole_takes_its_parts_along() -> None:
    source = override(good(), ["train.lr=1", "train.lr=2", " train . epochs =7"])
    assert source.data["train"] == {"lr": 2, "epochs": 7}
    source = override(source, ["train={lr: 3}", "data.split.seed=7"])
    assert source.data["train"] == {"lr": 3}
    assert source.data["data"]["split"] == {"test": 0.2, "seed": 7}


def test_items_of_lists_are_set_by_their_number() -> None:
    source = override(good(), ["modalities.labs.columns.1=weight"])
    assert source.data["modalities"]["labs"]["columns"] == ["age", "weight"]
    deep = override(plain_source({"join": [{"table": "a"}, {"table": "b"}]}, "spec"), ["join.1.on=id"])
    assert deep.data == {"join": [{"table": "a"}, {"table": "b", "on": "id"}]}


def test_a_number_is_a_key_where_there_are_keys() -> None:
    assert override(plain_source({"a": {"1": "x"}}, "spec"), ["a.1=y"]).data == {"a": {"1": "y"}}


def test_places_lead_to_the_assignment_and_elsewhere_to_the_file() -> None:
    source = override(read_text(FILE, "f"), ["train.lr=0.5", "data.missing=[z]", "model.fusion.layers=3"])
    assert source.value_place(("train", "lr")) == "--set train.lr"
    assert source.key_place(("train", "epochs")) == "f:6:3"
    assert source.key_place(("train",)) == "f:4:1"
    assert source.value_place(("data", "table")) == "f:2:10"
    assert source.value_place(("data", "missing", 0)) == "--set data.missing"
    assert source.key_place(("model",)) == "--set model.fusion.layers"
    assert source.value_place(("model", "fusion", "layers")) == "--set model.fusion.layers"


def test_what_was_wrong_with_the_file_is_not_forgotten() -> None:
    source = read_text("a: .nan\nb: 1\n", "f")
    assert [problem.where for problem in override(source, ["b=2"]).problems] == ["f:1:4"]


@pytest.mark.parametrize("assignment", ["", "=", "=1", "train.lr", "a..b=1", ".a=1", "a.=1", " =1", "x" * 5000])
def test_what_is_no_assignment_is_a_mistake_of_the_call(assignment: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        override(good(), ["train.lr=1", assignment])
    assert caught.value.code == "bad-assignment"
    assert caught.value.where.startswith(f"--set {assignment}"[:100])
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("assignment", "found", "remedy"),
    [
        ("version.x=1", "a plain value", "set version as a whole"),
        ("data.table.x.y=1", "a plain value", "set data.table as a whole"),
        ("modalities.labs.columns.2=x", "a list without that item", "set modalities.labs.columns as a whole"),
        ("modalities.labs.columns.-1=x", "a list without that item", "set modalities.labs.columns as a whole"),
        ("modalities.labs.columns.age=x", "a list without that item", "set modalities.labs.columns as a whole"),
        ("modalities.labs.columns.0.x=1", "a plain value", "set modalities.labs.columns.0 as a whole"),
    ],
)
def test_nothing_can_be_set_inside_a_plain_value_or_past_a_list(assignment: str, found: str, remedy: str) -> None:
    with pytest.raises(SpecError) as caught:
        override(good(), [assignment])
    assert caught.value.where == f"--set {assignment.partition('=')[0]}"
    assert (caught.value.code, caught.value.found, caught.value.remedy) == ("bad-assignment", found, remedy)


@pytest.mark.parametrize("text", ["[", "{a: 1, a: 2}", ".nan", "!!python/object:os.system x", "\x00", "9" * 30, "*x"])
def test_a_value_that_is_no_plain_data_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(SpecError) as caught:
        override(good(), [f"train.lr={text}"])
    assert caught.value.where.startswith("--set train.lr")


@given(st.lists(st.text(string.printable + "äß€", max_size=12), max_size=3))
def test_whatever_is_typed_is_set_or_refused_with_a_place(assignments: list[str]) -> None:
    told = None
    try:
        source = override(good(), assignments)
    except PolymodalError as problem:
        told = problem
    if told is not None:
        assert told.exit_code in (2, 3)
        assert told.where.startswith("--set ")
    else:
        untouched = [name for name in GOOD if not any(name in assignment for assignment in assignments)]
        assert all(source.data[name] == GOOD[name] for name in untouched)


@pytest.mark.parametrize("name", ["data.²", "data." + "9" * 5000, ".".join("a" * 20_000)])
def test_keys_that_are_no_numbers_and_keys_too_deep_are_problems_with_a_remedy(name: str) -> None:
    with pytest.raises(PolymodalError) as caught:
        Spec.from_dict(GOOD).override(f"{name}=1").build()
    assert caught.value.exit_code in (2, 3)
