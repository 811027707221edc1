"""Answers are written in the user's own words."""

import numpy as np

from polymodal.run.judging import decoded_columns, written
from polymodal.tasks.base import Decoded


def test_several_labels_stand_side_by_side():
    held = np.array([[True, False, True], [False, False, False], [False, True, False]])
    assert written(held, ["pain", "rash", "fever"]).tolist() == ["pain;fever", "", "rash"]
    assert written(held[:0], ["pain", "rash", "fever"]).tolist() == []


def test_labels_and_numbers_stay_as_they_are():
    assert written(np.array(["no", "yes"], dtype=object), ["no", "yes"]).tolist() == ["no", "yes"]
    assert written(np.array([0.5]), ()).tolist() == [0.5]


def test_each_class_has_a_column_of_probabilities():
    decoded = Decoded(np.array(["b"], dtype=object), np.array([[0.25, 0.75]]), ["a", "b"])
    made = decoded_columns("task", decoded)
    assert list(made) == ["task.prediction", "task.probability.a", "task.probability.b"]
    assert made["task.probability.b"].tolist() == [0.75]
    assert list(decoded_columns("task", Decoded(np.array([1.0])))) == ["task.prediction"]
