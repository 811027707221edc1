"""The three answers follow from the figures, and from nothing else."""

from typing import Any

import numpy as np
import pytest

from polymodal.report.facts import Facts, TaskFacts
from polymodal.report.verdict import better, next_steps, standing, trusted

QUIET = {"data": {"group": "site"}}


def task(name: str = "ill", interval: tuple[float, float] | None = (0.01, 0.05), **entry: Any) -> TaskFacts:
    """A task with 1,000 test rows and a plain model beside it."""
    gap = {"metric": "auroc", "difference": 0.03, "baseline": "linear", "interval": interval}
    told: dict[str, Any] = {
        "type": "binary", "n": 1000, "headline": "auroc", "higher_is_better": True, "classes": ["no", "yes"],
        "metrics": {"auroc": 0.9, "ece": 0.01}, "intervals": {"auroc": [0.88, 0.92], "ece": [0.0, 0.02]},
        "baselines": {"linear": {"metrics": {"auroc": 0.87}}}, "versus_plain": gap if interval else None,
    }  # fmt: skip
    nothing = np.empty(0, dtype=object)
    return TaskFacts(name, "classes", told | entry, nothing, nothing, nothing, None, ())


def facts(*tasks: TaskFacts, **parts: Any) -> Facts:
    told = {"metrics": {"rows": {"train": 800, "validation": 100, "test": 1000}}, "spec": QUIET} | parts
    return Facts("run", tasks=tasks, **told)


@pytest.mark.parametrize(
    ("interval", "word"),
    [((0.01, 0.05), "better"), ((-0.01, 0.05), "even"), ((-0.05, -0.01), "worse"), (None, "unknown")],
)
def test_standing_is_read_off_the_interval(interval: tuple[float, float] | None, word: str) -> None:
    assert standing(task(interval=interval)) == word


def test_better_everywhere_is_a_plain_yes() -> None:
    answer = better(facts(task("a"), task("b"), task("c")))
    assert (answer.mood, answer.sentence) == ("good", "Yes, on all 3 tasks.")


def test_worse_somewhere_is_said_first() -> None:
    answer = better(facts(task("a"), task("b", (-0.05, -0.01))))
    assert (answer.mood, answer.sentence) == ("bad", "No: worse on b.")


def test_no_evidence_is_not_called_better() -> None:
    assert better(facts(task("a", (-0.01, 0.05)))).sentence == "No evidence that it is."
    assert better(facts(task("a"), task("b", (-0.1, 0.1)))).mood == "unsure"


def test_without_plain_models_nothing_is_claimed() -> None:
    assert better(facts(task(interval=None))).mood == "unsure"


def test_what_was_not_tested_is_said_to_be_untested() -> None:
    nothing = facts(task(interval=None, n=0, metrics={}), metrics={"rows": {"train": 30, "test": 0}})
    assert better(nothing).sentence == "Not known: nothing was tested."
    assert "Not tested at all: ill" in trusted(nothing).reasons[0]
    assert trusted(nothing).sentence == "Not known: nothing was tested."
    assert next_steps(nothing).sentence == "One thing."
    assert "Test ill on more rows" in next_steps(nothing).reasons[0]
    few = facts(task(interval=None, n=3, metrics={"auroc": 0.9, "ece": 0.4}, intervals={}))
    assert not any("probabilities" in reason for reason in (*trusted(few).reasons, *next_steps(few).reasons))
    assert better(few).sentence == "Not known: too few test rows to tell."
    assert "0.900 on 3 test rows, too few" in better(few).reasons[0]
    undefined = facts(task(interval=None, n=3, metrics={}))
    assert "undefined on 3 test rows" in better(undefined).reasons[0]


def test_judged_once_is_said_of_this_run_only() -> None:
    (reason,) = (reason for reason in trusted(facts(task())).reasons if "judged once" in reason)
    assert reason.startswith("In this run it was judged once, on 1\u202f000 test rows")


def test_figures_stand_in_the_reasons() -> None:
    (reason,) = better(facts(task())).reasons
    assert "0.900" in reason
    assert "0.870 for the linear model" in reason
    assert "0.010 to 0.050" in reason


def test_nothing_against_it_is_trusted() -> None:
    assert trusted(facts(task())).mood == "good"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"spec": {}}, "split one by one"),
        ({"findings": [{"code": "few", "severity": "warning", "where": "x", "message": "has 4 rows"}]}, "has 4 rows"),
        ({"refusals": [{"row": row} for row in range(300)]}, "could not be read"),
    ],
)
def test_doubts_are_named(changed: dict[str, Any], words: str) -> None:
    answer = trusted(facts(task(), **changed))
    assert answer.mood == "unsure"
    assert words in answer.reasons[0]


def test_an_accepted_leak_is_never_trusted() -> None:
    finding = {"code": "group-on-both-sides", "severity": "error"}
    answer = trusted(facts(task(), findings=[finding]))
    assert answer.mood == "bad"
    assert "group-on-both-sides" in answer.sentence


def test_an_accepted_leak_is_named_and_nothing_it_denies_is_said() -> None:
    told = {"code": "same-row-on-both-sides", "severity": "error", "where": "all inputs", "message": "2 rows"}
    answer = trusted(facts(task(), findings=[told | {"accepted": True}]))
    assert answer.sentence == "Not as it stands: same-row-on-both-sides was accepted on purpose."
    both = [told | {"code": code} for code in ("one-class", "id-among-inputs")]
    assert "id-among-inputs and one-class were accepted" in trusted(facts(task(), findings=both)).sentence
    assert answer.reasons[0] == "all inputs: 2 rows (accepted on purpose)."
    assert not any("found none" in reason or "took no part" in reason for reason in answer.reasons)


def test_an_accepted_warning_is_a_reservation() -> None:
    told = {"code": "few", "severity": "warning", "where": "x", "message": "has 4 rows", "accepted": True}
    answer = trusted(facts(task(), findings=[told]))
    assert answer.sentence == "Yes, with one reservation."
    assert answer.reasons[0] == "x: has 4 rows (accepted on purpose)."


@pytest.mark.parametrize("missing", [{"checked": False}])
def test_what_the_checks_found_may_not_be_known(missing: dict[str, Any]) -> None:
    answer = trusted(facts(task(), **missing))
    assert answer.mood == "unsure"
    assert "not known whether" in answer.reasons[0]
    assert not any("found none" in reason for reason in answer.reasons)


def test_groups_that_were_counted_on_both_sides_are_said() -> None:
    assert trusted(facts(task(), shared=2)).reasons[0].startswith("Rows of one site are both in the test and")
    assert not any("No site" in reason for reason in trusted(facts(task(), shared=2)).reasons)
    assert any("No site is in both" in reason for reason in trusted(facts(task(), shared=0)).reasons)


@pytest.mark.parametrize(("many", "words"), [(1, "1 site"), (4, "4 sites")])
def test_too_few_groups_are_the_reason_that_is_given(many: int, words: str) -> None:
    sizes = {"rows": {"train": 800, "test": 117}, "groups": {"test": {"count": many}}}
    lumped = facts(task(interval=None, n=117, intervals={}), metrics=sizes)
    why = f"the test holds rows of {words} only, so chance cannot be judged"
    assert better(lumped).sentence == f"Not known: {why}."
    assert better(lumped).reasons == [f"ill: AUROC 0.900 on 117 test rows, {why}."]
    assert trusted(lumped).mood == "unsure"
    assert trusted(lumped).reasons[0] == f"T{why[1:]}."
    assert next_steps(lumped).reasons[0].startswith("Test ill on rows of at least 5 sites")


@pytest.mark.parametrize(
    ("entry", "words"),
    [({"metrics": {}}, "AUROC is undefined"), ({"n": 50}, "labelled test rows of ill are of fewer than 5 sites")],
)
def test_no_interval_is_always_a_doubt(entry: dict[str, Any], words: str) -> None:
    answer = trusted(facts(task(interval=None, **{"intervals": {}} | entry)))
    assert answer.mood == "unsure"
    assert any(words in reason for reason in answer.reasons)
    assert next_steps(facts(task(interval=None, **{"intervals": {}} | entry))).mood == "advice"


@pytest.mark.parametrize(("metric", "wide"), [("r2", True), ("qwk", True), ("mae", False)])
def test_how_wide_is_wide_goes_by_the_metric(metric: str, wide: bool) -> None:
    told = task(headline=metric, metrics={metric: 0.5}, intervals={metric: [-1.5, 0.9]})
    assert any("uncertain for ill" in reason for reason in trusted(facts(told)).reasons) is wide


def test_few_rows_wide_intervals_and_bad_probabilities_are_doubts() -> None:
    poor = task(
        n=40, metrics={"auroc": 0.8, "ece": 0.2}, intervals={"auroc": [0.6, 0.95], "ece": [0.1, 0.3]},
    )  # fmt: skip
    assert len(trusted(facts(poor)).reasons) >= 3
    assert "three reservations" in trusted(facts(poor)).sentence


def test_a_sound_run_needs_nothing() -> None:
    assert next_steps(facts(task())).sentence.startswith("Use it")


def test_a_useless_modality_is_named_only_if_no_task_needs_it() -> None:
    idle, needed = ({"adds": {"difference": d, "interval": [d - 0.01, d + 0.01]}} for d in (0.0, 0.2))
    assert "“scan” adds nothing" in next_steps(facts(task(dark={"scan": idle}))).reasons[0]
    assert next_steps(facts(task(dark={"scan": idle}), task("b", dark={"scan": needed}))).mood == "good"


def test_a_modality_that_tells_something_alone_is_spare_and_not_useless() -> None:
    gap = {"difference": 0.0, "interval": [-0.01, 0.01]}
    told = {"dark": {"scan": {"adds": gap}}, "alone": {"scan": {"intervals": {"auroc": [0.7, 0.8]}}}}
    floors = {"trivial": {"metrics": {"auroc": 0.5}}, "linear": {"metrics": {"auroc": 0.87}}}
    steps = " ".join(next_steps(facts(task(baselines=floors, **told))).reasons)
    assert "tells of ill when it is alone: keep it" in steps
    told["alone"]["scan"]["intervals"]["auroc"] = [0.45, 0.6]
    assert "check how it is read, or leave it out" in " ".join(
        next_steps(facts(task(baselines=floors, **told))).reasons
    )


def test_what_has_no_plain_rival_is_judged_by_its_interval() -> None:
    alone = {"interval": None, "n": 41, "baselines": {}}
    assert "nothing can be said" not in " ".join(next_steps(facts(task(**alone))).reasons)
    blind = next_steps(facts(task(**alone, intervals={})))
    assert "chance cannot be judged" in " ".join([blind.sentence, *blind.reasons])


def test_a_plain_model_is_advised_where_it_is_better() -> None:
    assert next_steps(facts(task(interval=(-0.05, -0.01)))).reasons[0].startswith("For ill, use the linear model")


def test_the_weakest_class_is_named_with_what_it_is_taken_for() -> None:
    truth = np.array(["yes"] * 20 + ["no"] * 80, object)
    said = np.array(["no"] * 100, object)
    base = task()
    weak = TaskFacts("ill", "classes", base.entry, np.arange(100), truth, said, None, ())
    assert "“yes” of ill: only 0 % of its 20 rows" in next_steps(facts(weak)).reasons[0]


def test_a_run_that_was_still_learning_is_told_to_go_on() -> None:
    events = [{"event": "epoch", "epoch": epoch, "best": True} for epoch in range(1, 6)]
    assert "Train longer" in next_steps(facts(task(), events=events)).reasons[0]
