"""Answers are written in the user's own words."""

import numpy as np
import pandas as pd

from polymodal.data.sections import read_section
from polymodal.modalities import Tissue
from polymodal.run import fit
from polymodal.run.judging import decoded_columns, written
from polymodal.spec import Spec
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


def test_labels_of_tokens_are_written_as_targets_are():
    told = np.empty(3, dtype=object)
    told[:] = [["L1", None, "WM"], [], ["L2"]]
    assert written(told, ["L1", "L2", "WM"]).tolist() == ["L1;;WM", "", "L2"]


SPEC = """
data: {table: slides.csv, files: ., id: slide, split: {column: part, validation: [validation], test: [test]}}
modalities: {section: {type: tissue, column: file, directions: 4}}
tasks: {layer: {type: token_labels, target: layers, of: section}}
model: {width: 8}
train: {epochs: 2, members: 1, seed: 0}
"""


def test_a_run_with_labels_of_spots(tmp_path):
    rows = [row for seed in (0, 1) for row in Tissue("file").example(6, seed).frame["file"].dropna()]
    frame = pd.DataFrame({"slide": [f"s{place}" for place in range(len(rows))], "part": "train"})
    frame.loc[frame.index[-4:], "part"] = ["validation", "validation", "test", "test"]
    frame["file"], labels = frame["slide"] + ".h5ad", []
    for name, content in zip(frame["file"], rows, strict=True):
        (tmp_path / name).write_bytes(content)
        spots = len(read_section(content).barcodes)
        labels.append(";".join(["upper"] * (spots // 2) + ["lower"] * (spots - spots // 2)))
    labels[0] += ";lower"  # one label too many
    frame.assign(layers=labels).to_csv(tmp_path / "slides.csv", index=False)
    told_of = fit(Spec.from_text(SPEC, tmp_path), tmp_path / "run")
    told = pd.read_parquet(tmp_path / "run" / "predictions.parquet")
    tested = frame.index[frame["part"] == "test"]
    assert told["layer.target"].tolist() == [labels[row] for row in tested]
    assert [len(each.split(";")) for each in told["layer.prediction"]] == [
        len(labels[row].split(";")) for row in tested
    ]
    ledger = (tmp_path / "run" / "errors.jsonl").read_text().splitlines()
    assert len([line for line in ledger if "labels for the" in line]) == 1
    task = told_of["tasks"]["layer"]
    assert task["n"] == 2
    assert 0 <= task["metrics"]["token_accuracy"] <= 1
