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
