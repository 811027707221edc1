"""Verbs around tables: what they print, write and refuse."""

import json

import pytest

from polymodal.spec import load


def test_the_data_sets_are_listed(call):
    entries = {entry["name"]: entry for entry in call("data", "list", "--json").document["sets"]}
    assert entries["glyphs"]["there"] is True
    assert entries["womens_clothing"]["licence"]
    assert "glyphs" in call("data", "list").out


def test_a_set_that_is_not_there_names_its_origin(call, monkeypatch, tmp_path):
    monkeypatch.setenv("POLYMODAL_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("polymodal.data.sets.base.DataSet.get", lambda known: known.find())
    answer = call("data", "get", "ad_csf", "--json")
    assert answer.code == 4
    assert "modeldata" in answer.document["error"]["expected"]


def test_get_may_write_a_spec_that_learns_from_the_set(call, monkeypatch, tmp_path):
    described = {
        "data": {"table": "a.csv"},
        "modalities": {"labs": {"type": "table", "columns": ["age"]}},
        "tasks": {"sick": {"type": "binary", "target": "sick"}},
    }
    monkeypatch.setattr("polymodal.data.sets.base.DataSet.get", lambda known: tmp_path)
    monkeypatch.setattr("polymodal.data.sets.base.DataSet.spec", lambda known: described)
    answer = call("data", "get", "ad_csf", "--out", "new/spec.yaml", "--json")
    assert answer.document["spec"] == "new/spec.yaml"
    assert load(tmp_path / "new" / "spec.yaml").to_dict() == described


def test_init_writes_a_spec_that_validates_with_a_reason_for_each_choice(call, spec_file):
    answer = call("init", "cohort.csv", "--target", "sick", "--out", "specs/new.yaml", "--seed", 5)
    assert answer.code == 0, answer.err
    text = (spec_file.parent / "specs" / "new.yaml").read_text()
    assert "# two values" in text
    spec = load(spec_file.parent / "specs" / "new.yaml")
    assert (spec.data.table, spec.build().settings.seed) == ("../cohort.csv", 5)
    assert call("validate", "specs/new.yaml").code == 0
    again = call("init", "cohort.csv", "--out", "specs/new.yaml")
    assert again.code == 2
    assert (spec_file.parent / "specs" / "new.yaml").read_text() == text


def test_init_prints_the_spec_unless_told_where_to_write(call, spec_file):
    (spec_file.parent / "printed.yaml").write_text(call("init", "cohort.csv", "--target", "sick").out)
    document = call("init", "cohort.csv", "--target", "sick", "--json").document
    assert load(spec_file.parent / "printed.yaml").to_dict() == document["spec"]
    assert any("sick" in key for key in document["reasons"])


def test_validate_tells_rows_and_warnings(call, spec_file):
    document = call("validate", spec_file, "--json").document
    assert document["valid"] is True
    assert sum(document["rows"].values()) == 60
    assert all(finding["severity"] == "warning" for finding in document["findings"])
    assert "valid:" in call("validate", spec_file).out


def test_validate_closes_the_gate_on_a_leak_unless_it_is_allowed(call, spec_file):
    leak = ["--set", "modalities.labs.columns=[age, sick]"]
    answer = call("validate", spec_file, "--json", *leak)
    assert answer.code == 8
    assert answer.document["error"]["code"] == "target-among-inputs"
    assert call("validate", spec_file, *leak, "--set", "data.allow=[target-among-inputs]").code == 0


def test_validate_asks_the_target_too(call, spec_file):
    other = ["--set", "tasks.sick.target=dose", "--set", "modalities.labs.columns=[age]"]
    answer = call("validate", spec_file, "--json", *other)
    assert answer.code == 4
    assert "dose" in answer.document["error"]["where"]


@pytest.mark.parametrize("suffix", ["yaml", "json"])
def test_a_spec_may_be_json(suffix, call, spec_file):
    path = spec_file.parent / f"other.{suffix}"
    path.write_text(json.dumps(load(spec_file).to_dict(), indent="\t" if suffix == "json" else 1))
    assert call("validate", path).code == 0
