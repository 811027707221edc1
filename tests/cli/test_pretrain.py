"""`pretrain` from the command line, `fit` from where it ended, and what either says when something is wrong."""

import json
import shutil
from pathlib import Path

import pytest

from polymodal import run
from tests.run.unlabelled import SPEC, study

NAMES = ["align.labs-note", "hide.labs"]
QUICK = ("--set", "train.epochs=1")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The cohort and its spec, where the command is called."""
    return study(tmp_path)


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of pretraining beside its cohort; only to be copied."""
    from tests.run.unlabelled import unlabelled

    folder = study(tmp_path_factory.mktemp("pretrained"))
    run.pretrain(unlabelled(folder, "train.epochs=1"), folder / "pre")
    return folder


@pytest.fixture
def done(pretrained: Path, tmp_path: Path) -> Path:
    """A copy of it, where the command is called."""
    shutil.copytree(pretrained, tmp_path, dirs_exist_ok=True)
    return tmp_path


def without_tasks(place: Path) -> None:
    """Take the tasks out of the spec."""
    head, _, rest = SPEC.partition("tasks:")
    (place / "spec.yaml").write_text(head + rest[rest.index("model:") :])


def test_it_learns_and_says_what_fit_can_do_with_it(call, place: Path):
    answer = call("pretrain", "spec.yaml", "--out", "pre", *QUICK, "--seed", 3)
    assert answer.code == 0, answer.err
    assert all(name in answer.out for name in NAMES)
    assert "→" in answer.out
    assert "--set model.start_from=pre" in answer.out
    told = json.loads((place / "pre" / "metrics.json").read_text())
    assert told["command"] == "polymodal pretrain spec.yaml --out pre --set train.epochs=1 --set train.seed=3"
    fitted = call("fit", "spec.yaml", "--out", "fitted", *QUICK, "--set", "model.start_from=pre", "--json")
    assert fitted.code == 0, fitted.err
    assert fitted.document["tasks"].keys() == {"sick", "score", "signs"}


def test_json_is_one_document(call, place: Path):
    answer = call("pretrain", "spec.yaml", "--out", "pre", *QUICK, "--json", "-v")
    assert answer.code == 0
    assert answer.document.keys() == {"run", "seconds", "rows", "objectives"}
    assert list(answer.document["objectives"]) == NAMES
    assert answer.document["objectives"] == json.loads((place / "pre" / "metrics.json").read_text())["objectives"]
    assert "epoch 1/1" in answer.err
    assert call("pretrain", "spec.yaml", "--out", "quiet", *QUICK, "-q").err == ""


def test_a_folder_that_is_taken_is_refused_and_resume_goes_on(call, done: Path):
    answer = call("pretrain", "spec.yaml", "--out", "pre", *QUICK, "--json")
    assert answer.code == 2
    assert answer.document["error"]["code"] == "run-exists"
    again = call("pretrain", "spec.yaml", "--out", "pre", *QUICK, "--resume", "--json")
    assert again.code == 0
    assert list(again.document["objectives"]) == NAMES
    assert call("pretrain", "spec.yaml", "--out", "pre", "--resume", "--set", "train.epochs=2").code == 2


def test_without_objectives_it_says_what_to_add(call, spec_file):
    answer = call("pretrain", spec_file, "--out", "pre", "--json")
    assert answer.code == 3
    assert answer.document["error"]["code"] == "no-objective"
    assert "objectives:" in answer.document["error"]["do"]


def test_without_tasks_fit_and_validate_say_what_to_do(call, place: Path):
    without_tasks(place)
    answer = call("fit", "spec.yaml", "--out", "fitted", "--json")
    assert (answer.code, answer.document["error"]["code"]) == (3, "no-task")
    assert "polymodal pretrain" in answer.document["error"]["do"]
    assert call("validate", "spec.yaml", "--json").document["valid"]
    assert call("pretrain", "spec.yaml", "--out", "pre", *QUICK).code == 0
    (place / "spec.yaml").write_text((place / "spec.yaml").read_text().partition("objectives:")[0])
    for words in (
        ["validate", "spec.yaml"],
        ["fit", "spec.yaml", "--out", "x"],
        ["pretrain", "spec.yaml", "--out", "x"],
    ):
        answer = call(*words, "--json")
        assert answer.code == 3
        assert "polymodal pretrain" in answer.document["error"]["do"]


WRONG = {
    "hide: {type: masked, modalities: [sound]}": ("sound", "labs, note"),
    "pair: {type: matching, between: [labs, sound]}": ("sound", "labs, note"),
    "turn: {type: rotation}": ("none in this model", "a part that it can work on"),
    "more: {type: consistency, tasks: [age]}": ("age", "sick, score, signs"),
}


@pytest.mark.parametrize("line", WRONG)
@pytest.mark.parametrize("verb", ["validate", "fit", "pretrain"])
def test_an_objective_that_does_not_fit_is_told_with_its_place(call, place: Path, line: str, verb: str):
    (place / "spec.yaml").write_text(SPEC.partition("  align:")[0] + f"  {line}\n")
    found, expected = WRONG[line]
    words = [] if verb == "validate" else ["--out", "out"]
    answer = call(verb, "spec.yaml", *words, "--json")
    assert answer.code == 3, answer.err
    error = answer.document["error"]
    assert error["code"] == "objective-does-not-fit"
    assert error["where"].startswith("spec.yaml:14:")
    assert f"objectives.{line.partition(':')[0]}" in error["where"]
    assert error["found"] == found
    assert expected in error["expected"]
    assert not (place / "out" / "environment.json").exists()


def test_every_objective_that_does_not_fit_is_told_at_once(call, place: Path):
    (place / "spec.yaml").write_text(SPEC.partition("  align:")[0] + "".join(f"  {line}\n" for line in WRONG))
    error = call("validate", "spec.yaml", "--json").document["error"]
    assert [each["where"].partition(" ")[0] for each in (error, *error["also"])] == [
        f"spec.yaml:{line}:9" for line in range(14, 18)
    ]


@pytest.mark.parametrize(
    ("given", "code", "kind"),
    [
        ("model.start_from=nowhere", 2, "no-run"),
        ("model.start_from=cohort.csv", 2, "no-run"),
        ("model.start_from=.", 7, "no-model"),
        ("model.start_from=5", 3, None),
        ("model.start_from=pre,model.width=16", 2, "start-does-not-fit"),
        ("model.start_from=pre,data.split.seed=7", 8, "pretrained-on-test"),
    ],
)
def test_what_cannot_be_started_from_has_its_exit_code(call, done: Path, given: str, code: int, kind: str | None):
    words = [word for each in given.split(",") for word in ("--set", each)]
    answer = call("fit", "spec.yaml", "--out", "fitted", *QUICK, *words, "--json")
    assert answer.code == code, answer.err
    assert kind is None or answer.document["error"]["code"] == kind
    assert not (done / "fitted" / "environment.json").exists()


def test_test_rows_that_were_learned_from_can_be_accepted(call, done: Path):
    words = ["--set", "model.start_from=pre", "--set", "data.split.seed=7", "--set", "data.allow=[pretrained-on-test]"]
    assert call("fit", "spec.yaml", "--out", "fitted", *QUICK, *words).code == 0


def test_a_damaged_start_is_exit_7_and_never_1(call, done: Path):
    (done / "pre" / "splits.parquet").write_bytes(b"PAR1 and nothing else")
    answer = call("fit", "spec.yaml", "--out", "fitted", *QUICK, "--set", "model.start_from=pre", "--json")
    assert (answer.code, answer.document["error"]["code"]) == (7, "damaged-file")


def test_what_was_fitted_needs_the_start_no_more(call, done: Path):
    assert call("fit", "spec.yaml", "--out", "fitted", *QUICK, "--set", "model.start_from=pre").code == 0
    shutil.rmtree(done / "pre")
    for words in (
        ["evaluate", "fitted"],
        ["predict", "fitted", "--data", "cohort.csv", "--out", "p.csv"],
        ["report", "fitted"],
    ):
        assert call(*words, "--json").code == 0
    answer = call("fit", "spec.yaml", "--out", "fitted", *QUICK, "--set", "model.start_from=pre", "--resume", "--json")
    assert (answer.code, answer.document["error"]["code"]) == (2, "no-run")


@pytest.mark.parametrize(
    "words",
    [["evaluate", "pre"], ["report", "pre"], ["predict", "pre", "--data", "cohort.csv", "--out", "p.csv"]],
    ids=lambda words: words[0],
)
def test_a_run_that_answers_nothing_says_so(call, done: Path, words: list[str]):
    answer = call(*words, "--json")
    assert answer.code == 2
    assert "start_from" in answer.document["error"]["do"]
