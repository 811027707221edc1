"""Which task helps which: a page of its own."""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from markupsafe import Markup

from polymodal.evaluation.effects import Effect
from polymodal.evaluation.transfer import Transfer, balanced
from polymodal.report.drawing import Scale, Svg, ticks
from polymodal.report.rendering import rendered, written
from polymodal.report.wording import label, mark

__all__ = ["transfer_page"]

WIDTH = 340
SHORT = 14
CELL = 50.0
MOST = 1000.0
"""Percent; a change of more than ten times what a task does alone is that of a metric near 0, and is not drawn."""


def transfer_page(found: Transfer, place: Path, title: str) -> Path:
    """Write the comparison to `place`, one HTML file."""
    given = {
        "title": title,
        "found": found,
        "gains": _gains(found),
        "matrix": _matrix(found),
        "cosines": [
            (pair, _cosine(pair, steps, f"cosine-{at}", found.steps))
            for at, (pair, steps) in enumerate(found.cosines.items())
        ],
        "spread": [
            (
                balancer,
                _dots(f"spread-{at}", f"What wrong answers change, balanced {balancer}", effects, found.alone),
            )
            for at, (balancer, effects) in enumerate((balanced(name), each) for name, each in found.spread.items())
        ],
        "shared": [
            (way, _dots(f"shared-{at}", f"What sharing by {way} changes", effects, found.alone))
            for at, (way, effects) in enumerate(found.shared.items())
        ],
        "named": {task: label(metric) for task, metric in found.headlines.items()},
        "mood": _mood(found),
        "verdict": _verdict(found.relative),
        "shown": _shown,
        "signed": _minus,
    }
    return written(rendered("transfer.html", given), place)


def _mood(found: Transfer) -> str:
    """Good where something is gained and no task surely loses; bad where something is lost and no task surely gains."""
    signs = {gain.sure for gain in found.gains.values()}
    mean = found.relative.sure if found.relative is not None else sum(signs)
    if mean > 0 and -1 not in signs:
        return "good"
    return "bad" if mean < 0 and 1 not in signs else "unsure"


def _verdict(relative: Effect | None) -> str:
    if relative is None:
        return "No mean over tasks: a metric alone is so near 0 that a percentage of it says nothing. See each task."
    how = {1: "Together they do better than alone", -1: "Together they do worse than alone"}
    words = how.get(relative.sure, "No evidence that together is better or worse than alone")
    lone = "; one seed tells nothing of chance in training" if relative.seeds < 2 else ""
    return f"{words}: {_shown(relative)} % on average{lone}."


def _shown(found: Effect) -> str:
    if found.low is None or found.high is None:
        return _minus(f"{found.difference:+.3g}")
    return _minus(f"{found.difference:+.3g} ({found.low:+.3g} to {found.high:+.3g})")


def _minus(words: str) -> str:
    """The same words with the sign that belongs before numbers."""
    return re.sub(r"(?<![\w-])-(?=\d)", "\u2212", words)


def _gains(found: Transfer) -> Markup:
    return _dots("gains", "Together against alone", found.gains, found.alone)


def _dots(name: str, title: str, effects: Mapping[str, Effect], alone: Mapping[str, float]) -> Markup:
    """One line for each task: how much better, in percent of what it does alone, with its interval."""
    ends = {task: [_percent(value, alone[task]) for value in _ends(effect)] for task, effect in effects.items()}
    drawn = {task: each for task, each in ends.items() if max(map(abs, each)) <= MOST}
    reach = max((abs(end) for each in drawn.values() for end in each), default=1.0) or 1.0
    row, left, right, top = 26.0, 112.0, WIDTH - 52.0, 16.0
    bottom = top + row * len(ends)
    across = Scale(-1.05 * reach, 1.05 * reach, left, right)
    told = "; ".join(
        f"{task} {middle:+.1f} % ({low:+.1f} to {high:+.1f})" for task, (low, middle, high) in drawn.items()
    )
    drawing = Svg(name, WIDTH, bottom + 26, title, _minus(f"{told}."))
    for tick in ticks(across.low, across.high, 2):
        drawing.line((across(tick), top - 8), (across(tick), bottom - 4), "grid")
        drawing.text(across(tick), bottom + 12, f"{mark(tick)} %", "small muted", "middle")
    drawing.line((across(0.0), top - 8), (across(0.0), bottom - 4), "guide")
    for at, (task, (low, middle, high)) in enumerate(ends.items()):
        y = top + row * at + 4
        drawing.text(left - 10, y + 4, _short(task), "small", "end")
        if task not in drawn:
            drawing.text(right, y + 4, "alone it is near 0", "small muted", "end")
            continue
        drawing.line((across(low), y), (across(high), y), "whisker ours")
        drawing.dot(across(middle), y, 4, "ours")
        drawing.text(WIDTH - 2, y + 4, _percents(middle), "small strong", "end")
    return drawing.markup()


def _matrix(found: Transfer) -> Markup:
    """Rows: what is asked. Columns: the task that is learned beside it. Cells: percent of alone."""
    tasks, left, top = list(dict.fromkeys(found.tasks.values())), 104.0, 96.0
    cells = {
        (asked, other): (_percent(effect.difference, found.alone[asked]), effect.sure)
        for asked, others in found.helps.items()
        for other, effect in others.items()
    }
    most = max((abs(value) for value, _ in cells.values() if abs(value) <= MOST), default=1.0) or 1.0
    told = "; ".join(f"{other} changes {asked} by {value:+.1f} %" for (asked, other), (value, _) in cells.items())
    size = max(WIDTH, left + CELL * len(tasks) + 60), top + CELL * len(found.helps) + 8
    drawing = Svg("matrix", *size, "Which task helps which", _minus(f"{told}."))
    drawing.text(2, 12, "learned beside it →", "small muted")
    drawing.text(left - 8, top - 6, "asked ↓", "small muted", "end")
    for at, other in enumerate(tasks):
        drawing.upright(left + CELL * (at + 0.5), top - 6, _short(other))
    for at, asked in enumerate(found.helps):
        drawing.text(left - 8, top + CELL * (at + 0.5) + 4, _short(asked), "small", "end")
        for place, other in enumerate(tasks):
            _cell(drawing, (left + CELL * place, top + CELL * at), cells.get((asked, other)), most)
    return drawing.markup()


def _cell(drawing: Svg, corner: tuple[float, float], known: tuple[float, int] | None, most: float) -> None:
    """What one task changes of another, and whether that is sure; a dash for a task and itself."""
    middle = (corner[0] + CELL / 2 - 1, corner[1] + CELL / 2 + 3)
    if known is None:
        drawing.text(*middle, "–", "count muted", "middle")
        return
    value, sure = known
    drawing.box(
        corner, (CELL - 2, CELL - 2), "helps" if value > 0 else "hurts", 0.05 + 0.45 * min(1, abs(value) / most)
    )
    words = f"{_percents(value)}{'*' * bool(sure)}"
    drawing.text(*middle, words, "count strong" if sure else "count", "middle")


def _percents(value: float) -> str:
    """As short as it may be: a decimal up to 100."""
    return _minus(
        f"{value:+.1f}"
        if abs(value) < 99.95
        else f"{value:+.0f}"
        if abs(value) <= MOST
        else f">+{MOST:g}"
        if value > 0
        else f"<-{MOST:g}"
    )


def _cosine(pair: str, steps: Sequence[tuple[int, float]], name: str, last: int) -> Markup:
    height, left, right, top, bottom = 150.0, 36.0, WIDTH - 10.0, 14.0, 122.0
    across, up = Scale(0, max(last, 1), left, right), Scale(-1, 1, bottom, top)
    mean = sum(cosine for _, cosine in steps) / max(1, len(steps))
    against = sum(cosine < 0 for _, cosine in steps) / max(1, len(steps))
    told = f"Mean {mean:+.2f}; below 0 at {against:.0%} of {len(steps)} looks."
    drawing = Svg(name, WIDTH, height, f"Gradients of {pair}", _minus(told))
    for tick in (-1.0, 0.0, 1.0):
        drawing.line((left, up(tick)), (right, up(tick)), "guide" if tick == 0 else "grid")
        drawing.text(left - 6, up(tick) + 4, mark(tick), "small muted", "end")
    for step, cosine in steps:
        drawing.dot(across(step), up(cosine), 2, "cloud")
    drawing.path([(across(step), up(value)) for step, value in _smoothed(steps)], "line ours")
    drawing.text(left, height - 8, "first step", "small muted")
    drawing.text(right, height - 8, f"{last:,}", "small muted", "end")
    return drawing.markup()


def _smoothed(steps: Sequence[tuple[int, float]], span: int = 5) -> list[tuple[float, float]]:
    """The mean of each look and those around it."""
    made = []
    for at in range(len(steps)):
        near = steps[max(0, at - span // 2) : at + span // 2 + 1]
        made.append((float(steps[at][0]), sum(cosine for _, cosine in near) / len(near)))
    return made


def _ends(effect: Effect) -> tuple[float, float, float]:
    low = effect.difference if effect.low is None else effect.low
    high = effect.difference if effect.high is None else effect.high
    return low, effect.difference, high


def _percent(value: float, of: float) -> float:
    share = 100.0 * value / max(abs(of), 1e-12)
    return share if math.isfinite(share) else 0.0


def _short(words: str) -> str:
    """Both ends of a long name, as names are often told apart by their ends."""
    return words if len(words) <= SHORT else f"{words[: SHORT // 2]}…{words[1 - SHORT // 2 :]}"
