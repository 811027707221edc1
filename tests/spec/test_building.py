"""Checked options become parts; what a part refuses is told with its place in the spec."""

import pytest

from polymodal.core import PolymodalError, SpecError
from polymodal.spec import Spec
from polymodal.training import Settings

GOOD = """\
data: {table: t.csv}
modalities:
  labs: {type: table, columns: [a], rare: 4}
  note: {type: text, columns: [b]}
tasks:
  sick: {type: binary, target: sick, weight: 2}
model: {width: 16, fusion: {type: bottleneck, heads: 2}}
train: {lr: 0.01, balancer: {type: uncertainty}}
"""


def test_options_arrive_and_the_others_keep_their_defaults():
    parts = Spec.from_text(GOOD).build()
    assert (parts.modalities["labs"].rare, parts.modalities["note"].drop) == (4, 0.5)
    assert parts.tasks["sick"].weight == 2
    assert (type(parts.fusion).__name__, parts.width) == ("Bottleneck", 16)
    assert type(parts.balancer).__name__ == "Uncertainty"
    assert parts.settings == Settings(lr=0.01)


def test_each_build_is_fresh():
    spec = Spec.from_text(GOOD)
    assert spec.build().modalities["labs"] is not spec.build().modalities["labs"]


def test_what_a_part_refuses_is_told_with_its_place_and_together():
    text = GOOD.replace("columns: [b]", "columns: [b], encoder: pretrained").replace("width: 16", "width: 15")
    with pytest.raises(PolymodalError) as caught:
        Spec.from_text(text, name="s.yaml").build()
    found = [caught.value, *caught.value.also]
    assert {problem.code for problem in found} == {"no-pretrained-model", "cannot-build"}
    assert all(problem.where.startswith("s.yaml:") for problem in found)


def test_a_part_left_to_the_table_cannot_be_built():
    with pytest.raises(SpecError, match=r"modalities\.note: a type other than auto"):
        Spec.from_text(GOOD.replace("type: text, columns: [b]", "type: auto, columns: [b]")).build()


@pytest.mark.parametrize(
    ("task", "path"),
    [
        ("{type: retrieval, between: [labs, nte]}", "tasks.sick.between"),
        ("{type: answer, target: sick, question: nte}", "tasks.sick.question"),
        ("{type: caption, target: sick, hides: [nte]}", "tasks.sick.hides"),
    ],
)
def test_a_modality_that_a_task_speaks_of_is_there(task: str, path: str):
    text = GOOD.replace("{type: binary, target: sick, weight: 2}", task)
    with pytest.raises(SpecError, match="unknown-modality") as caught:
        Spec.from_text(text, name="s.yaml").build()
    assert f"({path})" in caught.value.where
    assert caught.value.where.startswith("s.yaml:6:")
    assert caught.value.remedy == 'did you mean "note"?'


def test_a_pair_of_co_attention_is_told_with_its_place():
    text = GOOD.replace("{type: bottleneck, heads: 2}", "{type: co_attention, pairs: [[labs, nte]]}")
    with pytest.raises(SpecError, match="unknown-modality") as caught:
        Spec.from_text(text, name="s.yaml").build()
    assert caught.value.where.startswith("s.yaml:7:")
