"""One HTML file out of a run folder: nothing to fetch, no script, readable by anyone."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from polymodal.core import PolymodalError
from polymodal.report import charts, wording
from polymodal.report.examples import Example, collect
from polymodal.report.facts import Facts, TaskFacts, read_facts
from polymodal.report.rendering import rendered, written
from polymodal.report.sides import apart, shared_groups
from polymodal.report.verdict import better, next_steps, standing, trusted
from polymodal.run import open_run

__all__ = ["build_report"]

MOST_BYTES = 5 * 2**20
MOST_LINES = 50  # of the ledger and of findings; the files in the run folder hold the rest


def build_report(run: Path, examples: Sequence[Example] | None = None) -> Path:
    """Write report.html into a run folder and return its path.

    `examples` are rows to show; unless given they are taken from the run's own data, where that can still be read. The
    file stays under 5 MiB: pictures are left out from the end until it does. Raises UsageProblem where the run has no
    metrics yet, DamagedError where one of its files is out of shape.
    """
    facts = read_facts(run)
    facts, shown, absent = (facts, list(examples), "") if examples is not None else _with_own_rows(run, facts)
    page = _render(facts, shown, absent)
    while len(page.encode()) > MOST_BYTES and any(example.pictures for example in shown):
        last = max(at for at, example in enumerate(shown) if example.pictures)
        for example in shown[max(0, last - 3) : last + 1]:
            example.pictures.clear()
        page = _render(facts, shown, absent)
    return written(page, run / "report.html")


def _with_own_rows(run: Path, facts: Facts) -> tuple[Facts, list[Example], str]:
    try:
        opened = open_run(run)
        facts = replace(facts, shared=shared_groups(opened))
        return facts, collect(opened, facts), ""
    except PolymodalError as problem:
        return facts, [], f"No rows can be shown, since the data or the model could not be read again: {problem.found}."


def _render(facts: Facts, examples: Sequence[Example], absent: str) -> str:
    given = {
        "facts": facts,
        "answers": [
            ("better", "Is it better than a plain model?", better(facts)),
            ("trusted", "Can it be trusted?", trusted(facts)),
            ("next", "What next?", next_steps(facts)),
        ],
        "tasks": [_task(task, facts, at) for at, task in enumerate(facts.tasks)],
        "examples": _by_task(examples),
        "absent": absent,
        "apart": apart(facts),
        "missing": facts.metrics.get("missing"),
        "limit": MOST_LINES,
        "explained": _glossary(facts),
    }
    return rendered("report.html", given)


def _task(task: TaskFacts, facts: Facts, at: int) -> dict[str, Any]:
    """The figures and drawings of one task's section."""
    epochs = [event for event in facts.events if event.get("event") == "epoch"]
    floors = {name: entry for name, entry in task.entry.get("baselines", {}).items() if name in wording.FLOORS}
    order = [task.headline, *(name for name in task.entry.get("metrics", {}) if name != task.headline)]
    return {
        "facts": task,
        "anchor": f"task-{at}",
        "standing": standing(task),
        "metrics": [name for name in order if name in task.entry.get("metrics", {})],
        "floors": {
            wording.floor(name, task.kind): floors[name] for name in ("linear", "boosting", "trivial") if name in floors
        },
        "compared": charts.compared(task, f"compared-{at}"),
        "modalities": charts.modalities(task, f"modalities-{at}") if task.entry.get("alone") else None,
        "curve": charts.learning_curve(task.name, epochs, f"curve-{at}"),
        "confusion": charts.confusion(task, f"confusion-{at}"),
        "reliability": charts.reliability(task, f"reliability-{at}"),
        "residuals": charts.residuals(task, f"residuals-{at}"),
    }


def _by_task(examples: Sequence[Example]) -> list[tuple[str, str, list[dict[str, Any]]]]:
    """(task, heading, examples), the wrong ones first: one learns more from them."""
    found: list[tuple[str, str, list[dict[str, Any]]]] = []
    for task in dict.fromkeys(example.task for example in examples):
        for right, words in ((False, "wrong"), (True, "right")):
            chosen = [_shown(example) for example in examples if example.task == task and example.right is right]
            if chosen:
                found.append((task, words, chosen))
    return found


def _shown(example: Example) -> dict[str, Any]:
    pictures = {
        name: f"data:image/png;base64,{base64.b64encode(made).decode()}" for name, made in example.pictures.items()
    }
    return {"of": example, "pictures": pictures}


def _glossary(facts: Facts) -> Mapping[str, tuple[str, str]]:
    used = {name for task in facts.tasks for name in task.entry.get("metrics", {})}
    return {name: words for name, words in wording.EXPLAINED.items() if name in used}
