"""`fit` and `demo` hand over to the run, show how far it is, and print what it says."""

import io

import pytest

from polymodal import evaluation, report, run
from polymodal.cli.progress import progress
from polymodal.cli.session import Session
from polymodal.spec import load

SUMMARY = {
    "run": "run",
    "seconds": 1.0,
    "rows": {"train": 4, "validation": 1, "test": 2},
    "tasks": {
        "sick": {
            "n": 2,
            "headline": "auroc",
            "metrics": {"auroc": 0.91234, "brier": 0.1},
            "intervals": {"auroc": [0.8, 1.0]},
        }
    },
    "findings": [{"code": "constant-column", "where": 'column "a"', "message": "it is the same in every row"}],
    "refused": 3,
    "reasons": {"sick": "holds no label"},
}
EPOCH = {
    "event": "epoch",
    "epoch": 2,
    "epochs": 9,
    "step": 4,
    "steps": 18,
    "train": {"sick": 1.0},
    "validation": {"sick": 0.5},
}


@pytest.fixture
def fits(monkeypatch):
    """What `run.fit` was called with, instead of training."""
    calls = []

    def fit(spec, out, *, resume=False, progress=None, command=None):
        calls.append((spec, out, resume, progress))
        if progress is not None:
            progress({"event": "start", "rows": SUMMARY["rows"]})
            progress({"event": "step", "step": 1, "steps": 18})
            progress(EPOCH)
        return SUMMARY

    monkeypatch.setattr(evaluation, "judge_run", lambda run: SUMMARY)
    monkeypatch.setattr(report, "build_report", lambda run: run / "report.html")
    monkeypatch.setattr(run, "fit", fit)
    monkeypatch.setattr(run, "open_run", lambda run: run)
    return calls


def test_fit_hands_over_the_spec_with_what_was_set(call, spec_file, fits):
    answer = call("fit", spec_file, "--out", "run", "--resume", "--seed", 3, "--set", "train.lr=1e-4", "--json")
    assert answer.document == SUMMARY | {"report": "run/report.html"}
    spec, out, resume, _ = fits[0]
    assert (str(out), resume) == ("run", True)
    assert (spec.build().settings.seed, spec.build().settings.lr) == (3, 1e-4)


def test_fit_prints_scores_with_intervals(call, spec_file, fits):
    answer = call("fit", spec_file, "--out", "run")
    assert "auroc  0.912  [0.800, 1.000]" in answer.out
    assert "report  run/report.html" in answer.out


def test_fit_says_what_is_odd_and_what_was_not_used(call, spec_file, fits):
    told = call("fit", spec_file, "--out", "run").err
    assert 'column "a": constant-column, it is the same in every row' in told
    assert "3 values could not be used and count as absent (sick: holds no label): see run/errors.jsonl" in told


def test_epochs_are_told_when_asked_for(call, spec_file, fits):
    assert "epoch 2/9  sick 0.500" in call("fit", spec_file, "--out", "run", "-v").err
    assert call("fit", spec_file, "--out", "run", "-v", "-q").err == ""


def test_the_bar_is_for_terminals_only(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    with progress(Session(err=Terminal())) as listener:
        listener({"event": "step", "step": 1, "steps": 4, "member": 1, "members": 2})
        listener(EPOCH)
    with progress(Session(err=Terminal(), quiet=True)) as listener:
        assert listener is None
    nobody = Session(err=io.StringIO())
    with progress(nobody) as listener:
        listener(EPOCH)
    assert nobody.err.getvalue() == ""


def test_a_real_fit_evaluates_predicts_and_resumes_nothing(call, spec_file):
    fast = ["--set", "train.epochs=2", "--set", "train.members=1"]
    fitted = call("fit", spec_file, "--out", "run", "--json", *fast)
    assert fitted.code == 0, fitted.err
    assert fitted.document["tasks"]["sick"]["metrics"].keys() >= {"auroc", "accuracy"}
    assert fitted.document["tasks"]["sick"]["baselines"].keys() == {"trivial", "linear", "boosting"}
    assert call("fit", spec_file, "--out", "run", *fast).code == 2
    assert (spec_file.parent / "run" / "report.html").is_file()
    assert call("report", "run", "--json").document["report"] == "run/report.html"
    again = call("evaluate", "run", "--json").document
    assert again["tasks"]["sick"]["metrics"] == fitted.document["tasks"]["sick"]["metrics"]
    assert call("evaluate", "run", "--data", "cohort.csv", "--json").document["rows"]["test"] == 60
    assert call("predict", "run", "--data", "cohort.csv", "--out", "p.csv").code == 0
    assert (spec_file.parent / "p.csv").read_text().count("\n") == 61
    assert load(spec_file.parent / "run" / "spec.yaml").tasks == load(spec_file).tasks


def test_demo_learns_glyphs_in_a_folder_of_its_own(call, tmp_path, fits, monkeypatch):
    described = load_glyphs(tmp_path)
    monkeypatch.setattr("polymodal.data.sets.base.DataSet.spec", lambda known: described)
    (tmp_path / "polymodal-demo").mkdir()
    made = "polymodal-demo-2"
    assert call("demo", "--json").document == SUMMARY | {"run": made, "report": f"{made}/report.html"}
    assert str(fits[0][1]) == made


def load_glyphs(folder):
    """A spec such as the embedded set gives, without making the set."""
    return {
        "data": {"table": str(folder / "glyphs.parquet"), "split": {"column": "fold", "test": ["test"]}},
        "modalities": {"shape": {"type": "table", "columns": ["ink"]}},
        "tasks": {"bold": {"type": "binary", "target": "bold"}},
    }
