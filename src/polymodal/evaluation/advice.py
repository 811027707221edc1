"""What a comparison of tasks says, in plain sentences, and what to do about it."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from polymodal.evaluation.effects import Effect

__all__ = ["advice", "of_sharing", "of_spread", "sentences"]

Helps = Mapping[str, Mapping[str, Effect]]
APART = -0.1
"""Gradients with a mean cosine below this pull against one another; near 0 they have little to do with each other."""


def sentences(headlines: Mapping[str, str], gains: Mapping[str, Effect], helps: Helps) -> list[str]:
    """A sentence for each gain, and one for each help or harm that chance does not explain."""
    told = []
    for task, gain in gains.items():
        how = {1: "is better learned with the others than alone", -1: "is better learned alone than with the others"}
        seen = "these rows" if gain.seeds > 1 else "one seed"
        words = how.get(gain.sure, f"is learned as well alone as with the others, as far as {seen} can tell")
        told.append(f"{task} {words}: {headlines[task]} {_shown(gain)}.")
    for task, others in helps.items():
        for other, found in others.items():
            if found.sure:
                word = "helps" if found.sure > 0 else "hurts"
                told.append(f"{other} {word} {task}: {headlines[task]} {_shown(found)} with it among the rest.")
    return told


def of_spread(spoilt: str, balancer: str, by_task: Mapping[str, Effect]) -> str:
    """What wrong answers of one task did to `by_task`, the others, balanced so ("by mgda")."""
    hurt = [f"{task} ({_shown(found)})" for task, found in by_task.items() if found.sure < 0]
    where = f"spreads to {', '.join(hurt)}" if hurt else "does not spread to the other tasks by more than chance"
    return f"Harm done to {spoilt} {where}, balanced {balancer}."


def of_sharing(way: str, by_task: Mapping[str, Effect]) -> str:
    """What another way of sharing did to the tasks."""
    parts = [f"{task} {_shown(found)}" for task, found in by_task.items() if found.sure]
    told = ", ".join(parts) or "no task does better or worse by more than chance"
    return f"Shared by {way} instead of as in the spec: {told}."


def advice(
    tasks: Mapping[str, str],
    gains: Mapping[str, Effect],
    helps: Helps,
    cosines: Mapping[str, Sequence[tuple[int, float]]],
) -> list[str]:
    """What to leave out, group, weigh anew or give a branch of its own; `tasks` are those of what is asked."""
    if any(gain.seeds < 2 for gain in gains.values()):
        return ["Repeat it with three seeds or more: with one, chance in training is in no interval."]
    told = [line for other in dict.fromkeys(tasks.values()) for line in _company(tasks, helps, other)]
    for pair, steps in cosines.items():
        mean, (first, other) = float(np.mean([cosine for _, cosine in steps])), pair.split(", ")
        one, two = (tasks.get(name, name) for name in (first, other))
        harmed = one in _touched(tasks, helps, two, -1) or two in _touched(tasks, helps, one, -1)
        if mean < APART and harmed:
            told.append(
                f"The gradients of {first} and {other} pull against one another (mean cosine {mean:.2f}): "
                "a balancer that avoids conflicts (up_grad), or branches of their own, may keep both."
            )
    alone = [asked for asked, gain in gains.items() if gain.sure < 0]
    named = {tasks[asked]: 0 for asked in alone if not any(found.sure < 0 for found in helps[asked].values())}
    if named:
        told.append(f"Learn {_and(list(named))} alone: together costs more than any one of the others explains.")
    if not told and any(gain.sure > 0 for gain in gains.values()):
        return ["Keep the tasks together: some gain, and none loses by more than chance."]
    return told or ["No evidence that these tasks help or hurt one another: keep together what is cheaper together."]


def _company(tasks: Mapping[str, str], helps: Helps, other: str) -> Iterator[str]:
    """With whom a task is learned best; nothing of a task that it helps in one aspect and hurts in another."""
    helped, harmed = (_touched(tasks, helps, other, sign) for sign in (1, -1))
    hurt = [task for task in harmed if task not in helped]
    if hurt and not helped:
        yield (
            f"Leave {other} out of what {_and(hurt)} learn{'s' * (len(hurt) == 1)} from, or lower its weight: "
            "it hurts and helps nobody."
        )
    elif hurt:
        yield f"Learn {other} with {_and(helped)} only: it helps there, and hurts {_and(hurt)}."


def _touched(tasks: Mapping[str, str], helps: Helps, other: str, sign: int) -> list[str]:
    """The tasks that another one surely helps (sign 1) or hurts (-1), in some aspect."""
    told = (tasks[asked] for asked, found in helps.items() if other in found and found[other].sure == sign)
    return list(dict.fromkeys(told))


def _shown(found: Effect) -> str:
    if found.low is None or found.high is None:
        return f"{found.difference:+.3g} (too few rows, or groups, for an interval)"
    return f"{found.difference:+.3g} ({found.low:+.3g} to {found.high:+.3g})"


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
