"""Sentences say what the intervals say, and advice follows from harm that is sure."""

from polymodal.evaluation.advice import advice, of_sharing, of_spread, sentences
from polymodal.evaluation.effects import Effect

GOOD, BAD, EVEN = Effect(0.05, 0.02, 0.08), Effect(-0.05, -0.08, -0.02), Effect(0.01, -0.02, 0.04)
TASKS = {name: name for name in "abc"}
HEADLINES = {"a": "accuracy", "b": "mae", "c": "auroc"}


def helps(**found: dict[str, Effect]) -> dict[str, dict[str, Effect]]:
    return {name: {other: EVEN for other in "abc" if other != name} | found.get(name, {}) for name in "abc"}


def test_each_gain_is_told_and_only_sure_help_and_harm():
    told = sentences(HEADLINES, {"a": GOOD, "b": BAD, "c": EVEN}, helps(b={"c": BAD}))
    assert told == [
        "a is better learned with the others than alone: accuracy +0.05 (+0.02 to +0.08).",
        "b is better learned alone than with the others: mae -0.05 (-0.08 to -0.02).",
        "c is learned as well alone as with the others, as far as these rows can tell: auroc +0.01 (-0.02 to +0.04).",
        "c hurts b: mae -0.05 (-0.08 to -0.02) with it among the rest.",
    ]


def test_harm_that_spreads_is_told_of_the_others_only():
    told = of_spread("a", "by equal", {"b": BAD, "c": EVEN})
    assert told == "Harm done to a spreads to b (-0.05 (-0.08 to -0.02)), balanced by equal."
    told = of_spread("a", "as in the spec", {"b": EVEN, "c": EVEN})
    assert told == "Harm done to a does not spread to the other tasks by more than chance, balanced as in the spec."


def test_sharing_is_told_where_it_changes_something():
    told = of_sharing("experts", {"a": GOOD, "b": EVEN})
    assert told == "Shared by experts instead of as in the spec: a +0.05 (+0.02 to +0.08)."
    assert "no task does better or worse" in of_sharing("branches", {"a": EVEN, "b": EVEN})


def test_a_task_that_only_hurts_is_left_out():
    (told,) = advice(TASKS, dict.fromkeys("abc", EVEN), helps(b={"c": BAD}), {})
    assert told.startswith("Leave c out of what b learns from")


def test_a_task_that_helps_one_and_hurts_another_is_grouped():
    (told,) = advice(TASKS, dict.fromkeys("abc", EVEN), helps(b={"c": BAD}, a={"c": GOOD}), {})
    assert told == "Learn c with a only: it helps there, and hurts b."


def test_gradients_that_pull_apart_ask_for_a_balancer_where_harm_was_seen():
    apart = {"b, c": [(0, -0.3), (10, -0.5)], "a, b": [(0, -0.9)]}
    told = advice(TASKS, dict.fromkeys("abc", EVEN), helps(b={"c": BAD}), apart)
    assert [("up_grad" in line, "b and c" in line) for line in told] == [(False, False), (True, True)]


def test_without_harm_the_tasks_stay_together():
    assert advice(TASKS, {"a": GOOD, "b": EVEN, "c": EVEN}, helps(), {})[0].startswith("Keep the tasks together")
    assert advice(TASKS, dict.fromkeys("abc", EVEN), helps(), {})[0].startswith("No evidence")
    assert advice(TASKS, {"a": BAD, "b": EVEN, "c": EVEN}, helps(), {})[0].startswith("Learn a alone")


def test_one_seed_gives_no_advice_but_more_seeds():
    lone = Effect(0.05, 0.02, 0.08, seeds=1)
    (told,) = advice(TASKS, dict.fromkeys("abc", lone), helps(b={"c": Effect(-0.05, -0.08, -0.02, seeds=1)}), {})
    assert told.startswith("Repeat it with three seeds")
    (told, *_) = sentences(HEADLINES, {"a": lone}, {})
    assert "as far as one seed can tell" in told


def test_aspects_of_a_task_are_advised_on_as_one_task():
    tasks = {"a.energy": "a", "a.forces": "a", "b": "b"}
    gains = dict.fromkeys(tasks, EVEN)
    hurt = {"a.energy": {"b": BAD}, "a.forces": {"b": BAD}, "b": {"a": EVEN}}
    (told,) = advice(tasks, gains, hurt, {"a.energy, a.forces": [(0, -0.9)]})
    assert told == "Leave b out of what a learns from, or lower its weight: it hurts and helps nobody."
    mixed = hurt | {"a.forces": {"b": GOOD}}
    (told,) = advice(tasks, gains, mixed, {})
    assert told.startswith("No evidence")
    told = advice(tasks, gains, hurt, {"a.forces, b": [(0, -0.9)]})
    assert "The gradients of a.forces and b pull against one another" in told[1]
