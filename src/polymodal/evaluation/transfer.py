"""Which task helps and which one hurts another: each alone, all together, and all but one, at one budget."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from polymodal.core import UsageProblem, did_you_mean
from polymodal.evaluation.advice import advice, of_sharing, of_spread, sentences
from polymodal.evaluation.arms import Arm, Bench
from polymodal.evaluation.effects import Effect, Scores, effect, mean_effect

__all__ = ["Poison", "Transfer", "balanced", "transfer"]

AS_GIVEN = "as in the spec"
"""What stands in place of a name for the balancer of the spec."""


@dataclass(frozen=True)
class Poison:
    """A task, the share of its training answers that are made wrong, and the balancers that have to cope with it."""

    task: str
    rate: float = 0.4
    balancers: Sequence[str] = ()


@dataclass(frozen=True)
class Transfer:
    """What came of learning tasks alone, together, and all but one.

    A task is asked by its name; one with several aspects (the energy, forces and dipole of a potential) is asked for
    each, as "task.aspect", and `tasks` says whose each is. `headlines` are the metrics by what is asked, `alone` and
    `together` their means over the seeds. `gains` are how much better something does together than alone;
    `helps[asked][other]` how much better it does with the other task among the rest than without. `relative` is the
    mean gain over tasks in percent, None where that means nothing. `cosines`, by a pair "a, b", are (step, cosine of
    their gradients), the mean over seeds and members. `spread[balancer][asked]` is what wrong answers of `poison`
    change, and `shared[sharing][asked]` how much better it does together when that much is shared than as in the spec.
    `steps`, `seeds` and `tuned` (learning rates tried) are the budget that every way of learning had.
    """

    tasks: Mapping[str, str]
    headlines: Mapping[str, str]
    alone: Mapping[str, float]
    together: Mapping[str, float]
    gains: Mapping[str, Effect]
    relative: Effect | None
    helps: Mapping[str, Mapping[str, Effect]]
    cosines: Mapping[str, Sequence[tuple[int, float]]]
    poison: Poison | None
    spread: Mapping[str, Mapping[str, Effect]]
    shared: Mapping[str, Mapping[str, Effect]]
    steps: int
    seeds: int
    tuned: int

    @property
    def sentences(self) -> list[str]:
        """What was found, a plain sentence for each finding."""
        told = sentences(self.headlines, self.gains, self.helps)
        if self.poison is not None:
            spoilt, others = self.poison.task, [name for name, task in self.tasks.items() if task != self.poison.task]
            for balancer, by_name in self.spread.items():
                told.append(of_spread(spoilt, balanced(balancer), {name: by_name[name] for name in others}))
        return told + [of_sharing(*item) for item in self.shared.items()]

    @property
    def advice(self) -> list[str]:
        """What to do about it."""
        return advice(self.tasks, self.gains, self.helps, self.cosines)

    def as_dict(self) -> dict[str, Any]:
        """As JSON data."""
        return asdict(self) | {"sentences": self.sentences, "advice": self.advice}


def transfer(bench: Bench, poison: Poison | None = None, sharings: Sequence[str] = ()) -> Transfer:
    """Train what has to be compared, and compare it on the test rows.

    With K tasks these are 2 K + 1 ways of learning (3 for two tasks); for a poison one more for each balancer, and one
    without it for each balancer that is not the spec's own; for other ways of sharing one more each. Raises
    UsageProblem for a single task, and for a task that is not there.
    """
    names = tuple(bench.names)
    if len(names) < 2:
        raise _too_few(names)
    if poison is not None and poison.task not in names:
        raise _unknown(poison.task, names)
    for balancer in poison.balancers if poison else ():
        bench.check(Arm(names, balancer))
    for way in sharings:
        bench.check(Arm(names, sharing=way))
    all_of_them = bench.scores(Arm(names))
    tasks = {asked: scores.task for asked, scores in all_of_them.items()}
    alone = {asked: bench.scores(Arm((task,)))[asked] for asked, task in tasks.items()}
    fewer = {other: bench.scores(Arm(tuple(name for name in names if name != other))) for other in names}
    helps = {
        asked: {other: effect(scores, fewer[other][asked]) for other in names if other != tasks[asked]}
        for asked, scores in all_of_them.items()
    }
    return Transfer(
        tasks,
        {asked: bench.headlines[task] for asked, task in tasks.items()},
        {asked: float(scores.values.mean()) for asked, scores in alone.items()},
        {asked: float(scores.values.mean()) for asked, scores in all_of_them.items()},
        _better(all_of_them, alone),
        mean_effect([(all_of_them[asked], alone[asked]) for asked in tasks]),
        helps,
        _cosines(bench, Arm(names)),
        poison,
        {} if poison is None else _spread(bench, names, poison),
        {way: _better(bench.scores(Arm(names, sharing=way)), all_of_them) for way in sharings},
        bench.steps,
        len(bench.seeds),
        bench.tune,
    )


def _spread(bench: Bench, names: tuple[str, ...], poison: Poison) -> dict[str, dict[str, Effect]]:
    """By balancer, how much better or worse each task does once answers of the poisoned one are wrong."""
    found = {}
    for balancer in poison.balancers or (None,):
        clean = bench.scores(Arm(names, balancer))
        wrong = bench.scores(Arm(names, balancer, (poison.task, poison.rate)))
        found[balancer or AS_GIVEN] = _better(wrong, clean)
    return found


def balanced(balancer: str) -> str:
    """How tasks are balanced, as a sentence says it."""
    return balancer if balancer == AS_GIVEN else f"by {balancer}"


def _better(ours: Mapping[str, Scores], theirs: Mapping[str, Scores]) -> dict[str, Effect]:
    return {name: effect(ours[name], theirs[name]) for name in theirs}


def _cosines(bench: Bench, arm: Arm) -> dict[str, list[tuple[int, float]]]:
    """By pair of tasks, or of what they balance apart, the mean cosine at each step that was looked at.

    Steps where one had no label are left out.
    """
    seen: dict[str, dict[int, list[float]]] = {}
    for event in bench.cosines(arm):
        known = [
            (place, name)
            for place, name in enumerate(event["names"])
            if name in arm.tasks or name.rpartition(".")[0] in arm.tasks
        ]
        for (place, name), (at, other) in itertools.combinations(known, 2):
            if event["cosines"][place][at] is not None:
                steps = seen.setdefault(f"{name}, {other}", {})
                steps.setdefault(int(event["step"]), []).append(event["cosines"][place][at])
    return {
        pair: [(step, float(np.mean(values))) for step, values in sorted(steps.items())] for pair, steps in seen.items()
    }


def _too_few(names: Sequence[str]) -> UsageProblem:
    return UsageProblem(
        "too-few-tasks",
        where="tasks",
        expected="two tasks or more, which may help or hurt one another",
        found=", ".join(names) or "none",
        remedy="add a task to the spec",
    )


def _unknown(task: str, names: Sequence[str]) -> UsageProblem:
    expected = f"a task of the spec: {', '.join(names)}"
    return UsageProblem(
        "unknown-task", where="--poison", expected=expected, found=f'"{task}"', remedy=did_you_mean(task, names)
    )
