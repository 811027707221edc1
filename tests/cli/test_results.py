"""What is told of a run that is asked again: what was not used, what was known before, what is in the way."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

FAST = ["--set", "train.epochs=2", "--set", "train.members=1"]


@pytest.fixture
def finished(call, spec_file):
    """A small run in the folder "run"; the path of its table."""
    assert call("fit", spec_file, "--out", "run", *FAST).code == 0
    return spec_file.parent / "cohort.csv"


def test_figures_on_rows_that_taught_the_model_are_marked(call, finished):
    answer = call("evaluate", "run", "--data", "cohort.csv")
    assert answer.code == 0
    assert "of these 60 rows: the figures are too good" in answer.err
    assert "too good" not in call("evaluate", "run").err
    assert "too good" not in call("evaluate", "run", "--data", "cohort.csv", "--quiet").err


def test_values_that_could_not_be_used_are_counted_and_written_down(call, finished):
    frame = pd.read_csv(finished, dtype=str)
    frame.loc[4, "dose"] = "much"
    frame.to_csv(finished.with_name("new.csv"), index=False)
    answer = call("predict", "run", "--data", "new.csv", "--out", "p.csv")
    assert "1 values could not be used" in answer.err
    assert "much" in finished.with_name("p.csv.errors.jsonl").read_text()


def test_predictions_that_are_there_stay(call, finished):
    words = ("predict", "run", "--data", "cohort.csv", "--out", "p.csv")
    assert call(*words).code == 0
    again = call(*words)
    assert again.code == 2
    assert "--overwrite" in again.err
    assert call(*words, "--overwrite").code == 0


@pytest.mark.parametrize(("lost", "code", "word"), [("dose", 4, "missing-column"), ("sick", 4, "no-target")])
def test_a_table_that_lacks_a_column_says_which_and_what_to_do(call, finished, lost, code, word):
    pd.read_csv(finished).drop(columns=lost).to_csv(finished.with_name("less.csv"), index=False)
    answer = call("evaluate", "run", "--data", "less.csv")
    assert answer.code == code
    assert word in answer.err
    assert lost in answer.err


def test_a_run_that_is_none_is_named(call, tmp_path):
    (tmp_path / "empty").mkdir()
    assert call("evaluate", "nowhere").code == 2
    assert call("report", "nowhere").code == 2
    assert call("evaluate", "empty").code == 7


def test_nothing_to_judge_by_is_an_error_and_no_result(call, finished):
    pd.read_csv(finished, dtype=str).assign(sick="").to_csv(finished.with_name("new.csv"), index=False)
    answer = call("evaluate", "run", "--data", "new.csv")
    assert answer.code == 4
    assert "nothing-to-judge" in answer.err
    assert call("predict", "run", "--data", "new.csv", "--out", "p.csv").code == 0


def test_where_files_were_looked_for_is_said_when_it_is_not_beside_the_table(call, tmp_path):
    draw = np.random.default_rng(0)
    (tmp_path / "first").mkdir()
    for row in range(30):
        made = draw.integers(0, 255, (8, 8), dtype=np.uint8)
        Image.fromarray(made).save(tmp_path / "first" / f"{row}.png")
    frame = pd.DataFrame({"scan": [f"{row}.png" for row in range(30)], "y": draw.normal(size=30)})
    frame.to_csv(tmp_path / "first" / "t.csv", index=False)
    spec = "version: 1\ndata: {table: t.csv}\nmodalities: {scan: {type: image, column: scan, size: 16}}\n"
    (tmp_path / "first" / "s.yaml").write_text(spec + "tasks: {y: {type: regression, target: y}}\n")
    assert call("fit", "first/s.yaml", "--out", "run", *FAST).code == 0
    frame.to_csv(tmp_path / "new.csv", index=False)
    answer = call("predict", "run", "--data", "new.csv", "--out", "p.csv")
    assert "files are looked for in" in answer.err
    assert "looked for" not in call("predict", "run", "--data", "new.csv", "--out", "q.csv", "--files", "first").err
    assert "looked for" not in call("predict", "run", "--data", "first/t.csv", "--out", "r.csv").err
    assert (
        call("predict", "run", "--data", "first/t.csv", "--out", "s.csv", "--json").document["files"].endswith("first")
    )
