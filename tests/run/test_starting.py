"""What another run has learned is taken over whole or refused by name, and never where it has seen the test rows."""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from polymodal import bundle, run
from polymodal.core import DamagedError, GateError, UsageProblem
from polymodal.core.seeding import seeded
from polymodal.model import Model
from polymodal.run import fitting
from polymodal.run.launching import launch
from polymodal.run.starting import Start, held_contents, start_from
from polymodal.run.tables import divide, open_source
from polymodal.spec import Parts, Spec
from tests.letters import tiny_bert
from tests.run.small import SPEC as LABELLED
from tests.run.small import cohort
from tests.run.unlabelled import FOLDS, folded, study, unlabelled, weights

FROM = "model.start_from=pre"


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the cohort and a run of pretraining called pre; only to be read, or copied."""
    place = study(tmp_path_factory.mktemp("pretrained") / "cohort", folded())
    run.pretrain(unlabelled(place, FOLDS, "train.epochs=1"), place / "pre")
    return place


@pytest.fixture
def place(pretrained: Path, tmp_path: Path) -> Path:
    """A copy of that folder."""
    shutil.copytree(pretrained, tmp_path / "cohort")
    return tmp_path / "cohort"


def fit_spec(folder: Path, *assignments: str) -> Spec:
    """The cohort's spec for `fit`, without objectives."""
    return Spec.from_text(LABELLED, folder).override(FOLDS, FROM, "train.epochs=1", *assignments)


def opened(spec: Spec, folder: Path) -> tuple[Start, Parts]:
    """What `fit` would begin with."""
    source = open_source(spec, folder)
    parts = source.spec.build()
    return start_from(source, parts, divide(source, parts)[0].split), parts


def refused(spec: Spec, folder: Path, kind: type[Exception]) -> Exception:
    """The error that `fit` would end with, before it has written or trained anything."""
    with pytest.raises(kind) as caught:
        opened(spec, folder)
    return caught.value


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    states = [part.state_dict() for part in (one, other)]
    return states[0].keys() == states[1].keys() and all(
        torch.equal(states[0][key], states[1][key]) for key in states[0]
    )


def begun(parts: Parts, start: Start, source_table) -> Model:
    """The model that `fit` has before its first step, where readers that are not taken over learn from every row."""
    start.restore(parts)
    for name, part in [*parts.modalities.items(), *parts.tasks.items()]:
        if name not in start.modalities:
            part.reader.fit(source_table, np.arange(len(source_table)))
    with seeded(9, "model"):
        model = Model(parts.modalities, parts.tasks, parts.fusion, parts.width)
    start.fill(model)
    return model


# What is taken over


def test_fit_begins_with_these_weights_and_what_these_readers_know(place: Path, monkeypatch: pytest.MonkeyPatch):
    seen = []
    monkeypatch.setattr(fitting, "train", lambda learner, *_: seen.append(learner.model))
    with pytest.raises(Exception):  # noqa: B017 - nothing is trained, and so nothing can be judged
        launch_only(place)
    (model,) = seen
    there = bundle.load(place / "pre" / "model").model.members[0]
    for name in ("labs", "note"):
        assert same(model.encoders[name], there.encoders[name])
        assert model.modalities[name].reader.state() == there.modalities[name].reader.state()
    assert same(model.fusion, there.fusion)


def launch_only(place: Path) -> None:
    """Launch a fit whose training rows are others, so that readers fitted anew would know something else."""
    from polymodal.run.folder import Folder

    spec = fit_spec(place, "data.split={column: fold, test: [test], validation: []}")
    folder = Folder(place / "fitted")
    with folder.hold(resume=False):
        launch(folder, spec, None)
    raise RuntimeError


KINDS = {
    "table": "{type: table, columns: [age, dose, drug]}",
    "bag": "{type: text, columns: [note]}",
    "pieces": "{type: text, columns: [note], encoder: transformer, vocabulary: 300, layers: 1}",
    "picture": "{type: image, column: scan, size: 8}",
    "padded": "{type: image, column: scan, size: 8, padded: true, encoder: patches, layers: 1}",
}


def with_pictures(folder: Path) -> pd.DataFrame:
    """The cohort with a small picture beside each row."""
    draw, frame = np.random.default_rng(0), folded()
    (folder / "scans").mkdir(parents=True)
    for row in range(len(frame)):
        Image.fromarray(draw.integers(0, 256, (10, 8, 3)).astype(np.uint8)).save(folder / "scans" / f"{row}.png")
    return frame.assign(scan=[f"scans/{row}.png" for row in range(len(frame))])


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_modality_is_taken_over_whole(kind: str, tmp_path: Path):
    frame = with_pictures(tmp_path) if "scan" in KINDS[kind] else folded()
    carried_over(tmp_path, frame, KINDS[kind])


def carried_over(place: Path, frame: pd.DataFrame, kind: str) -> None:
    """Pretrain one modality beside numbers, and begin with it on other rows."""
    study(place, frame)
    parts = f"{{tested: {kind}, numbers: {{type: table, columns: [age, dose]}}}}"
    shape = (FOLDS, f"modalities={parts}", "train.epochs=1")
    objectives = "objectives={align: {type: contrastive, space: 8}}"
    run.pretrain(unlabelled(place, *shape, objectives), place / "pre")
    frame.iloc[:48].to_csv(place / "half.csv", index=False)
    spec = fit_spec(place, *shape, "data.table=half.csv", "tasks={sick: {type: binary, target: sick}}")
    start, made = opened(spec, place)
    assert start.modalities == {"tested", "numbers"}
    assert start.fusion
    model = begun(made, start, open_source(spec, place).table)
    there = bundle.load(place / "pre" / "model").model.members[0]
    assert same(model.encoders["tested"], there.encoders["tested"])
    assert model.modalities["tested"].reader.state() == there.modalities["tested"].reader.state()
    assert same(model.fusion, there.fusion)
    told = run.fit(spec, place / "fitted")
    assert told["tasks"]["sick"]["n"] > 0
    # The folder it came from is needed no more.
    shutil.rmtree(place / "pre")
    assert run.evaluate(place / "fitted")["tasks"]["sick"]["metrics"] == pytest.approx(
        told["tasks"]["sick"]["metrics"], abs=1e-5
    )


@pytest.mark.parametrize("fine_tune", ["false", "true"])
def test_a_pretrained_text_model_is_taken_over(fine_tune: str, tmp_path: Path):
    model = tiny_bert(tmp_path / "tiny", "abcdefghijklmnopqrstuvwxyz0123456789", 64)
    kind = f"{{type: text, columns: [note], encoder: pretrained, model: {model}, fine_tune: {fine_tune}, longest: 16}}"
    carried_over(tmp_path / "study", folded(), kind)


def test_a_modality_that_is_new_learns_by_itself_and_fusion_begins_anew(place: Path):
    start, parts = opened(fit_spec(place, "modalities.more={type: table, columns: [dose]}"), place)
    assert start.modalities == {"labs", "note"}
    assert not start.fusion
    model = begun(parts, start, open_source(fit_spec(place), place).table)
    assert same(model.encoders["labs"], start.model.encoders["labs"])


def test_another_fusion_takes_the_encoders_alone(place: Path):
    start, parts = opened(fit_spec(place, "model.fusion={type: gated}"), place)
    assert start.modalities == {"labs", "note"}
    assert not start.fusion
    begun(parts, start, open_source(fit_spec(place), place).table)


def test_without_the_key_nothing_is_taken(place: Path):
    source = open_source(Spec.from_text(LABELLED, place), place)
    parts = source.spec.build()
    start = start_from(source, parts, divide(source, parts)[0].split)
    assert start == Start()
    model = begun(parts, start, source.table)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    start.fill(model)
    assert all(torch.equal(before[name], weight) for name, weight in model.state_dict().items())


def test_each_member_of_an_ensemble_begins_there_and_a_fit_may_be_started_from(place: Path):
    run.fit(fit_spec(place, "train.members=2"), place / "fitted")
    run.fit(fit_spec(place, "model.start_from=fitted"), place / "again")
    continued = unlabelled(place, FOLDS, FROM, "train.epochs=1")
    assert run.pretrain(continued, place / "longer")["objectives"]
    assert weights(place / "longer") != weights(place / "pre")


# What does not fit


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("model.width=16", "model.width: 16, there 8"),
        ("modalities.labs.layers=3", "modalities.labs.layers: 3, there 2"),
        ("modalities.labs.columns=[age, drug]", "columns: ['age', 'drug'], there ['age', 'dose', 'drug']"),
        ("modalities.note.encoder=transformer", "modalities.note.encoder: transformer, there auto"),
        ("modalities.note={type: table, columns: [dose]}", "modalities.note.type: table, there text"),
    ],
)  # fmt: skip
def test_what_differs_is_refused_by_name(place: Path, change: str, named: str):
    problem = refused(fit_spec(place, change), place, UsageProblem)
    assert problem.code == "start-does-not-fit"
    assert named in problem.found
    assert "start_from" in problem.where


def test_another_run_with_other_modalities_gives_nothing(place: Path):
    spec = fit_spec(place, "modalities={other: {type: table, columns: [age]}}")
    problem = refused(spec, place, UsageProblem)
    assert problem.code == "start-does-not-fit"
    assert "labs, note" in problem.found


# What is not there, or not whole


@pytest.mark.parametrize("path", ["nowhere", "../nowhere", "cohort.csv", "/nowhere/at/all"])
def test_a_run_that_is_not_there_is_named_with_the_place_in_the_spec(place: Path, path: str):
    (place / "spec.yaml").write_text(LABELLED.replace("model: {", f"model: {{start_from: {path}, "))
    from polymodal.spec import load

    problem = refused(load(place / "spec.yaml"), place / "fitted", UsageProblem)
    assert problem.code == "no-run"
    assert "spec.yaml:10:" in problem.where
    assert path.split("/")[-1] in problem.found
    assert ".." not in problem.found or path.startswith("..")


def test_a_run_that_did_not_finish_is_no_start(place: Path):
    shutil.rmtree(place / "pre" / "model")
    problem = refused(fit_spec(place), place, DamagedError)
    assert problem.code == "no-model"
    assert "did not finish" in problem.found


@pytest.mark.parametrize("name", ["model.safetensors", "preprocess.json", "config.json", "MANIFEST.json"])
def test_a_damaged_model_is_exit_7(place: Path, name: str):
    file = place / "pre" / "model" / name
    file.write_bytes(file.read_bytes()[:-20])
    assert refused(fit_spec(place), place, DamagedError).exit_code == 7


def other_table(place: Path) -> Spec:
    """A spec of another table, whose rows can only be known by what they hold."""
    folded(120).iloc[96:].to_csv(place / "new.csv", index=False)
    return fit_spec(place, "data.table=new.csv")


@pytest.mark.parametrize("change", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: b"no parquet"])
@pytest.mark.parametrize("where", ["same", "other"])
def test_a_damaged_list_of_rows_is_exit_7(place: Path, change: Callable[[bytes], bytes], where: str):
    file = place / "pre" / "splits.parquet"
    file.write_bytes(change(file.read_bytes()))
    spec = fit_spec(place) if where == "same" else other_table(place)
    problem = refused(spec, place, DamagedError)
    assert problem.exit_code == 7
    assert "splits.parquet" in problem.where


def test_a_damaged_record_of_the_table_is_exit_7(place: Path):
    (place / "pre" / "environment.json").write_text("{")
    assert refused(fit_spec(place), place, DamagedError).exit_code == 7


@pytest.mark.parametrize("content", ["{}", '{"resumes_with": 5}', '{"resumes_with": {"table": 7}}'])
def test_where_the_table_is_not_known_rows_are_compared_by_what_they_hold(place: Path, content: str):
    (place / "pre" / "environment.json").write_text(content)
    assert opened(fit_spec(place), place)[0].modalities


def test_what_cannot_be_checked_is_refused_and_can_be_allowed(place: Path):
    spec, file = other_table(place), place / "pre" / "splits.parquet"
    pd.read_parquet(file)[["row", "split"]].to_parquet(file)
    assert refused(spec, place, UsageProblem).code == "start-cannot-be-checked"
    assert opened(fit_spec(place), place)[0].modalities, "of the same table the rows are enough"
    file.unlink()
    for each in (spec, fit_spec(place)):
        problem = refused(each, place, UsageProblem)
        assert problem.code == "start-cannot-be-checked"
        assert opened(each.override("data.allow=[pretrained-on-test]"), place)[0].modalities


# Test rows that were learned from


def test_the_same_rows_divided_the_same_way_pass_though_some_look_alike(tmp_path: Path):
    """Rows of few categories are often alike, in training as in the test: that is no leak."""
    frame = folded()
    frame["age"], frame["dose"], frame["note"] = 1, 2, None
    frame["note"] = np.where(frame.index % 2, "fever", "none")
    place = study(tmp_path, frame)
    allow = "data.allow=[constant-column]"
    run.pretrain(unlabelled(place, FOLDS, "train.epochs=1", allow), place / "pre")
    assert opened(fit_spec(place, allow), place)[0].modalities == {"labs", "note"}


def test_the_same_rows_divided_another_way_are_refused(place: Path):
    frame = pd.read_csv(place / "cohort.csv").assign(fold=folded(shift=5)["fold"])
    for name, spec in (
        ("by place", fit_spec(place, "data.split={test: 0.25, seed: 1}")),
        ("by content", fit_spec(place, "data.table=other.csv")),
    ):
        frame.to_csv(place / "other.csv", index=False)
        problem = refused(spec, place, GateError)
        assert (problem.code, problem.exit_code) == ("pretrained-on-test", 8), name
        assert "cohort.csv:" in problem.where or "other.csv:" in problem.where
        assert str(place / "pre") in problem.found
        assert "data.allow" in problem.remedy
        assert opened(spec.override("data.allow=[pretrained-on-test]"), place)[0].modalities


def test_exactly_the_rows_that_were_seen_are_counted(place: Path):
    seen, nothing = folded()["fold"] != "test", cohort()[["age", "dose", "drug", "note"]].isna().all(axis=1)
    known, new = pd.read_csv(place / "cohort.csv").assign(fold="test"), cohort(132).iloc[96:].assign(fold="train")
    pd.concat([known, new]).sample(frac=1.0, random_state=3).to_csv(place / "other.csv", index=False)
    split = "data.split={column: fold, test: [test], validation: 0.0}"
    problem = refused(fit_spec(place, "data.table=other.csv", split), place, GateError)
    assert problem.found.startswith(f"{int((seen & ~nothing).sum())} of 96 ")


def test_numbers_are_known_again_whatever_type_holds_them(tmp_path: Path):
    frame = folded().drop(columns=["drug"])
    frame["age"], frame["dose"] = np.arange(96) * 7 % 96, np.arange(96) % 50
    place = study(tmp_path)
    frame.to_parquet(place / "cohort.parquet")
    labs = "modalities={labs: {type: table, columns: [age, dose]}, note: {type: text, columns: [note]}}"
    shape = (FOLDS, labs, "train.epochs=1", "data.table=cohort.parquet")
    run.pretrain(unlabelled(place, *shape), place / "pre")
    other = frame.astype({"age": np.float64, "dose": np.int8}).assign(fold=folded(shift=5)["fold"])
    other.to_parquet(place / "other.parquet")
    problem = refused(fit_spec(place, *shape, "data.table=other.parquet"), place, GateError)
    assert problem.code == "pretrained-on-test"


def test_rows_that_hold_nothing_of_what_is_taken_over_are_no_leak(place: Path):
    frame = cohort(120).iloc[96:].assign(fold=["train"] * 12 + ["test"] * 12)
    frame.loc[frame["fold"] == "test", ["age", "dose", "drug", "note"]] = None
    frame["more"] = np.arange(24)
    frame.to_csv(place / "new.csv", index=False)
    more = "modalities.more={type: table, columns: [more]}"
    allow = "data.allow=[all-missing-column]"
    spec = fit_spec(
        place, "data.table=new.csv", more, "data.split={column: fold, test: [test], validation: 0.0}", allow
    )
    assert opened(spec, place)[0].modalities == {"labs", "note"}


def test_without_test_rows_there_is_nothing_to_leak(place: Path):
    (place / "pre" / "splits.parquet").unlink()
    spec = fit_spec(place, "data.split={test: 0.0}")
    assert opened(spec, place)[0].modalities


def test_the_content_of_a_modality_is_that_of_its_columns(place: Path):
    source = open_source(fit_spec(place), place)
    readers = {name: part.reader for name, part in source.spec.build().modalities.items()}
    before = held_contents(source.table, readers)
    assert before.keys() == {"content.labs", "content.note"}
    changed = replace(source.table, frame=source.table.frame.assign(note="other", sick="no"))
    after = held_contents(changed, readers)
    assert (after["content.labs"] == before["content.labs"]).all()
    assert len(set(after["content.note"])) == 1
    kept = pd.read_parquet(place / "pre" / "splits.parquet")
    assert (kept["content.labs"] == before["content.labs"]).all()


# Where it lies


def test_the_path_is_relative_to_the_spec_and_the_run_can_be_moved(pretrained: Path, tmp_path: Path):
    shutil.copytree(pretrained, tmp_path / "study" / "data")
    specs = tmp_path / "study" / "specs"
    specs.mkdir()
    here = Path.cwd()
    spec = Spec.from_text(LABELLED, specs).override(
        FOLDS, "data.table=../data/cohort.csv", "model.start_from=../data/pre", "train.epochs=1"
    )
    try:
        os.chdir(tmp_path)
        told = run.fit(spec, Path("study/runs/fitted"))
    finally:
        os.chdir(here)
    written = Spec.from_text((tmp_path / "study/runs/fitted/spec.resolved.yaml").read_text(), Path())
    assert written.to_dict()["model"]["start_from"] == "../../data/pre"
    shutil.rmtree(tmp_path / "study" / "data" / "pre")
    shutil.move(tmp_path / "study", tmp_path / "moved")
    again = run.evaluate(tmp_path / "moved" / "runs" / "fitted")
    assert again["tasks"]["sick"]["metrics"] == pytest.approx(told["tasks"]["sick"]["metrics"], abs=1e-5)
    alone = shutil.move(tmp_path / "moved" / "runs" / "fitted", tmp_path / "alone")
    assert run.predict(Path(alone), tmp_path / "moved/data/cohort.csv", tmp_path / "p.csv")["rows"] == 96


# Going on


class KilledError(Exception):
    """The process is gone."""


def begin(place: Path) -> None:
    """Begin a fit and leave it after its second step."""

    def leave(event) -> None:
        if event.get("step") == 2:
            raise KilledError

    with pytest.raises(KilledError):
        run.fit(fit_spec(place), place / "fitted", progress=leave)


def test_a_fit_is_resumed_with_what_it_began_with(place: Path):
    run.fit(fit_spec(place), place / "calm")
    begin(place)
    run.fit(fit_spec(place), place / "fitted", resume=True)
    assert weights(place / "fitted") == weights(place / "calm")


def test_a_fit_whose_start_has_gone_is_not_resumed(place: Path):
    begin(place)
    shutil.move(place / "pre", place / "away")
    with pytest.raises(UsageProblem, match="no-run") as caught:
        run.fit(fit_spec(place), place / "fitted", resume=True)
    assert "model.start_from" in caught.value.where
    shutil.move(place / "away", place / "pre")
    run.fit(fit_spec(place), place / "fitted", resume=True)


def test_a_fit_whose_start_has_changed_is_not_resumed(place: Path):
    begin(place)
    shutil.rmtree(place / "pre")
    run.pretrain(unlabelled(place, FOLDS, "train.epochs=1", "train.seed=5"), place / "pre")
    with pytest.raises(UsageProblem, match="run-changed") as caught:
        run.fit(fit_spec(place), place / "fitted", resume=True)
    assert "start_from" in caught.value.found
