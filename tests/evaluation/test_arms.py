"""Every way of learning gets the same budget and the same rows."""

import json

import pandas as pd
import pytest

from polymodal import run
from polymodal.core import DataError, SpecError, UsageProblem
from polymodal.evaluation.arms import Arm, Bench
from polymodal.evaluation.transfer import Poison, transfer
from polymodal.spec import Spec
from tests.run.small import spec, write

FAST = ("train.epochs=2", "train.members=1", "train.batch_size=16")


@pytest.fixture(scope="module")
def bench(tmp_path_factory) -> Bench:
    folder = write(tmp_path_factory.mktemp("arms"))
    return Bench(spec(folder, *FAST), folder / "runs", [0, 1])


def test_alone_and_together_take_as_many_steps(bench):
    bench.scores(Arm(("sick",)))
    bench.scores(Arm(tuple(bench.names)))
    steps = {}
    for place in sorted(place for place in bench.out.iterdir() if place.is_dir()):
        events = [json.loads(line) for line in (place / "events.jsonl").read_text().splitlines()]
        steps[place.name] = max(event["step"] for event in events if event["event"] == "epoch")
    assert set(steps) == {"sick_seed-0", "sick_seed-1", "together_seed-0", "together_seed-1"}
    assert steps["together_seed-0"] == bench.steps
    # Fewer rows have that label, so that an epoch is shorter: as many steps as whole epochs come close to.
    assert abs(steps["sick_seed-0"] - bench.steps) <= bench.steps / 4


def test_all_are_judged_on_the_same_rows(bench):
    alone, together = bench.scores(Arm(("sick",))), bench.scores(Arm(tuple(bench.names)))
    assert list(alone) == ["sick"]
    assert set(together) == {"sick", "score", "signs"}
    assert alone["sick"].values.shape == (2,)
    assert alone["sick"].draws.shape == together["sick"].draws.shape
    assert (together["sick"].sign, together["score"].sign) == (1, 1)
    parts = [run.open_run(bench.out / name).fitted.split.test.tolist() for name in ("sick_seed-0", "together_seed-1")]
    assert parts[0] == parts[1]


def test_what_is_finished_is_not_trained_again(bench):
    told = []
    bench.scores(Arm(("sick",)))
    again = Bench(bench.spec, bench.out, [0, 1], note=told.append)
    again.scores(Arm(("sick",)))
    assert told == []


def test_what_another_spec_trained_is_not_compared(bench, tmp_path):
    bench.scores(Arm(("sick",)))
    changed = Bench(bench.spec.override("train.lr=0.02"), bench.out, [0, 1])
    with pytest.raises(UsageProblem, match="run-changed") as caught:
        changed.scores(Arm(("sick",)))
    assert "lr" in caught.value.found
    frame = pd.read_csv(bench.spec.folder / "cohort.csv")
    frame.assign(age=frame["age"] + 1).to_csv(tmp_path / "cohort.csv", index=False)
    with pytest.raises(UsageProblem, match="another table"):
        Bench(Spec.from_text(bench.spec.to_yaml(), tmp_path), bench.out, [0]).scores(Arm(("sick",)))
    (bench.out / "score_seed-7").mkdir()
    with pytest.raises(UsageProblem, match="unknown origin"):
        Bench(bench.spec, bench.out, [7]).scores(Arm(("score",)))


def test_a_task_may_be_called_like_all_of_them(bench):
    plain = bench.spec.to_dict()
    plain["tasks"] = {{"sick": "together"}.get(name, name): task for name, task in plain["tasks"].items()}
    named = Bench(bench.spec.replaced(plain), bench.out, [0])
    lone, whole = (named._place(Arm(tasks), 0, 1.0) for tasks in (("together",), tuple(named.names)))
    assert lone != whole


def test_what_does_not_exist_is_said_before_anything_is_trained(bench, tmp_path):
    told = []
    fresh = Bench(bench.spec, tmp_path / "runs", [0], note=told.append)
    names = tuple(fresh.names)
    for arm in (Arm(names, "bogus"), Arm(names, sharing="bogus")):
        with pytest.raises(SpecError, match="bogus"):
            fresh.check(arm)
    with pytest.raises(SpecError, match="bogus"):
        transfer(fresh, Poison("sick", 0.4, ["bogus"]))
    with pytest.raises(SpecError, match="bogus"):
        transfer(fresh, sharings=["bogus"])
    assert told == []


def test_wrong_answers_are_of_the_training_rows_alone(bench):
    bench.scores(Arm(tuple(bench.names)))
    bench.scores(Arm(tuple(bench.names), None, ("sick", 1.0)))
    place = bench.out / "together_sick-wrong-1_seed-0"
    opened = run.open_run(place).fitted
    kept = opened.table.column("sick").tolist()
    assert kept == run.open_run(bench.out / "together_seed-0").fitted.table.column("sick").tolist()
    assert (
        run.evaluate(place)["tasks"]["sick"]["n"] == run.evaluate(bench.out / "together_seed-0")["tasks"]["sick"]["n"]
    )


def test_the_best_of_several_learning_rates_is_chosen_on_validation_rows(bench, monkeypatch):
    told = []
    tuned = Bench(bench.spec, bench.out, [0], tune=2, note=told.append)
    tuned.scores(Arm(("score",)))
    assert [line.split(":")[0] for line in told] == ["score_seed-0", "score_rate-0.3_seed-0"]


def test_a_metric_that_the_test_rows_do_not_define_is_an_error(tmp_path):
    folder = write(tmp_path)
    table = (folder / "cohort.csv").read_text().replace(",yes,", ",no,")
    (folder / "cohort.csv").write_text(table)
    with pytest.raises(DataError):
        Bench(spec(folder, *FAST), folder / "runs", [0]).scores(Arm(("sick",)))
