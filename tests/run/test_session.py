"""A run from beginning to end, moved, refused, continued, limited."""

import errno
import json
import shutil
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from polymodal import run
from polymodal.core import DamagedError, DataError, GateError, ResourceError, UsageProblem
from polymodal.spec import Spec
from polymodal.training import checkpoints
from tests.run.small import cohort, ended, events, spec, write


def interrupt_at(steps: int):
    """A listener that sends SIGINT at the given step, once."""
    seen = iter(range(1, steps + 1))

    def listen(event):
        if event["event"] in {"step", "epoch"} and next(seen, 0) == steps:
            signal.raise_signal(signal.SIGINT)

    return listen


def same(first: Path, second: Path) -> None:
    (weights, predicted), (others, expected) = ended(first), ended(second)
    assert weights == others
    pd.testing.assert_frame_equal(predicted, expected, check_exact=True)


def test_a_run_holds_what_it_promises(finished: Path):
    names = {path.name for path in (finished / "run").iterdir()}
    assert names >= {
        "spec.yaml", "spec.resolved.yaml", "environment.json", "events.jsonl", "splits.parquet", "predictions.parquet",
        "metrics.json", "model", "checkpoints",
    }  # fmt: skip
    told = json.loads((finished / "run" / "metrics.json").read_text())
    assert (told["version"], told["run"]) == (1, "run")
    assert told["command"] == "polymodal fit spec.yaml --out run"
    assert told["rows"]["test"] == 24
    assert sum(told["rows"].values()) == 96
    assert set(told["tasks"]) == {"sick", "score", "signs"}
    for task in told["tasks"].values():
        assert task["headline"] in task["metrics"]
        assert all(low <= task["metrics"][name] <= high for name, (low, high) in task["intervals"].items())
    assert not any(str(finished) in path.read_text() for path in (finished / "run").glob("*.json*"))


def test_predictions_stand_beside_the_truth_in_the_same_words(finished: Path):
    frame, predicted = cohort(), ended(finished / "run")[1]
    rows = predicted["row"]
    assert set(predicted["split"]) == {"test"}
    assert predicted["id"].tolist() == frame["patient"][rows].tolist()
    known = frame["sick"][rows].notna().to_numpy()
    assert predicted["sick.target"][known].tolist() == frame["sick"][rows][known].tolist()
    assert predicted["sick.target"][~known].isna().all()
    np.testing.assert_allclose(predicted["score.target"].astype(float), frame["score"][rows])
    assert predicted["signs.target"].tolist() == ["" if cell == ";" else cell for cell in frame["signs"][rows]]
    assert set(predicted["signs.prediction"]) <= {"", "pain", "rash", "pain;rash"}
    both = predicted[["sick.probability.no", "sick.probability.yes"]].sum(axis=1)
    np.testing.assert_allclose(both, 1.0)


def test_evaluate_and_predict_repeat_what_fit_said(finished: Path):
    place = finished / "run"
    told = json.loads((place / "metrics.json").read_text())
    again = run.evaluate(place)
    assert again["rows"] == told["rows"]
    for name, task in again["tasks"].items():
        assert task["metrics"] == pytest.approx(told["tasks"][name]["metrics"], abs=1e-6)
    assert run.evaluate(place, finished / "cohort.csv")["rows"] == {"train": 0, "validation": 0, "test": 96}
    run.predict(place, finished / "cohort.csv", finished / "out.parquet")
    made, expected = pd.read_parquet(finished / "out.parquet"), ended(place)[1]
    there = made.iloc[expected["row"]].reset_index(drop=True)
    np.testing.assert_allclose(there["score.prediction"], expected["score.prediction"], atol=1e-5)
    assert there["id"].tolist() == expected["id"].tolist()


def test_a_moved_folder_works(finished: Path, tmp_path: Path):
    shutil.copytree(finished, tmp_path / "elsewhere" / "deep")
    moved = tmp_path / "elsewhere" / "deep"
    assert run.evaluate(moved / "run")["tasks"] == run.evaluate(finished / "run")["tasks"]
    alone = tmp_path / "alone"
    shutil.move(moved / "run", alone)
    told = run.predict(alone, moved / "cohort.csv", tmp_path / "out.csv")
    assert (told["rows"], told["refused"]) == (96, 0)


@pytest.mark.parametrize("steps", [1, 6, 15])
def test_an_interrupted_run_ends_like_one_that_was_not(finished: Path, folder: Path, steps: int):
    with pytest.raises(KeyboardInterrupt):
        run.fit(spec(folder), folder / "run", progress=interrupt_at(steps))
    assert not (folder / "run" / "model").exists()
    with pytest.raises(DamagedError, match="did not finish"):
        run.evaluate(folder / "run")
    run.fit(spec(folder), folder / "run", resume=True)
    assert [event["step"] for event in events(folder / "run", "resumed")] == [steps]
    same(folder / "run", finished / "run")


def test_several_members_are_continued_too(folder: Path):
    two = spec(folder, "train.members=2")
    run.fit(two, folder / "whole")
    with pytest.raises(KeyboardInterrupt):
        run.fit(two, folder / "run", progress=interrupt_at(20))
    run.fit(two, folder / "run", resume=True)
    same(folder / "run", folder / "whole")


def test_a_full_disk_keeps_the_last_checkpoint(finished: Path, folder: Path, monkeypatch: pytest.MonkeyPatch):
    write_one, left = checkpoints._write_synced, iter(range(13))

    def full(path: Path, content: bytes) -> None:
        if next(left, None) is None:
            path.write_bytes(content[:10])
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        write_one(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "_write_synced", full)
        with pytest.raises(ResourceError, match="disk-full") as caught:
            run.fit(spec(folder), folder / "run")
    assert caught.value.exit_code == 6
    places = sorted((folder / "run" / "checkpoints" / "member-0").iterdir())
    assert [place.name for place in places] == ["step-000003", "step-000004"]
    assert all(checkpoints.verify(place) for place in places)
    run.fit(spec(folder), folder / "run", resume=True)
    same(folder / "run", finished / "run")


def test_another_spec_or_table_is_not_continued(finished: Path, tmp_path: Path):
    place = tmp_path / "copy"
    shutil.copytree(finished, place)
    with pytest.raises(UsageProblem, match=r"train\.lr: 0\.5, was "):
        run.fit(spec(place, "train.lr=0.5"), place / "run", resume=True)
    frame = cohort()
    frame.loc[5, "dose"] = 9.9
    write(place, frame)
    with pytest.raises(UsageProblem, match="another table"):
        run.fit(spec(place), place / "run", resume=True)


def test_a_used_folder_is_refused_and_left_alone(finished: Path):
    before = ended(finished / "run")[0]
    with pytest.raises(UsageProblem, match="--resume") as caught:
        run.fit(spec(finished), finished / "run")
    assert caught.value.exit_code == 2
    assert ended(finished / "run")[0] == before


def test_what_is_no_run_is_named(tmp_path: Path):
    with pytest.raises(UsageProblem, match="no-run"):
        run.evaluate(tmp_path / "nothing")


def test_a_gate_closes_before_anything_is_trained(folder: Path):
    leaky = cohort().assign(copy=lambda frame: frame["sick"].map({"yes": 1, "no": 0}))
    write(folder, leaky)
    with pytest.raises(GateError, match="column-equals-target") as caught:
        run.fit(spec(folder, "modalities.labs.columns=[age, copy]"), folder / "run")
    assert caught.value.exit_code == 8
    assert not (folder / "run" / "checkpoints").exists()


@pytest.mark.parametrize("policy", ["error", "skip", "mask"])
def test_bad_rows_go_as_the_spec_says(folder: Path, policy: str):
    frame = cohort().astype({"dose": object})
    frame.loc[7, "dose"] = "plenty"
    write(folder, frame)
    asked = spec(folder, f"data.bad_rows={policy}", "train.epochs=1")
    if policy == "error":
        with pytest.raises(DataError, match='column "dose"') as caught:
            run.fit(asked, folder / "run")
        assert "cohort.csv:9" in caught.value.where
        return
    rows = run.fit(asked, folder / "run")["rows"]
    assert sum(rows.values()) == (95 if policy == "skip" else 96)
    lines = [json.loads(line) for line in (folder / "run" / "errors.jsonl").read_text().splitlines()]
    action = "skipped" if policy == "skip" else "masked"
    assert [(line["row"], line["column"], line["action"]) for line in lines] == [(7, "dose", action)]


def test_a_time_limit_is_kept(folder: Path):
    asked = spec(folder, "train.epochs=100000", "train.patience=100000", "train.time_limit=0.5")
    assert run.fit(asked, folder / "run")["seconds"] < 30
    (saved,) = events(folder / "run", "checkpoint")[-1:]
    assert 0 < saved["step"] < 400_000


def test_a_table_in_another_order_is_not_taken_for_the_run_s_own(finished: Path, tmp_path: Path):
    place = Path(shutil.copytree(finished, tmp_path / "copy"))
    cohort()[::-1].to_csv(place / "cohort.csv", index=False)
    with pytest.raises(UsageProblem, match="table-changed"):
        run.evaluate(place / "run")
    assert run.evaluate(place / "run", place / "cohort.csv")["rows"]["test"] == len(cohort())


def test_a_run_without_its_split_is_damaged(finished: Path, tmp_path: Path):
    place = Path(shutil.copytree(finished, tmp_path / "copy"))
    (place / "run" / "splits.parquet").unlink()
    with pytest.raises(DamagedError, match=r"splits\.parquet"):
        run.evaluate(place / "run")


@pytest.mark.parametrize("name", ["splits.parquet", "environment.json"])
def test_a_run_whose_file_was_changed_is_damaged(finished: Path, tmp_path: Path, name: str):
    place = Path(shutil.copytree(finished, tmp_path / "copy"))
    (place / "run" / name).write_text("xx")
    with pytest.raises(DamagedError, match="damaged-file"):
        run.evaluate(place / "run")


def test_a_folder_of_files_has_to_be_there(finished: Path, tmp_path: Path):
    cohort().to_csv(tmp_path / "new.csv", index=False)
    with pytest.raises(UsageProblem, match="--files"):
        run.predict(finished / "run", tmp_path / "new.csv", tmp_path / "p.csv", tmp_path / "nowhere")


def test_a_leak_that_was_accepted_is_written_down(folder: Path):
    asked = spec(folder, "train.epochs=1", "data.allow=[column-equals-target]")
    table = pd.read_csv(folder / "cohort.csv")
    table.assign(age=table["sick"]).to_csv(folder / "cohort.csv", index=False)
    run.fit(asked, folder / "run")
    found = json.loads((folder / "run" / "findings.json").read_text())["findings"]
    assert [(one["code"], one["accepted"]) for one in found if one["severity"] == "error"] == [
        ("column-equals-target", True)
    ]


def test_what_a_new_table_lacks_is_told(finished: Path, tmp_path: Path):
    cohort().drop(columns=["note"]).to_csv(tmp_path / "new.csv", index=False)
    told = run.predict(finished / "run", tmp_path / "new.csv", tmp_path / "p.csv")
    assert told["absent"] == {"note": "note"}
    assert run.evaluate(finished / "run", tmp_path / "new.csv")["absent"] == {"note": "note"}
    cohort()[["patient", "score"]].to_csv(tmp_path / "bare.csv", index=False)
    with pytest.raises(DataError, match="no-modality"):
        run.predict(finished / "run", tmp_path / "bare.csv", tmp_path / "q.csv")
    with pytest.raises(UsageProblem, match="no-folder"):
        run.predict(finished / "run", tmp_path / "new.csv", tmp_path / "no" / "p.csv")
    with pytest.raises(UsageProblem, match="output-is-input"):
        run.predict(finished / "run", tmp_path / "new.csv", tmp_path / "new.csv")


def test_labels_that_a_new_table_lacks_are_not_judged(finished: Path, tmp_path: Path):
    full = cohort()
    tasks = run.evaluate(finished / "run")["tasks"]
    targets = [task.target for task in spec(finished).build().tasks.values()]
    full.drop(columns=targets[0]).to_csv(tmp_path / "some.csv", index=False)
    found = run.evaluate(finished / "run", tmp_path / "some.csv")["tasks"]
    assert [bool(task["n"]) for task in found.values()] == [False] + [True] * (len(tasks) - 1)
    full.drop(columns=targets).to_csv(tmp_path / "none.csv", index=False)
    with pytest.raises(DataError, match="no-target"):
        run.evaluate(finished / "run", tmp_path / "none.csv")


def test_a_run_whose_table_is_gone_says_what_can_be_done(finished: Path, tmp_path: Path):
    place = Path(shutil.copytree(finished, tmp_path / "copy"))
    (place / "cohort.csv").unlink()
    with pytest.raises(DataError, match="no-such-table") as caught:
        run.evaluate(place / "run")
    assert str(place / "cohort.csv") in str(caught.value)
    assert "--data" in str(caught.value)


def test_rows_that_the_model_learned_from_are_counted(finished: Path, tmp_path: Path):
    split = pd.read_parquet(finished / "run" / "splits.parquet")["split"]
    taught = split.isin(["train", "validation"]).to_numpy()
    cohort()[::-1].to_csv(tmp_path / "turned.csv", index=False)
    assert run.evaluate(finished / "run", tmp_path / "turned.csv")["taught"] == taught.sum()
    cohort()[~taught].to_csv(tmp_path / "test.csv", index=False)
    assert run.evaluate(finished / "run", tmp_path / "test.csv")["taught"] == 0
    cohort().drop(columns=["note"]).to_csv(tmp_path / "less.csv", index=False)
    assert run.evaluate(finished / "run", tmp_path / "less.csv")["taught"] == 0
    assert "taught" not in run.evaluate(finished / "run")


def test_predictions_replace_a_file_only_where_that_is_asked_for(finished: Path, tmp_path: Path):
    out = tmp_path / "p.csv"
    out.write_text("mine")
    with pytest.raises(UsageProblem, match="output-exists"):
        run.predict(finished / "run", finished / "cohort.csv", out)
    assert out.read_text() == "mine"
    run.predict(finished / "run", finished / "cohort.csv", out, overwrite=True)
    assert len(pd.read_csv(out)) == len(cohort())
    with pytest.raises(UsageProblem, match="output-exists"):
        run.predict(finished / "run", finished / "cohort.csv", tmp_path)


def test_files_are_looked_for_beside_the_table_that_names_them(tmp_path: Path):
    old, new = tmp_path / "old", tmp_path / "new"
    for place, shade in ((old, 10), (new, 200)):
        place.mkdir()
        for row in range(24):
            Image.new("L", (8, 8), shade + row).save(place / f"{row}.png")
    frame = pd.DataFrame({"scan": [f"{row}.png" for row in range(24)], "y": ["a", "b"] * 12})
    for place in (old, new):
        frame.to_csv(place / "t.csv", index=False)
    told = {
        "data": {"table": str(old / "t.csv"), "split": {"test": 0.25, "seed": 0}},
        "modalities": {"scan": {"type": "image", "column": "scan", "size": 8}},
        "tasks": {"y": {"type": "binary", "target": "y"}},
        "train": {"epochs": 1, "members": 1},
    }
    run.fit(Spec.from_dict(told), tmp_path / "run")
    shutil.rmtree(old)
    assert run.predict(tmp_path / "run", new / "t.csv", tmp_path / "1.csv")["refused"] == 0
    frame.to_csv(tmp_path / "t.csv", index=False)
    assert run.predict(tmp_path / "run", tmp_path / "t.csv", tmp_path / "2.csv")["refused"] == 24
    assert run.predict(tmp_path / "run", tmp_path / "t.csv", tmp_path / "3.csv", new)["refused"] == 0
    assert run.evaluate(tmp_path / "run", tmp_path / "t.csv")["refused"] == 24
    assert run.evaluate(tmp_path / "run", tmp_path / "t.csv", new)["refused"] == 0


def test_what_is_drawn_and_written_is_predicted_and_what_is_looked_up_is_said(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    (tmp_path / "files").mkdir()
    words = draw.choice(["red", "green"], 40)
    for row, word in enumerate(words):
        colour = (200, row, 0) if word == "red" else (row, 200, 0)
        Image.new("RGB", (8, 8), colour).save(tmp_path / "files" / f"{row}.png")
    frame = pd.DataFrame(
        {
            "image": [f"{row}.png" for row in range(40)],
            "text": [f"a {word} thing, {row}" for row, word in enumerate(words)],
        }
    )
    frame.to_csv(tmp_path / "t.csv", index=False)
    plain = {
        "data": {"table": "t.csv", "files": "files"},
        "modalities": {
            "scan": {"type": "image", "column": "image", "size": 8},
            "text": {"type": "text", "columns": ["text"]},
        },
        "tasks": {
            "drawing": {"type": "picture", "target": "image", "size": 32, "steps": 2, "hides": ["scan"]},
            "find": {"type": "retrieval", "between": ["scan", "text"]},
        },
        "model": {"width": 8},
        "train": {"epochs": 1},
    }
    drawing = Spec.from_dict(plain, tmp_path)
    run.fit(drawing, tmp_path / "run")
    assert json.loads((tmp_path / "run" / "findings.json").read_text())["findings"] == []
    told = run.predict(tmp_path / "run", tmp_path / "t.csv", tmp_path / "p.csv")
    assert told["not_predicted"] == ["find"]
    said = pd.read_csv(tmp_path / "p.csv")
    assert said["drawing.prediction"][3] == "p.csv.pictures/drawing-3.png"
    with Image.open(tmp_path / said["drawing.prediction"][39]) as drawn:
        assert drawn.size == (32, 32)
    shown = drawing.override("tasks.drawing.hides=[]")
    with pytest.raises(GateError, match="target-among-inputs"):
        run.fit(shown, tmp_path / "shown")
