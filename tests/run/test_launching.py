"""What a run is gets written down before it learns, and is seen to be the same when it goes on."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from polymodal.core import GateError, UsageProblem
from polymodal.run.folder import Folder
from polymodal.run.launching import Run, launch
from polymodal.spec import Parts, Spec
from tests.run.small import cohort, events, spec
from tests.run.unlabelled import study, unlabelled

QUICK = "train.epochs=1"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The cohort in a folder of its own."""
    return study(tmp_path / "cohort")


def launched(described: Spec, out: Path, resume: bool = False, **options: Any) -> Run:
    folder = Folder(out)
    with folder.hold(resume):
        return launch(folder, described, options.pop("progress", None), **options)


def test_what_the_run_is_stands_there_before_anything_is_learned(place: Path):
    told: list[Mapping[str, Any]] = []

    def listen(event: Mapping[str, Any]) -> None:
        if not told:
            there = {path.name for path in (place / "run").iterdir()}
            assert there >= {"spec.yaml", "spec.resolved.yaml", "splits.parquet", "findings.json", "environment.json"}
        told.append(event)

    made = launched(unlabelled(place, QUICK), place / "run", progress=listen)
    assert [event["event"] for event in told][:3] == ["encoder", "encoder", "reference"]
    kept = [line["event"] for line in map(json.loads, (place / "run" / "events.jsonl").read_text().splitlines())]
    assert kept == ["start", *(event["event"] for event in told if event["event"] != "step")]
    assert made.spec == Spec.from_text((place / "run" / "spec.resolved.yaml").read_text(), place / "run") or made.spec
    assert made.fitted.model.tasks.keys() == {"sick", "score", "signs"}
    assert Spec.from_text((place / "run" / "spec.yaml").read_text()) == unlabelled(place, QUICK)


def test_the_rows_are_written_down_with_what_they_hold(place: Path):
    launched(unlabelled(place, QUICK), place / "run")
    kept = pd.read_parquet(place / "run" / "splits.parquet")
    assert list(kept.columns) == ["row", "split", "content", "content.labs", "content.note"]
    assert kept["row"].tolist() == list(range(96))
    notes = cohort()["note"].fillna("")
    assert (kept["content.note"].map(str) + notes).nunique() == notes.nunique() == kept["content.note"].nunique()


def test_parts_can_be_left_out_of_what_is_trained_and_the_rows_stay_divided(place: Path):
    def narrowed(parts: Parts) -> Parts:
        return replace(parts, tasks={"score": parts.tasks["score"]}, objectives={})

    whole = launched(unlabelled(place, QUICK), place / "whole")
    part = launched(unlabelled(place, QUICK), place / "part", narrowed=narrowed)
    assert part.fitted.model.tasks.keys() == {"score"}
    assert all(
        (getattr(part.fitted.split, name) == getattr(whole.fitted.split, name)).all() for name in ("train", "test")
    )
    assert list(events(place / "part", "epoch")[0]["train"]) == ["score"]


def test_what_cannot_be_trained_leaves_no_folder(place: Path):
    def narrowed(parts: Parts) -> Parts:
        raise UsageProblem("nothing-left", where="here", expected="a part", found="none", remedy="leave one in")

    with pytest.raises(UsageProblem, match="nothing-left"):
        launched(unlabelled(place), place / "run", narrowed=narrowed)
    assert not (place / "run").exists()


def test_a_leak_is_told_before_anything_is_written(place: Path):
    leaking = spec(place, "modalities.more={type: table, columns: [score]}")
    with pytest.raises(GateError, match="target-among-inputs"):
        launched(leaking, place / "run")
    assert not (place / "run").exists()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("objectives.hide.rate=0.25", "objectives.hide.rate: 0.25, was 0.5"),
        ("objectives.hide.weight=2.0", "objectives.hide.weight: 2.0, was 1.0"),
        ("train.seed=9", "train.seed: 9, was 2"),
        ("data.split.seed=2", "data.split.seed: 2, was 1"),
    ],
)
def test_another_spec_is_not_gone_on_with(place: Path, change: str, named: str):
    launched(unlabelled(place, QUICK), place / "run")
    with pytest.raises(UsageProblem, match="run-changed") as caught:
        launched(unlabelled(place, QUICK, change), place / "run", resume=True)
    assert named in caught.value.found
    launched(unlabelled(place, QUICK), place / "run", resume=True)


def test_another_table_is_not_gone_on_with(place: Path):
    launched(unlabelled(place, QUICK), place / "run")
    frame = cohort()
    frame.loc[0, "note"] = "something else"
    frame.to_csv(place / "cohort.csv", index=False)
    with pytest.raises(UsageProblem, match="another table"):
        launched(unlabelled(place, QUICK), place / "run", resume=True)


def test_an_objective_that_does_not_fit_is_told_before_the_run_begins(place: Path):
    wrong = unlabelled(place, "objectives.hide.modalities=[labs, sound]")
    with pytest.raises(Exception, match="objective-does-not-fit") as caught:
        launched(wrong, place / "run")
    assert caught.value.exit_code == 3
    assert "objectives.hide" in caught.value.where
    assert caught.value.found == "sound"
    assert not (place / "run").exists()
