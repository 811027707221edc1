"""What is told of a run that is asked again: what was not used, what was known before, what is in the way."""

import pandas as pd
import pytest

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
