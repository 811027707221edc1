"""A family of questions: what is read and refused, what new members are told, how far heads come from descriptions."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from polymodal.core import DataError, SpecError
from polymodal.data.base import DataTable
from polymodal.run import Fitted, evaluate, fit, open_run, predict
from polymodal.run.fitting import read_samples
from polymodal.spec import Spec
from polymodal.tasks import Family
from polymodal.testing import fake_representation
from polymodal.training.predicting import outputs
from tests.tasks.planted import FACTS, NUMBERS, planted

NUMBERS_OF = {name: {"type": "table", "columns": [f"{name}{k}" for k in range(count)]}
              for name, count in (("x", NUMBERS), ("f", FACTS))}  # fmt: skip


def spec(folder: Path, **task: object) -> Spec:
    return Spec.from_dict(
        {
            "version": 1,
            "data": {"table": "family.csv", "split": {"column": "part", "test": ["test"]}},
            "modalities": {"thing": NUMBERS_OF["x"], "facts": NUMBERS_OF["f"]},
            "tasks": {"y": {"type": "family", "target": "y", "member": "question", "described": ["facts"]} | task},
            "model": {"width": 32, "fusion": {"type": "late"}},
            "train": {"members": 1, "epochs": 6, "batch_size": 128, "lr": 2e-2, "seed": 0},
        },
        folder,
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on a planted family; questions and things of the test were never met."""
    folder = tmp_path_factory.mktemp("family")
    frame = planted().frame
    frame[frame["part"] != "own"].to_csv(folder / "family.csv", index=False)
    fit(spec(folder), folder / "run")
    return folder / "run"


def areas(frame: pd.DataFrame, told: np.ndarray) -> np.ndarray:
    parts = frame.assign(told=told).groupby("question")
    return np.array([roc_auc_score(part["y"], part["told"]) for _, part in parts])


def own_heads(fitted: Fitted, frame: pd.DataFrame) -> np.ndarray:
    """What heads of their own tell, which learned from 40 rows of each new question behind the same trunk."""
    samples = read_samples(DataTable(frame), fitted.model, targets=())
    model = fitted.model.members[0].eval()
    with torch.no_grad():
        seen = model.represent(samples.batch(np.arange(len(frame))).only({"thing"}))
    pooled, told = torch.where(seen.view_mask.unsqueeze(-1), seen.pooled, 0.0).flatten(1).numpy(), np.zeros(len(frame))
    for rows in frame.groupby("question").groups.values():
        taught, asked = (rows[frame.loc[rows, "part"] == part] for part in ("own", "test"))
        made = LogisticRegression().fit(pooled[taught], frame.loc[taught, "y"])
        told[asked] = made.decision_function(pooled[asked])
    return told[frame["part"] == "test"]


def test_on_a_planted_family_new_questions_are_answered_more_than_half_as_well_as_by_own_heads(run: Path) -> None:
    fitted, frame = open_run(run).fitted, planted().frame
    new = frame[frame["part"].isin(["own", "test"])].reset_index(drop=True)
    rows, test = fitted.split.test, new[new["part"] == "test"]
    hyper = outputs(fitted.model, fitted.samples, rows)["y"][:, 0].numpy()
    mean = outputs(fitted.model, fitted.samples, rows, lambda batch: batch.only({"thing"}))["y"][:, 0].numpy()
    scores = {"hyper": hyper, "mean": mean, "own": own_heads(fitted, new)}
    found = {name: areas(test, told).mean() for name, told in scores.items()}
    assert found["own"] > found["mean"] + 0.05
    assert (found["hyper"] - found["mean"]) / (found["own"] - found["mean"]) > 0.5, found


def test_a_run_tells_the_scores_of_each_member_and_who_has_too_few_rows(run: Path) -> None:
    told = json.loads((run / "metrics.json").read_text())["tasks"]["y"]
    assert told["headline"] == "auroc"
    assert told["members"].keys() == {f"q{place}" for place in range(30, 40)} - set(told["too_few_rows"])
    scores = [member["auroc"] for member in told["members"].values()]
    assert told["metrics"]["auroc"] == pytest.approx(np.mean(scores))
    low, high = told["intervals"]["auroc"]
    # The interval draws members: about the mean's standard error, whatever the rows of each.
    assert (high - low) / 4 == pytest.approx(np.std(scores) / len(scores) ** 0.5, rel=0.4)


def test_new_members_are_predicted_and_those_without_a_description_are_not_answered(run: Path, tmp_path: Path) -> None:
    frame = planted().frame.query("part == 'test'").drop(columns=["y", "question", "part"]).head(6)
    frame.loc[frame.index[[1, 4]], [f"f{place}" for place in range(FACTS)]] = np.nan
    frame.to_csv(tmp_path / "new.csv", index=False)
    told = predict(run, tmp_path / "new.csv", tmp_path / "out.csv")
    made = pd.read_csv(tmp_path / "out.csv")
    assert made["y.prediction"].isna().tolist() == [False, True, False, False, True, False]
    assert made["y.probability.yes"].isna().sum() == 2
    assert (told["refused"], told["unanswered"]) == (0, {"y": 2})


def test_rows_without_a_member_or_a_description_do_not_teach_and_are_not_judged(run: Path, tmp_path: Path) -> None:
    frame = planted().frame.query("part == 'test'").head(60).reset_index(drop=True)
    frame["y"] = frame["y"].astype(object)
    frame.loc[0, "question"] = None
    frame.loc[1, [f"f{place}" for place in range(FACTS)]] = np.nan
    frame.to_csv(tmp_path / "new.csv", index=False)
    told = evaluate(run, tmp_path / "new.csv")
    assert told["tasks"]["y"]["n"] == 58
    assert told["refused"] == 2
    assert "is not described: the row has nothing of facts" in json.dumps(told["reasons"])


def test_numbers_are_told_too_and_an_adapter_can_be_made(tmp_path: Path) -> None:
    frame = planted(questions=24, labels=False).frame
    frame[frame["part"] != "own"].to_csv(tmp_path / "family.csv", index=False)
    told = fit(spec(tmp_path, each="regression", adapter=4), tmp_path / "run")["tasks"]["y"]
    assert told["metrics"]["r2"] > 0.2
    assert told["classes"] == []


def test_a_member_has_one_number_wherever_it_is_read() -> None:
    family = Family("y", "question", ["facts"])
    table = DataTable(pd.DataFrame({"y": ["no", "yes", "no"], "question": ["q1", "q2", "q1"]}))
    family.reader.fit(table, np.arange(3))
    whole, last = family.reader.read(table), family.reader.read(table.take(np.array([1])))
    assert whole.values[0, 1] == whole.values[2, 1] != whole.values[1, 1] == last.values[0, 1]
    assert family.truth(torch.from_numpy(whole.values))["member"].tolist() == ["q1", "q2", "q1"]
    assert family.truth(torch.from_numpy(whole.values))["target"].tolist() == ["no", "yes", "no"]


def test_what_describes_is_hidden_from_the_rest_of_the_model_and_must_be_there(tmp_path: Path) -> None:
    assert Family("y", "question", ["facts"]).hides == ["facts"]
    with pytest.raises(SpecError, match="unknown-modality"):
        spec(tmp_path, described=["fact"]).build()
    with pytest.raises(SpecError, match="described") as caught:
        spec(tmp_path, described=["facts", "thing"]).build()
    assert (caught.value.code, caught.value.found) == ("nothing-to-see", "every modality describes, and none is asked")


def test_heads_start_near_the_prior(tmp_path: Path) -> None:
    family = Family("y", "question", ["seen"])
    table = DataTable(pd.DataFrame({"y": ["no"] * 30 + ["yes"] * 10, "question": ["q1", "q2"] * 20}))
    family.reader.fit(table, np.arange(40))
    head = family.head(3, 64, "product")
    made = head(fake_representation(200, 3, 64, "product"))
    assert made.mean().item() == pytest.approx(np.log(11 / 31), abs=0.3)
    assert 0.05 < made.std().item() < 1.5


def test_without_the_column_of_members_there_is_no_family() -> None:
    family = Family("y", "question", ["facts"])
    with pytest.raises(DataError, match="question"):
        family.reader.fit(DataTable(pd.DataFrame({"y": ["no", "yes"]})), np.arange(2))
