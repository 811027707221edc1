"""A run that asks how soon: two columns of outcome, from the table to the report, with a modality gone too."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from polymodal import run
from polymodal.core import DataError, GateError
from polymodal.evaluation import judge_run
from polymodal.report import build_report
from polymodal.spec import Spec
from tests.tasks.followed import followed

ROWS = 160


def cohort(folder: Path) -> Path:
    """Two modalities, each of which tells a part; some rows have no outcome, some one that cannot be."""
    truth, features = followed(ROWS)
    frame = pd.DataFrame(features, columns=["a", "b", "c"]).round(3)
    frame["months"], frame["died"] = truth["time"].round(3), np.where(truth["event"], "yes", "no")
    frame.loc[::9, "a"] = None
    frame.loc[3, ["months", "died"]] = None
    frame.loc[4, "months"] = -2.0
    frame.to_csv(folder / "cohort.csv", index=False)
    return folder


def spec(folder: Path, *assignments: str, loss: str = "cox") -> Spec:
    plain = {
        "data": {"table": "cohort.csv", "split": {"test": 0.4}},
        "modalities": {"one": {"type": "table", "columns": ["a"]}, "rest": {"type": "table", "columns": ["b", "c"]}},
        "tasks": {"os": {"type": "survival", "time": "months", "event": "died", "loss": loss, "at": [0.5, 1]}},
        "train": {"epochs": 12, "members": 1, "lr": 1e-2},
    }
    return Spec.from_dict(plain, folder).override(*assignments)


@pytest.mark.parametrize("loss", ["cox", "discrete"])
def test_from_the_table_to_the_report(tmp_path: Path, loss: str):
    folder = cohort(tmp_path)
    told = run.fit(spec(folder, loss=loss), folder / "run")["tasks"]["os"]
    assert 0.6 < told["metrics"]["c_index"] < 1
    assert told["intervals"]["c_index"][0] < told["metrics"]["c_index"] < told["intervals"]["c_index"][1]
    made = pd.read_parquet(folder / "run" / "predictions.parquet")
    assert {"os.time", "os.event", "os.prediction", "os.median", "os.remaining.0.5", "os.remaining.1"} <= set(made)
    assert (made["os.remaining.0.5"] >= made["os.remaining.1"]).all()
    refused = [json.loads(line) for line in (folder / "run" / "errors.jsonl").read_text().splitlines()]
    assert [(line["row"], line["column"]) for line in refused] == [(4, "months")]
    judged = judge_run(run.open_run(folder / "run"))["tasks"]["os"]
    assert judged["baselines"]["trivial"]["metrics"]["c_index"] == 0.5
    ours = judged["metrics"]["integrated_brier"]
    assert ours < judged["baselines"]["trivial"]["metrics"]["integrated_brier"]
    assert set(judged["dark"]) == set(judged["alone"]) == {"one", "rest"}
    build_report(folder / "run")
    page = (folder / "run" / "report.html").read_text(encoding="utf-8")
    assert "Integrated Brier score" in page
    assert "one curve for all" in page


def test_new_rows_are_told_the_same_by_the_saved_model(tmp_path: Path):
    folder = cohort(tmp_path)
    run.fit(spec(folder), folder / "run")
    before = pd.read_parquet(folder / "run" / "predictions.parquet").set_index("row")
    run.predict(folder / "run", folder / "cohort.csv", folder / "told.csv")
    after = pd.read_csv(folder / "told.csv").loc[before.index]
    for column in ("os.prediction", "os.median", "os.remaining.1"):
        np.testing.assert_allclose(after[column], before[column], rtol=1e-5)
    again = run.evaluate(folder / "run", folder / "cohort.csv")["tasks"]["os"]
    assert again["n"] == ROWS - 2


def test_neither_column_of_the_outcome_may_be_seen(tmp_path: Path):
    folder = cohort(tmp_path)
    for column in ("months", "died"):
        leaking = spec(folder, f"modalities.rest.columns=[b, {column}]")
        with pytest.raises(GateError, match="target-among-inputs"):
            run.fit(leaking, folder / f"run-{column}")
    assert spec(folder, "modalities.rest.columns=['*']").expanded(["a", "b", "months", "died"]).modalities["rest"][
        "columns"
    ] == ["a", "b"]


def test_where_nobody_died_it_is_said(tmp_path: Path):
    folder = cohort(tmp_path)
    frame = pd.read_csv(folder / "cohort.csv").assign(died="no")
    frame.to_csv(folder / "cohort.csv", index=False)
    with pytest.raises(DataError, match="one-class"):
        run.fit(spec(folder), folder / "run")
