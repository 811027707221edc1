import pytest

from polymodal.core import DataError
from polymodal.data import Roles, examine, inseparable, make_split, propose, read_table, strata_of
from polymodal.data.splits import SplitPlan
from tests.data.messy import MESSY, Messy


@pytest.mark.parametrize("messy", MESSY, ids=lambda messy: messy.name)
def test_a_messy_table_gives_a_spec_without_errors_or_a_clear_refusal(messy: Messy, tmp_path):
    path = tmp_path / messy.write(tmp_path)
    if messy.refused is not None:
        with pytest.raises(DataError) as refused:
            propose(read_table(path), messy.targets)
        assert refused.value.code == messy.refused
        assert str(path) in refused.value.where
        return
    spec = propose(read_table(path), messy.targets)
    assert tuple(task["type"] for task in spec["tasks"].values()) == messy.types
    data = spec["data"]
    table = read_table(path, missing=data.get("missing", ("",)))
    inputs = {name: part.get("columns", [part.get("column")]) for name, part in spec["modalities"].items()}
    targets = {name: part["target"] for name, part in spec["tasks"].items()}
    roles = Roles(inputs, targets, data.get("id"), data.get("group"))
    strata = strata_of(table, list(targets.values()))
    split = make_split(table, SplitPlan(), roles.group, inseparable(table, roles), strata)
    assert min(len(split.train), len(split.validation), len(split.test)) >= 1
    found = examine(table, roles, split)
    assert [finding for finding in found if finding.severity == "error"] == []


def proposed(name: str, folder) -> dict:
    messy = next(one for one in MESSY if one.name == name)
    return propose(read_table(folder / messy.write(folder)), messy.targets)


def test_dates_written_four_ways_are_one_column_of_dates(tmp_path):
    spec = proposed("mixed dates", tmp_path)
    assert spec["modalities"]["table"]["columns"] == ["visit", "value"]
    assert "date" in spec["reasons"]["modalities.table"]


def test_ids_are_named_and_kept_out_of_the_inputs(tmp_path):
    spec = proposed("ids as floats", tmp_path)
    assert spec["data"]["id"] == "patient_id"
    assert spec["modalities"]["table"]["columns"] == ["marker"]


def test_words_for_missing_are_declared_with_a_reason(tmp_path):
    spec = proposed("mixed types in a column", tmp_path)
    assert spec["data"]["missing"] == ["", "NA", "unknown"]
    assert spec["reasons"]["data.missing"]


def test_what_says_nothing_or_too_much_is_left_out_and_named(tmp_path):
    spec = proposed("a column without any value", tmp_path)
    assert spec["modalities"]["table"]["columns"] == ["value"]
    assert '"empty"' in spec["reasons"]["modalities"]
    assert '"constant"' in spec["reasons"]["modalities"]
    spec = proposed("a copy of the target, an unnamed index", tmp_path)
    assert spec["modalities"]["table"]["columns"] == ["value"]
    assert "group name" in spec["reasons"]["modalities"]


def test_the_encoding_that_was_guessed_is_told(tmp_path):
    spec = proposed("latin-1", tmp_path)
    assert "cp1252" in spec["reasons"]["data.table"]
    assert spec["modalities"]["text"]["columns"] == ["Bemerkung über die Größe"]


def test_every_part_has_its_reason(tmp_path):
    for messy in MESSY:
        if messy.refused is None:
            spec = proposed(messy.name, tmp_path)
            for section in ("modalities", "tasks"):
                assert all(spec["reasons"][f"{section}.{name}"] for name in spec[section])
