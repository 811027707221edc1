import numpy as np
import pandas as pd
import pytest

from polymodal.core import DataError
from polymodal.data.questions import guess_target, question_of, words_of
from polymodal.data.tables import from_frame

GENERATOR = np.random.default_rng(0)
CASES = [
    ("y", ["a", "b"] * 20, "binary"), ("y", [1, 2] * 20, "binary"), ("y", ["yes", "no", "NA"] * 10, "binary"),
    ("y", [0, 1, None] * 10, "binary"), ("colour", ["red", "blue", "green"] * 10, "multiclass"),
    ("rating", [1, 2, 3, 4, 5] * 10, "ordinal"), ("class", [0, 1, 2] * 10, "multiclass"),
    ("digit_class", list(range(26)) * 4, "multiclass"),
    ("price", GENERATOR.normal(size=40), "regression"),
    ("visits", GENERATOR.integers(0, 500, 60), "regression"),
    ("dose", ["1,5", "2,25", "3,5", "4,75"] * 9, "regression"),
    ("severity", ["mild", "severe", "moderate"] * 10, "ordinal"),
    ("stage", ["Stage 1", "Stage 3", "Stage 2"] * 9, "ordinal"),
    ("tags", ["a;b", "b;c", "a", "a;c", "c;b;a"] * 8, "multilabel"), ("x", ["M0", "M1", "K2"] * 9, "multiclass"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "values", "kind"), CASES)
def test_the_type_of_a_task_follows_from_its_target(name, values, kind):
    question = question_of(from_frame(pd.DataFrame({name: values})), name)
    assert question.task["type"] == kind
    assert question.task["target"] == name
    assert question.reason


def test_grades_are_put_in_order():
    table = from_frame(pd.DataFrame({"pain": ["Severe", "None", "Mild", "Moderate"] * 5}))
    assert question_of(table, "pain").task["order"] == ["None", "Mild", "Moderate", "Severe"]


def test_words_for_missing_are_told():
    table = from_frame(pd.DataFrame({"y": ["1", "0", "NA", "1"] * 10}))
    assert question_of(table, "y").marks == ("NA",)


@pytest.mark.parametrize(
    ("values", "code"),
    [(["x"] * 9, "one-class"), ([None] * 9, "one-class"), ([f"{place}.png" for place in range(9)], "no-task"),
     (pd.date_range("2020", periods=9), "no-task"),
     ([f"a long and lovely text {place}" for place in range(30)], "no-task"),
     ([f"id{place}" for place in range(30)], "no-task")],
)  # fmt: skip
def test_what_cannot_be_predicted_is_refused(values, code):
    with pytest.raises(DataError) as refused:
        question_of(from_frame(pd.DataFrame({"y": values})), "y")
    assert refused.value.code == code


def test_a_target_is_guessed_by_name_or_place():
    frame = pd.DataFrame(
        {"label": [0, 1] * 9, "b": [1.5, 2.5, 3.5] * 6, "note": [f"text {place}" for place in range(18)]}
    )
    assert guess_target(from_frame(frame))[0] == "label"
    assert guess_target(from_frame(frame.rename(columns={"label": "diagnosis_2020"})))[0] == "diagnosis_2020"
    assert guess_target(from_frame(frame.rename(columns={"label": "a"})))[0] == "b"
    with pytest.raises(DataError, match="one-class"):
        guess_target(from_frame(frame.assign(label=1)))
    with pytest.raises(DataError, match="no-target"):
        guess_target(from_frame(frame[["note"]]))


def test_words_of_a_name():
    assert words_of("patientID_2 (kg)") == ["patient", "id", "2", "kg"]
