"""The three answers of the first screen, by rules that are written here and nowhere else."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from polymodal.report.facts import Facts, TaskFacts
from polymodal.report.sides import STRADDLING, apart
from polymodal.report.wording import FLOORS, counted, gain, heading, joined, label, number, percent, span
from polymodal.tasks.intervals import FEWEST_GROUPS, FEWEST_ROWS

__all__ = ["Answer", "Standing", "better", "next_steps", "standing", "trusted"]

Standing = Literal["better", "even", "worse", "unknown"]

FEW_ROWS = 100  # labelled test rows under which an interval says more than the figure
WIDE = 0.10  # width of an interval of a metric that ends at 1
SHARES = frozenset(
    {
        "accuracy", "balanced_accuracy", "macro_f1", "f1", "auroc", "auprc", "brier", "ece", "r2", "pearson",
        "spearman", "qwk", "c_index", "exact_match",
    }
)  # fmt: skip
MISCALIBRATED = 0.05
FEW_OF_A_CLASS = 10
_NUMBERS = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")


@dataclass(frozen=True)
class Answer:
    """One answer: a mood for its look, one sentence that says it, and sentences that give the reasons."""

    mood: Literal["good", "unsure", "bad", "advice"]
    sentence: str
    reasons: Sequence[str]


def standing(task: TaskFacts) -> Standing:
    """Whether a task is better than the better plain model: by the 95 % interval of the paired difference."""
    versus = task.entry.get("versus_plain")
    if not versus:
        return "unknown"
    low, high = versus["interval"]
    return "better" if low > 0 else "worse" if high < 0 else "even"


def better(facts: Facts) -> Answer:
    """Is it better than a plain model? By each task's paired difference from the better plain one."""
    groups: dict[Standing, list[str]] = {"better": [], "even": [], "worse": [], "unknown": []}
    for task in facts.tasks:
        groups[standing(task)].append(task.name)
    reasons = [_compared(facts, task) for task in facts.tasks]
    judged = len(facts.tasks) - len(groups["unknown"])
    if judged == 0:
        return Answer("unsure", f"Not known: {_why_unknown(facts)}.", reasons)
    if len(groups["better"]) == judged:
        every = "the one task" if judged == 1 else "both tasks" if judged == 2 else f"all {judged} tasks"
        return Answer("good", f"Yes, on {every}.", reasons)
    if groups["worse"]:
        return Answer("bad", f"No: worse on {joined(groups['worse'])}.", reasons)
    if groups["better"]:
        sentence = f"Yes on {len(groups['better'])} of {judged} tasks; no evidence for {joined(groups['even'])}."
        return Answer("unsure", sentence, reasons)
    return Answer("unsure", "No evidence that it is.", reasons)


def trusted(facts: Facts) -> Answer:
    """Can it be trusted? Doubts first, then the grounds there are."""
    doubts, grounds = list(_doubts(facts)), list(_grounds(facts))
    grave = [finding for finding in facts.findings if finding.get("severity") == "error"]
    if grave:
        codes = joined(sorted({str(finding["code"]) for finding in grave}))
        on_purpose = all(finding.get("accepted", True) for finding in grave)
        verb = "was" if len({str(finding["code"]) for finding in grave}) == 1 else "were"
        sentence = f"Not as it stands: {codes} {verb} {'accepted on purpose' if on_purpose else 'found'}."
        return Answer("bad", sentence, [*doubts, *grounds])
    if not any(task.entry["n"] for task in facts.tasks):
        return Answer("unsure", f"Not known: {_why_unknown(facts)}.", [*doubts, *grounds])
    if doubts:
        sentence = (
            "Yes, with one reservation."
            if len(doubts) == 1
            else f"With care: {_NUMBERS[min(len(doubts), 9)].lower()} reservations."
        )
        return Answer("unsure", sentence, [*doubts, *grounds])
    return Answer("good", "Yes: nothing was found that speaks against it.", grounds)


def next_steps(facts: Facts, most: int = 4) -> Answer:
    """What next? Advice by rules, the most pressing first."""
    advice = [
        *_test_first(facts),
        *_plain_instead(facts),
        *_useless(facts),
        *_training(facts),
        *_weak_classes(facts),
        *_calibrate(facts),
    ]
    advice += [*_more_rows(facts), *_mend_rows(facts)]
    most = min(most, len(_NUMBERS) - 1)
    if not advice:
        return Answer("good", "Use it, and watch new data for drift.", [])
    many = "One thing." if len(advice) == 1 else f"{_NUMBERS[min(len(advice), most)]} things, most pressing first."
    return Answer("advice", many, advice[:most])


def _why_unknown(facts: Facts) -> str:
    if not any(task.entry["n"] for task in facts.tasks):
        return "nothing was tested" if not facts.counts.get("test") else "no test row has a label"
    compared = [task for task in facts.tasks if task.entry["n"] and task.entry.get("baselines")]
    if compared:
        few = all(task.entry["n"] < FEWEST_ROWS for task in compared)
        otherwise = "too few test rows to tell" if few else "no difference from a plain model could be computed"
        return next((why for task in compared if (why := _unjudged(facts, task))), otherwise)
    return "no plain model was fitted beside it"


def _unjudged(facts: Facts, task: TaskFacts) -> str | None:
    """Why chance cannot be judged on more rows than too few; None where it can, or where rows are too few."""
    if task.entry["n"] < FEWEST_ROWS or task.interval(task.headline):
        return None
    if task.metric(task.headline) is None:
        return f"{label(task.headline)} is undefined on the test rows of {task.name}"
    if facts.group is None or not _lumped(facts, task):
        return f"{label(task.headline)} of {task.name} has no interval, so chance cannot be judged"
    many = ((facts.metrics.get("groups") or {}).get("test") or {}).get("count", FEWEST_GROUPS)
    if many < FEWEST_GROUPS:
        return f"the test holds rows of {counted(many, facts.group)} only, so chance cannot be judged"
    few = f"fewer than {counted(FEWEST_GROUPS, facts.group)}"
    return f"the labelled test rows of {task.name} are of {few}, so chance cannot be judged"


def _lumped(facts: Facts, task: TaskFacts) -> bool:
    """Whether there are rows enough, but of too few groups to draw any."""
    figures = task.entry.get("metrics") and not task.entry.get("intervals")
    return bool(facts.group and figures and task.entry["n"] >= FEWEST_ROWS)


def _compared(facts: Facts, task: TaskFacts) -> str:
    versus, value = task.entry.get("versus_plain"), task.metric(task.headline)
    if not task.entry["n"]:
        return f"{task.name}: not tested, for no test row has a label."
    if not versus:
        why = _uncompared(facts, task)
        if value is None:
            return f"{task.name}: {label(task.headline)} is undefined on {counted(task.entry['n'], 'test row')}."
        return f"{task.name}: {label(task.headline)} {number(value)} on {counted(task.entry['n'], 'test row')}, {why}."
    floor = task.entry.get("baselines", {}).get(versus["baseline"], {}).get("metrics", {}).get(task.headline)
    words = {"better": "better", "even": "no clear difference", "worse": "worse"}[standing(task)]
    return (
        f"{task.name}: {words}. {heading(label(task.headline))} {number(value)}, against {number(floor)} for the "
        f"{FLOORS.get(versus['baseline'], versus['baseline'])}; "
        f"difference {gain(versus['difference'])}, 95 % interval {span(versus['interval'])}."
    )


def _uncompared(facts: Facts, task: TaskFacts) -> str:
    if not task.entry.get("baselines"):
        return "no plain model beside it"
    if task.entry["n"] < FEWEST_ROWS:
        return "too few rows to compare with plain models"
    return _unjudged(facts, task) or "no difference from a plain model could be computed"


def _grounds(facts: Facts) -> Iterator[str]:
    if apart(facts):
        yield f"No {facts.group} is in both training and test, so it was tested on what it had not seen."
    counts = facts.counts
    if counts.get("test") and not any(finding.get("severity") == "error" for finding in facts.findings):
        tested = counted(counts["test"], "test row")
        yield f"In this run it was judged once, on {tested} that took no part in training or choosing."
    if facts.checked and not facts.findings:
        yield "The checks for leaks found none."


def _doubts(facts: Facts) -> Iterator[str]:
    yield from _findings(facts)
    yield from _sides(facts)
    yield from _figures(facts)
    refused = len({refusal.get("row") for refusal in facts.refusals})
    total = sum(facts.counts.values())
    if refused > 0.01 * max(total, 1):
        yield f"{counted(refused, 'row')} of {total} had something that could not be read."


def _findings(facts: Facts) -> Iterator[str]:
    if not facts.checked:
        yield "It is not known whether the checks for leaks found anything: findings.json is missing."
    grave = [finding for finding in facts.findings if finding.get("severity") == "error"]
    warnings = [finding for finding in facts.findings if finding.get("severity") != "error"]
    for finding in (*grave, *warnings[:2]):
        accepted = " (accepted on purpose)" if finding.get("accepted") else ""
        yield f"{finding.get('where', 'the table')}: {finding.get('message', finding.get('code'))}{accepted}."
    if len(warnings) > 2:
        yield f"{counted(len(warnings) - 2, 'more finding')} further down."


def _sides(facts: Facts) -> Iterator[str]:
    if facts.group:
        listed = any(finding.get("code") == STRADDLING for finding in facts.findings)
        if apart(facts) is None:
            yield f"It is not known whether a {facts.group} has rows both in the test and in what was learned from."
        elif not apart(facts) and not listed:
            yield f"Rows of one {facts.group} are both in the test and in what was learned from."
    elif not facts.spec.get("data", {}).get("split", {}).get("column"):
        yield "Rows were split one by one: where rows of one person or site resemble each other, figures are too good."


def _figures(facts: Facts) -> Iterator[str]:
    untested = [task.name for task in facts.tasks if not task.entry["n"]]
    if untested:
        yield f"Not tested at all: {joined(untested)}. Hold rows out (data.split.test), or evaluate on another table."
    few = [f"{task.name} ({task.entry['n']})" for task in facts.tasks if 0 < task.entry["n"] < FEW_ROWS]
    if few:
        yield f"Few labelled test rows: {joined(few)}."
    for why in dict.fromkeys(_unjudged(facts, task) for task in facts.tasks):
        if why:
            yield f"{heading(why)}."
    wide = [f"{task.name} ({span(task.interval(task.headline))})" for task in facts.tasks if _width(task) > WIDE]
    if wide:
        yield f"The headline figure is uncertain for {joined(wide)}."
    off = [f"{task.name} (by {number(task.metric('ece'))})" for task in facts.tasks if _miscalibrated(task)]
    if off:
        yield f"Stated probabilities are off for {joined(off)}."


def _test_first(facts: Facts) -> Iterator[str]:
    lumped = [task.name for task in facts.tasks if _lumped(facts, task)]
    if lumped:
        least = counted(FEWEST_GROUPS, facts.group or "group")
        yield f"Test {joined(lumped)} on rows of at least {least}: as it is, chance cannot be judged."
    others = [task for task in facts.tasks if task.name not in lumped]
    few = [task.name for task in others if _hardly_tested(task)]
    few += [task.name for task in others if task.name not in few and _unjudged(facts, task)]
    if few:
        yield f"Test {joined(few)} on more rows before anything else: as it is, nothing can be said."


def _hardly_tested(task: TaskFacts) -> bool:
    """Whether there are too few rows to compare it, or, where nothing plain can be compared, to judge it at all."""
    if standing(task) != "unknown" or task.entry["n"] >= FEW_ROWS:
        return False
    return bool(task.entry.get("baselines")) or task.interval(task.headline) is None


def _plain_instead(facts: Facts) -> Iterator[str]:
    losing = [task for task in facts.tasks if standing(task) == "worse"]
    if losing:
        floors = {str(task.entry["versus_plain"]["baseline"]) for task in losing}
        name = FLOORS.get(floors.pop(), "plain model") if len(floors) == 1 else "plain models"
        names = joined([task.name for task in losing])
        yield f"For {names}, use the {name} until the model is better: try more epochs or another fusion."


def _useless(facts: Facts) -> Iterator[str]:
    modalities = sorted({name for task in facts.tasks for name in task.entry.get("dark", {})})
    for name in modalities:
        gaps = [task.entry.get("dark", {}).get(name, {}).get("adds") for task in facts.tasks]
        known = [gap for gap in gaps if gap]
        if known and all(gap["interval"][1] < 0 for gap in known):
            yield f"Leave “{name}” out: every task is better without it."
        elif known and all(gap["interval"][0] <= 0 for gap in known):
            knows = [task.name for task in facts.tasks if _tells(task, name)]
            if knows:
                told = f"though it tells of {joined(knows)} when it is alone"
                yield f"“{name}” adds nothing measurable to the others, {told}: keep it for rows that lack them."
            else:
                yield f"“{name}” adds nothing measurable to any task: check how it is read, or leave it out."


def _tells(task: TaskFacts, modality: str) -> bool:
    """Whether one modality alone is better than the commonest answer, by the interval of the headline."""
    alone = task.entry.get("alone", {}).get(modality, {}).get("intervals", {}).get(task.headline)
    floor = task.entry.get("baselines", {}).get("trivial", {}).get("metrics", {}).get(task.headline)
    if alone is None or floor is None:
        return False
    return bool(alone[0] > floor if task.better > 0 else alone[1] < floor)


def _training(facts: Facts) -> Iterator[str]:
    epochs = [event for event in facts.events if event.get("event") == "epoch"]
    if not epochs:
        return
    last = max(int(event["epoch"]) for event in epochs)
    kept = max((int(event["epoch"]) for event in epochs if event.get("best")), default=last)
    if last >= 3 and kept == last:
        yield f"Train longer: validation loss was still falling at epoch {last}, the last one."


def _weak_classes(facts: Facts) -> Iterator[str]:
    found = []
    for task in facts.tasks:
        if task.kind not in ("classes", "ordered") or len(task.truth) == 0:
            continue
        for name in task.classes:
            held = task.truth == name
            if held.sum() >= FEW_OF_A_CLASS:
                found.append((float((task.prediction[held] == name).mean()), task, name, held))
    worst = min(found, key=lambda entry: entry[0], default=None)
    if worst is not None and worst[0] < 0.5:
        share, task, name, held = worst
        other, _ = Counter(task.prediction[held & (task.prediction != name)]).most_common(1)[0]
        yield (
            f"Look at “{name}” of {task.name}: only {percent(share)} of its {counted(int(held.sum()), 'row')} "
            f"are found, and it is most often taken for “{other}”. More such rows would help, or one class of both."
        )


def _calibrate(facts: Facts) -> Iterator[str]:
    off = [task.name for task in facts.tasks if _miscalibrated(task)]
    if off:
        yield f"Do not act on the stated probabilities of {joined(off)} before they are calibrated on fresh rows."


def _more_rows(facts: Facts) -> Iterator[str]:
    wide = [task.name for task in facts.tasks if _width(task) > WIDE or standing(task) == "even"]
    if wide:
        yield f"Label more test rows for {joined(wide)}: four times as many halve the interval."


def _mend_rows(facts: Facts) -> Iterator[str]:
    if facts.refusals:
        reason, count = Counter(str(refusal.get("reason")) for refusal in facts.refusals).most_common(1)[0]
        values = counted(len(facts.refusals), "value")
        yield f"Mend the {values} that could not be used; the commonest reason ({count}×): {reason}."


def _width(task: TaskFacts) -> float:
    bounds = task.interval(task.headline)
    return float(bounds[1] - bounds[0]) if bounds and task.headline in SHARES else 0.0


def _miscalibrated(task: TaskFacts) -> bool:
    bounds, gap = task.interval("ece"), task.metric("ece")
    # With few rows a calibration error above zero is noise, so its lower bound must be beyond the limit, too.
    return gap is not None and gap > MISCALIBRATED and bounds is not None and bounds[0] > MISCALIBRATED / 2
