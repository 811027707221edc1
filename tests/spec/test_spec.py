"""A spec says what it was given, tells all its mistakes at once, and builds what it describes."""

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings

from polymodal.core import PolymodalError, SpecError, UsageProblem
from polymodal.spec import Spec, load
from tests.spec.examples import GOOD, SPECS


@settings(max_examples=30, deadline=None)
@given(SPECS)
def test_yaml_and_json_give_the_same_spec_back(data):
    spec = Spec.from_dict(data)
    assert Spec.from_text(spec.to_yaml()) == spec
    assert Spec.from_text(json.dumps(data)) == spec
    assert Spec.from_dict(spec.to_dict()) == spec


def test_a_resolved_spec_says_every_default_and_resolves_to_itself():
    resolved = Spec.from_dict(GOOD).resolved()
    assert resolved.to_dict()["modalities"]["labs"]["encoder"] == "auto"
    assert resolved.resolved() == resolved == Spec.from_text(resolved.to_yaml())


def test_all_mistakes_are_told_at_once_with_line_and_column(tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_text(
        "data: {table: a.csv, splot: 1}\n"
        "modalities:\n"
        "  labs: {type: table, columns: age}\n"
        "  keys: {type: tabel}\n"
        "tasks:\n"
        "  sick: {type: binary, target: 3}\n"
        "  sick: {type: binary, target: sick}\n"
        "  grade: {type: ordinal}\n"
        "train: {lr: fast, epocks: 3}\n"
    )
    with pytest.raises(SpecError) as caught:
        load(path)
    problems = [caught.value, *caught.value.also]
    told = {(problem.where.removeprefix(f"{path}:"), problem.code): problem for problem in problems}
    assert list(told) == [
        ("1:22", "unknown-key"),
        ("3:32", "wrong-value"),
        ("4:3", "bad-name"),
        ("4:16", "unknown-type"),
        ("6:32", "wrong-value"),
        ("7:3", "repeated-key"),
        ("8:10", "missing-key"),
        ("9:13", "wrong-value"),
        ("9:19", "unknown-key"),
    ]
    assert told["4:16", "unknown-type"].remedy == 'did you mean "table"?'
    assert told["1:22", "unknown-key"].remedy == 'did you mean "split"?'
    assert told["3:32", "wrong-value"].remedy == "write [age]"
    assert told["6:32", "wrong-value"].remedy == 'put it in quotes: "3"'


def test_numbers_and_words_are_read_as_yaml_1_2_says():
    text = Spec.from_dict(GOOD).to_yaml() + "train: {lr: 1e-3}\n"
    assert Spec.from_text(text).build().settings.lr == pytest.approx(0.001)
    with pytest.raises(SpecError, match='the text "no"'):
        Spec.from_text("version: no\n" + text.replace("version: 1\n", ""))


def test_set_wins_over_the_file_and_is_checked_like_it():
    spec = Spec.from_dict(GOOD).override("train.lr=3e-4", "data.split.seed=7", "model.fusion={type: early}")
    assert (spec.build().settings.lr, spec.data.split.seed, spec.data.split.test) == (3e-4, 7, 0.2)
    assert type(spec.build().fusion).__name__ == "Early"
    with pytest.raises(SpecError, match=r"--set train\.lrr: unknown-key"):
        spec.override("train.lrr=1")
    with pytest.raises(SpecError, match="a plain value"):
        spec.override("version.x=1")
    with pytest.raises(UsageProblem):
        spec.override("train.lr")


def test_patterns_take_columns_but_not_the_target():
    spec = Spec.from_dict(GOOD | {"modalities": {"labs": {"type": "table", "columns": ["*"]}}})
    assert spec.expanded(["age", "sex", "diagnosis"]).modalities["labs"]["columns"] == ["age", "sex"]
    with pytest.raises(PolymodalError, match="unknown-column"):
        Spec.from_dict(GOOD).expanded(["age", "diagnosis"])


@pytest.mark.parametrize("name", ["keys", "train", "a b", "1st", "class", "_x", "forward", "", "a.b"])
def test_names_that_a_network_cannot_hold_are_refused(name):
    data = copy.deepcopy(GOOD)
    data["modalities"] = {name: data["modalities"]["labs"]}
    with pytest.raises(SpecError, match="bad-name"):
        Spec.from_dict(data)


def test_a_width_that_does_not_fit_the_fusion_is_told_before_data_are_read():
    with pytest.raises(SpecError, match="cannot-build"):
        Spec.from_dict(GOOD | {"model": {"width": 63, "fusion": {"type": "bottleneck", "heads": 4}}}).build()


def test_what_changed_since_an_earlier_spec_is_named_by_path():
    spec = Spec.from_dict(GOOD)
    assert spec.changes(spec) == []
    assert spec.override("train.lr=0.5").changes(spec) == ["train.lr: 0.5, was nothing"]
    before = spec.override("train.lr=0.5", "modalities.labs.rare=3")
    assert sorted(spec.changes(before)) == ["modalities.labs.rare: nothing, was 3", "train.lr: nothing, was 0.5"]


def test_an_automatic_part_has_to_be_settled_first():
    spec = Spec.from_dict(GOOD | {"tasks": {"sick": {"type": "auto", "target": "sick"}}})
    assert spec.automatic == ["tasks.sick"]
    with pytest.raises(SpecError, match="cannot-build"):
        spec.build()


@pytest.mark.parametrize("value", [float("nan"), object(), {1: 2}, 2**80, "\ud800"])
def test_what_no_file_could_hold_is_refused_from_python_too(value):
    with pytest.raises(SpecError):
        Spec.from_dict(GOOD | {"train": {"lr": value}})


def test_the_schema_names_every_section_and_documents_options():
    schema = Spec.schema()
    assert schema["$schema"].endswith("2020-12/schema")
    assert set(schema["properties"]) == {"version", "data", "modalities", "tasks", "objectives", "model", "train"}
    assert "rare" in schema["$defs"]["Table"]["properties"]
    assert "highest learning rate" in schema["$defs"]["Train"]["properties"]["lr"]["description"]
    json.dumps(schema)


@pytest.mark.parametrize(
    ("tasks", "objectives", "contrasts"),
    [
        ({"find": {"type": "retrieval", "between": ["a", "b"]}}, {}, True),
        ({"kind": {"type": "binary", "target": "kind"}}, {"align": {"type": "contrastive"}}, False),
        ({}, {"align": {"type": "contrastive"}}, True),
        ({}, {"hide": {"type": "masked"}}, False),
        ({"kind": {"type": "binary", "target": "kind"}}, {}, False),
    ],
)
def test_what_only_tells_rows_apart_contrasts(tasks: Any, objectives: Any, contrasts: bool) -> None:
    table = {"type": "table", "columns": ["x"]}
    plain = {"data": {"table": "t.csv"}, "modalities": {"a": table, "b": {"type": "table", "columns": ["y"]}}}
    kept = tasks or {"kind": {"type": "binary", "target": "kind"}}
    parts = Spec.from_dict({**plain, "tasks": kept, "objectives": objectives}).build()
    assert replace(parts, tasks=parts.tasks if tasks else {}).contrasts == contrasts
