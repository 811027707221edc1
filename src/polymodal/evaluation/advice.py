"""What a comparison of tasks says, in plain sentences, and what to do about it."""

from collections.abc import Mapping, Sequence

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
    """What wrong answers of one task did to the others under a balancer."""
    hurt = [f"{task} ({_shown(found)})" for task, found in by_task.items() if task != spoilt and found.sure < 0]
    where = f"spreads to {', '.join(hurt)}" if hurt else "does not spread to the other tasks by more than chance"
    return f"Harm done to {spoilt} {where}, balanced by {balancer}."


def of_sharing(way: str, by_task: Mapping[str, Effect]) -> str:
    """What another way of sharing did to the tasks."""
    parts = [f"{task} {_shown(found)}" for task, found in by_task.items() if found.sure]
    told = ", ".join(parts) or "no task does better or worse by more than chance"
    return f"Shared by {way} instead of as in the spec: {told}."


def advice(gains: Mapping[str, Effect], helps: Helps, cosines: Mapping[str, Sequence[tuple[int, float]]]) -> list[str]:
    """What to leave out, group, weigh anew or give a branch of its own."""
    if any(gain.seeds < 2 for gain in gains.values()):
        return ["Repeat it with three seeds or more: with one, chance in training is in no interval."]
    told = []
    for other in gains:
        hurt = [task for task in helps if other in helps[task] and helps[task][other].sure < 0]
        helped = [task for task in helps if other in helps[task] and helps[task][other].sure > 0]
        if hurt and not helped:
            told.append(
                f"Leave {other} out of what {_and(hurt)} learn{'s' * (len(hurt) == 1)} from, or lower its weight: "
                "it hurts and helps nobody."
            )
        elif hurt:
            told.append(f"Learn {other} with {_and(helped)} only: it helps there, and hurts {_and(hurt)}.")
    for pair, steps in cosines.items():
        mean = float(np.mean([cosine for _, cosine in steps]))
        first, other = pair.split(", ")
        harmed = any(helps[a][b].sure < 0 for a, b in ((first, other), (other, first)))
        if mean < APART and harmed:
            told.append(
                f"The gradients of {first} and {other} pull against one another (mean cosine {mean:.2f}): "
                "a balancer that avoids conflicts (up_grad), or branches of their own, may keep both."
            )
    alone = [task for task, gain in gains.items() if gain.sure < 0]
    named = [task for task in alone if not any(found.sure < 0 for found in helps[task].values())]
    if named:
        told.append(f"Learn {_and(named)} alone: together costs more than any one of the others explains.")
    if not told and any(gain.sure > 0 for gain in gains.values()):
        return ["Keep the tasks together: some gain, and none loses by more than chance."]
    return told or ["No evidence that these tasks help or hurt one another: keep together what is cheaper together."]


def _shown(found: Effect) -> str:
    if found.low is None or found.high is None:
        return f"{found.difference:+.3g} (too few rows for an interval)"
    return f"{found.difference:+.3g} ({found.low:+.3g} to {found.high:+.3g})"


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
