"""The pictures of a report: each takes figures and gives a drawing."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from polymodal.report.drawing import Scale, Svg, ticks
from polymodal.report.facts import TaskFacts
from polymodal.report.wording import floor, label, mark, number, span

__all__ = ["compared", "confusion", "learning_curve", "modalities", "reliability", "residuals"]

WIDTH = 340
MOST_CLASSES = 16
DECIDED = ("classes", "ordered", "labels", "tokens")
"""Kinds of answers of which one class may be taken for another."""
MOST_POINTS = 600
LABEL_FATES = ("found", "missed", "claimed", "left out")
BINS = 10

Mark = tuple[str, float | None, Sequence[float] | None, str]
"""A name, a value, its interval, and a look: "ours" or "theirs"."""


def compared(task: TaskFacts, name: str) -> Markup:
    """Our headline metric with its interval above those of the plain models."""
    marks: list[Mark] = [("this model", task.metric(task.headline), task.interval(task.headline), "ours")]
    for plain in ("linear", "boosting", "trivial"):
        entry = task.entry.get("baselines", {}).get(plain)
        if entry is not None:
            marks.append((floor(plain, task.kind), *_figures(entry, task.headline), "theirs"))
    return _dots(name, f"{task.name}: {label(task.headline)} beside plain models", marks)


def modalities(task: TaskFacts, name: str) -> Markup:
    """The headline metric with everything, with each modality alone, and with each one dark."""
    marks: list[Mark] = [("everything", task.metric(task.headline), task.interval(task.headline), "ours")]
    for words, part in (("only", "alone"), ("without", "dark")):
        for modality, entry in task.entry.get(part, {}).items():
            marks.append((f"{words} {modality}", *_figures(entry, task.headline), "theirs"))
    return _dots(name, f"{task.name}: {label(task.headline)} by modality", marks)


def learning_curve(task: str, epochs: Sequence[Mapping[str, Any]], name: str) -> Markup | None:
    """Loss over epochs on training and validation rows; the epoch whose weights were kept is marked."""
    height, left, right, top, bottom = 190.0, 44.0, WIDTH - 10.0, 26.0, 158.0
    lines = {part: _losses(epochs, part, task) for part in ("train", "validation")}
    known = [value for line in lines.values() for _, value in line]
    if not known:
        return None
    last = max((at for line in lines.values() for at, _ in line), default=1)
    across, up = Scale(1, max(last, 2), left, right), Scale(min(known), max(known), bottom, top)
    kept = max((int(event["epoch"]) for event in epochs if event.get("best")), default=None)
    told = "; ".join(
        f"{part}: from {number(line[0][1])} to {number(line[-1][1])}" for part, line in lines.items() if line
    )
    drawing = Svg(name, WIDTH, height, f"{task}: loss by epoch", f"Over {last} epochs. {told}.")
    _grid(drawing, up, left, right)
    if kept is not None:
        drawing.line((across(kept), top - 4), (across(kept), bottom), "guide")
        near = "end" if across(kept) > WIDTH / 2 else "start"
        drawing.text(across(kept) + (-4 if near == "end" else 4), top + 4, f"kept: epoch {kept}", "small", near)
    for part, line in lines.items():
        look = "ours" if part == "validation" else "theirs"
        drawing.path([(across(at), up(value)) for at, value in line], f"line {look}")
    drawing.text(left, 12, "validation", "small ours-text")
    drawing.text(left + 70, 12, "training", "small muted")
    drawing.text(left, height - 14, "epoch 1", "small muted")
    drawing.text(right, height - 14, f"{last}", "small muted", "end")
    return drawing.markup()


def confusion(task: TaskFacts, name: str) -> Markup | None:
    """Which class is taken for which, as shares of each true class; None with too many classes to be read.

    Of several labels at once: how often each is found, missed, claimed without reason and rightly left out.
    """
    classes = task.classes
    if task.kind not in DECIDED or not 2 <= len(classes) <= MOST_CLASSES or len(task.truth) == 0:
        return None
    if task.kind == "labels":
        truth, said = task.holds(task.truth), task.holds(task.prediction)
        counts = np.stack([part.sum(0) for part in (truth & said, truth & ~said, ~truth & said, ~truth & ~said)], 1)
        told = f"{counts[:, 0].sum()} of {truth.sum()} labels are found; claimed without reason: {counts[:, 2].sum()}."
        return _counted(name, f"{task.name}: labels found and missed", told, (classes, LABEL_FATES), counts)
    place = {label: at for at, label in enumerate(classes)}
    counts = np.zeros((len(classes), len(classes)), dtype=int)
    for true, answer in _pairs(task):
        if true in place and answer in place:
            counts[place[true], place[answer]] += 1
    things = "tokens" if task.kind == "tokens" else "rows"
    told = f"{np.trace(counts)} of {counts.sum()} {things} lie on the diagonal, where the answer is right."
    return _counted(name, f"{task.name}: truth against answer", told, (classes, classes), counts)


def _pairs(task: TaskFacts) -> Iterator[tuple[str, str]]:
    """Each truth beside its answer: of rows, or of the tokens of each row."""
    for true, answer in zip(task.truth, task.prediction, strict=True):
        if task.kind == "tokens":
            yield from zip(str(true).split(";"), str(answer).split(";"), strict=False)
        else:
            yield true, answer


def _counted(
    name: str, title: str, told: str, words: tuple[Sequence[str], Sequence[str]], counts: np.ndarray
) -> Markup:
    """Counts (rows, columns) as a grid, shaded by their share of the row; `words` name the rows and the columns."""
    left, top = 96.0, 78.0
    cell = min(44.0, (WIDTH - left - 8) / max(counts.shape))
    drawing = Svg(name, WIDTH, top + cell * len(counts) + 12, title, told)
    drawing.text(left, 12, "answer →", "small muted")
    drawing.text(left - 8, top - 6, "truth ↓", "small muted", "end")
    for at, column in enumerate(words[1]):
        drawing.upright(left + cell * (at + 0.5), top - 6, _short(column, 11))
    for at, row in enumerate(words[0]):
        drawing.text(left - 8, top + cell * (at + 0.5) + 4, _short(row), "small", "end")
        shares = counts[at] / max(1, counts[at].sum())
        for other, share in enumerate(shares.tolist()):
            corner = (left + cell * other, top + cell * at)
            # Never so dark that the count on it could not be read, in either theme.
            drawing.box(corner, (cell - 2, cell - 2), "cell", 0.04 + 0.46 * share)
            if counts[at, other] and cell >= 15:
                drawing.text(
                    corner[0] + cell / 2 - 1, corner[1] + cell / 2 + 3, str(counts[at, other]), "count", "middle"
                )
    return drawing.markup()


def reliability(task: TaskFacts, name: str) -> Markup | None:
    """How often the model is right when it is so and so sure; on the diagonal, it means what it says."""
    if task.kind == "numbers" or task.probabilities is None or len(task.truth) == 0:
        return None
    sure, held, across_words, up_words = _stated(task, task.probabilities)
    height, left, right, top, bottom = 240.0, 44.0, WIDTH - 20.0, 26.0, 176.0
    across, up = Scale(0, 1, left, right), Scale(0, 1, bottom, top)
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    gap = sum(abs(float((sure - held)[bins == at].sum())) for at in np.unique(bins)) / len(sure)
    told = f"Mean distance from the diagonal: {number(gap)}."
    drawing = Svg(name, WIDTH, height, f"{task.name}: stated against observed", told)
    _grid(drawing, up, left, right)
    drawing.line((across(0), up(0)), (across(1), up(1)), "guide")
    most, points = max(1, np.bincount(bins).max()), []
    for at in np.unique(bins):
        inside = bins == at
        x, y = across(float(sure[inside].mean())), float(held[inside].mean())
        spread = 1.96 * np.sqrt(max(y * (1 - y), 0.25 / (inside.sum() + 4)) / inside.sum())
        drawing.line((x, up(min(1, y + spread))), (x, up(max(0, y - spread))), "whisker ours")
        points.append((x, up(y)))
        bar = 34 * inside.sum() / most
        drawing.box((across(at / BINS) + 1, bottom + 40 - bar), (across(0.1) - left - 2, bar), "bar")
    drawing.path(points, "line ours")
    for x, y in points:
        drawing.dot(x, y, 3.5, "ours")
    drawing.text(left, 12, up_words, "small muted")
    drawing.text(right, height - 4, f"{across_words}; bars: rows", "small muted", "end")
    return drawing.markup()


def _stated(task: TaskFacts, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray, str, str]:
    """Stated probabilities, whether each came true, and what to call the two."""
    if task.kind == "labels":
        words = ("probability of a label", "how often the row has it")
        return probabilities.ravel(), task.holds(task.truth).ravel(), *words
    if len(task.classes) == 2:
        words = (f"probability of “{_short(task.classes[1])}”", "how often it is")
        return probabilities[:, 1], np.asarray(task.truth == task.classes[1], dtype=bool), *words
    held = np.asarray(task.truth == task.prediction, dtype=bool)
    return np.asarray(task.stated, dtype=float), held, "probability of the answer", "how often it is right"


def residuals(task: TaskFacts, name: str) -> Markup | None:
    """How far each prediction is from the truth, over the prediction; a shapeless cloud around zero is good."""
    if task.kind != "numbers" or len(task.truth) == 0:
        return None
    truth, said = task.truth.astype(float), task.prediction.astype(float)
    order = np.random.default_rng(0).permutation(len(truth))[:MOST_POINTS]  # which points are drawn decides nothing
    rest = truth - said
    height, left, right, top, bottom = 240.0, 52.0, WIDTH - 10.0, 26.0, 200.0
    reach = float(np.percentile(np.abs(rest), 99.5)) or 1.0
    low, high = np.percentile(said, [0.5, 99.5])
    across = Scale(float(low), float(high), left, right)
    up = Scale(-reach, reach, bottom, top)
    told = f"Half of all predictions are within {number(float(np.median(np.abs(rest))))} of the truth."
    drawing = Svg(name, WIDTH, height, f"{task.name}: truth minus prediction", told)
    _grid(drawing, up, left, right)
    drawing.line((left, up(0)), (right, up(0)), "guide")
    for at in order:
        drawing.dot(across(said[at]), up(rest[at]), 2, "cloud")
    for value in ticks(across.low, across.high):
        drawing.text(across(value), bottom + 16, mark(value), "small muted", "middle")
    drawing.text(left, 12, "truth minus prediction", "small muted")
    drawing.text(right, height - 6, "prediction", "small muted", "end")
    return drawing.markup()


def _dots(name: str, title: str, marks: Sequence[Mark]) -> Markup:
    """One line for each mark: its name, a dot with its interval, its value."""
    ends = [end for _, value, bounds, _ in marks if value is not None for end in (value, *(bounds or ()))]
    low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
    row, left, right, top = 24.0, 122.0, WIDTH - 52.0, 14.0
    bottom = top + row * len(marks)
    across = Scale(low - 0.04 * (high - low), high + 0.04 * (high - low), left, right)
    told = "; ".join(f"{words} {number(value)} ({span(bounds)})" for words, value, bounds, _ in marks)
    drawing = Svg(name, WIDTH, bottom + 24, title, f"{told}.")
    for tick in ticks(across.low, across.high, 3):
        drawing.line((across(tick), top - 6), (across(tick), bottom - 2), "grid")
        drawing.text(across(tick), bottom + 14, mark(tick), "small muted", "middle")
    for at, (words, value, bounds, look) in enumerate(marks):
        y = top + row * at + 6
        drawing.text(left - 10, y + 4, _short(words, 18), "small strong" if look == "ours" else "small", "end")
        if value is None:
            drawing.text(WIDTH - 4, y + 4, "–", "small", "end")
            continue
        if bounds:
            drawing.line((across(bounds[0]), y), (across(bounds[1]), y), f"whisker {look}")
        drawing.dot(across(value), y, 4 if look == "ours" else 3.5, look)
        drawing.text(WIDTH - 4, y + 4, number(value), "small strong" if look == "ours" else "small", "end")
    return drawing.markup()


def _figures(entry: Mapping[str, Any], metric: str) -> tuple[float | None, Sequence[float] | None]:
    return entry.get("metrics", {}).get(metric), entry.get("intervals", {}).get(metric)


def _losses(epochs: Sequence[Mapping[str, Any]], part: str, task: str) -> list[tuple[int, float]]:
    """(epoch, loss) of one task, the mean over the members of an ensemble."""
    found: dict[int, list[float]] = {}
    for event in epochs:
        value = (event.get(part) or {}).get(task)
        if value is not None and np.isfinite(value):
            found.setdefault(int(event["epoch"]), []).append(float(value))
    return [(epoch, float(np.mean(values))) for epoch, values in sorted(found.items())]


def _grid(drawing: Svg, up: Scale, left: float, right: float) -> None:
    for value in ticks(up.low, up.high):
        drawing.line((left, up(value)), (right, up(value)), "grid")
        drawing.text(left - 6, up(value) + 4, mark(value), "small muted", "end")


def _short(words: str, most: int = 14) -> str:
    return words if len(words) <= most else f"{words[: most - 1]}…"
