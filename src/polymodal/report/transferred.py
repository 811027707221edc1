"""Which task helps which: a page of its own."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from markupsafe import Markup

from polymodal.evaluation.effects import Effect
from polymodal.evaluation.transfer import Transfer
from polymodal.report.drawing import Scale, Svg, ticks
from polymodal.report.rendering import rendered, written
from polymodal.report.wording import label, mark

__all__ = ["transfer_page"]

WIDTH = 340
SHORT = 14


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
                _dots(f"spread-{at}", f"What wrong answers change, balanced by {balancer}", effects, found.alone),
            )
            for at, (balancer, effects) in enumerate(found.spread.items())
        ],
        "shared": [
            (way, _dots(f"shared-{at}", f"What sharing by {way} changes", effects, found.alone))
            for at, (way, effects) in enumerate(found.shared.items())
        ],
        "named": {task: label(metric) for task, metric in found.headlines.items()},
        "mood": _mood(found),
        "verdict": _verdict(found.relative),
        "shown": _shown,
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
        return f"{found.difference:+.3g}"
    return f"{found.difference:+.3g} ({found.low:+.3g} to {found.high:+.3g})"


def _gains(found: Transfer) -> Markup:
    return _dots("gains", "Together against alone", found.gains, found.alone)


def _dots(name: str, title: str, effects: Mapping[str, Effect], alone: Mapping[str, float]) -> Markup:
    """One line for each task: how much better, in percent of what it does alone, with its interval."""
    ends = {task: [_percent(value, alone[task]) for value in _ends(effect)] for task, effect in effects.items()}
    rows = [(task, low, middle, high) for task, (low, middle, high) in ends.items()]
    reach = max((abs(end) for each in ends.values() for end in each), default=1.0) or 1.0
    row, left, right, top = 26.0, 112.0, WIDTH - 44.0, 16.0
    bottom = top + row * len(rows)
    across = Scale(-1.05 * reach, 1.05 * reach, left, right)
    told = "; ".join(f"{task} {middle:+.1f} % ({low:+.1f} to {high:+.1f})" for task, low, middle, high in rows)
    drawing = Svg(name, WIDTH, bottom + 26, title, f"{told}.")
    for tick in ticks(across.low, across.high, 3):
        drawing.line((across(tick), top - 8), (across(tick), bottom - 4), "grid")
        drawing.text(across(tick), bottom + 12, f"{mark(tick)} %", "small muted", "middle")
    drawing.line((across(0.0), top - 8), (across(0.0), bottom - 4), "guide")
    for at, (task, low, middle, high) in enumerate(rows):
        y = top + row * at + 4
        drawing.text(left - 10, y + 4, _short(task), "small", "end")
        drawing.line((across(low), y), (across(high), y), "whisker ours")
        drawing.dot(across(middle), y, 4, "ours")
        drawing.text(WIDTH - 2, y + 4, f"{middle:+.1f}", "small strong", "end")
    return drawing.markup()


def _matrix(found: Transfer) -> Markup:
    """Rows: the task that is asked. Columns: the task that is learned beside it. Cells: percent of alone."""
    names = list(found.headlines)
    left, top = 104.0, 84.0
    cell = min(62.0, (WIDTH - left - 4) / len(names))
    cells = {
        (task, other): _percent(e.difference, found.alone[task])
        for task in names
        for other, e in found.helps[task].items()
    }
    most = max(map(abs, cells.values()), default=1.0) or 1.0
    told = "; ".join(f"{other} changes {task} by {value:+.1f} %" for (task, other), value in cells.items())
    drawing = Svg("matrix", WIDTH, top + cell * len(names) + 8, "Which task helps which", f"{told}.")
    drawing.text(left, 12, "learned beside it →", "small muted")
    drawing.text(left - 8, top - 6, "asked ↓", "small muted", "end")
    for at, other in enumerate(names):
        drawing.upright(left + cell * (at + 0.5), top - 6, _short(other))
    for at, task in enumerate(names):
        drawing.text(left - 8, top + cell * (at + 0.5) + 4, _short(task), "small", "end")
        for place, other in enumerate(names):
            corner = (left + cell * place, top + cell * at)
            middle = (corner[0] + cell / 2 - 1, corner[1] + cell / 2 + 3)
            if task == other:
                drawing.text(*middle, "–", "count muted", "middle")
                continue
            value, sure = cells[task, other], found.helps[task][other].sure
            look = "helps" if value > 0 else "hurts"
            drawing.box(corner, (cell - 2, cell - 2), look, 0.05 + 0.45 * abs(value) / most)
            drawing.text(*middle, f"{value:+.1f}{'*' * bool(sure)}", "count strong" if sure else "count", "middle")
    return drawing.markup()


def _cosine(pair: str, steps: Sequence[tuple[int, float]], name: str, last: int) -> Markup:
    height, left, right, top, bottom = 150.0, 36.0, WIDTH - 10.0, 14.0, 122.0
    across, up = Scale(0, max(last, 1), left, right), Scale(-1, 1, bottom, top)
    mean = sum(cosine for _, cosine in steps) / max(1, len(steps))
    against = sum(cosine < 0 for _, cosine in steps) / max(1, len(steps))
    told = f"Mean {mean:+.2f}; below 0 at {against:.0%} of {len(steps)} looks."
    drawing = Svg(name, WIDTH, height, f"Gradients of {pair}", told)
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
    return words if len(words) <= SHORT else words[: SHORT - 1] + "…"
