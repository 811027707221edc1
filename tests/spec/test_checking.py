"""Every problem of a spec is told at once, in the order of the file, each with what to do."""

import pytest

from polymodal.core import SpecError
from polymodal.spec import Spec

GOOD = """\
data: {table: t.csv}
modalities:
  labs: {type: table, columns: [a]}
tasks:
  sick: {type: binary, target: sick}
"""


def problems(text: str) -> SpecError:
    with pytest.raises(SpecError) as caught:
        Spec.from_text(text, name="s.yaml")
    return caught.value


def test_problems_come_together_and_in_order():
    text = GOOD.replace("[a]", "3").replace("type: binary", "type: binery") + "train: {lr: fast}\nmodle: {width: 8}\n"
    told = problems(text)
    found = [told, *told.also]
    assert [problem.code for problem in found] == ["wrong-value", "unknown-type", "wrong-value", "unknown-key"]
    assert [problem.where.split(":")[1] for problem in found] == ["3", "5", "6", "7"]


@pytest.mark.parametrize(
    ("before", "after", "code", "words"),
    [
        ("columns: [a]", "columns: a", "wrong-value", "write [a]"),
        ("columns: [a]", "columns: [1]", "wrong-value", 'put it in quotes: "1"'),
        ("columns: [a]", "column: [a]", "unknown-key", 'did you mean "columns"'),
        ("type: binary", "type: Binary", "unknown-type", 'did you mean "binary"'),
        (", target: sick", "", "missing-key", "add target"),
        ("{table: t.csv}", "{table: t.csv, fusion: {type: early}}", "unknown-key", "did you mean model.fusion"),
        ("{table: t.csv}", "{table: t.csv, split: {test: 20}}", "wrong-value", "change it"),
        ("{table: t.csv}", "{table: t.csv, allow: [target-among-input]}", "wrong-value", "change it"),
        ("type: binary", "type: binary, weight: '3'", "wrong-value", "write 3 without quotes"),
        ("type: binary", "type: binary, weight: -1", "wrong-value", "1.0 is the default"),
        ("  labs:", "  my labs:", "bad-name", "rename it"),
        ("  labs:", "  forward:", "bad-name", "my_forward"),
        ("{type: binary, target: sick}", "binary", "wrong-value", "write {type: binary}"),
        ("tasks:", "model: {fusion: early}\ntasks:", "wrong-value", "write {type: early}"),
        ("table: t.csv", "table: t.csv, bad_rows: drop", "wrong-value", "'mask' is the default"),
    ],
)
def test_a_remedy_is_told(before: str, after: str, code: str, words: str):
    told = problems(GOOD.replace(before, after))
    assert code in {problem.code for problem in (told, *told.also)}
    assert words in str(told)


def test_whole_sections_are_missed_by_name():
    told = problems("data: {table: t.csv}\n")
    assert {problem.expected for problem in (told, *told.also)} == {'the key "modalities"', 'the key "tasks"'}


TABLES = """\
data: {tables: {a: {table: a.csv}, b: {table: b.csv}}}
modalities:
  labs: {type: table, columns: [a]}
tasks:
  sick: {type: binary, target: sick, from: a}
  dose: {type: regression, target: dose, from: b}
"""


def test_several_tables_are_a_spec_and_go_through_its_defaults():
    spec = Spec.from_text(TABLES)
    assert spec.asked_of == {"sick": "a", "dose": "b"}
    assert [path.name for path in spec.tables] == ["a.csv", "b.csv"]
    assert spec.resolved().tasks["dose"]["from"] == "b"
    assert Spec.from_text(spec.resolved().to_yaml()).resolved() == spec.resolved()


@pytest.mark.parametrize(
    ("old", "new", "code", "remedy"),
    [
        ("from: b", "from: bb", "unknown-table", 'did you mean "b"'),
        ("target: dose", "target: sick", "shared-answers", "data.tables.b.rename"),
        ("{tables:", "{table: c.csv, tables:", "wrong-value", "change it"),
        ("from: a", "form: a", "unknown-key", 'did you mean "from"'),
        ("{table: a.csv}", "{table: a.csv, times: 0}", "wrong-value", "1.0 is the default"),
    ],
)
def test_tables_and_tasks_that_do_not_fit_are_told(old, new, code, remedy):
    told = problems(TABLES.replace(old, new))
    assert told.code == code
    assert remedy in told.remedy


def test_a_table_is_named_when_there_is_one_only():
    assert problems(GOOD.replace("binary,", "binary, from: a,")).code == "unknown-table"
    assert problems(GOOD.replace("{table: t.csv}", "{id: a}")).code == "wrong-value"
