"""How good a model is on some rows: metrics with intervals, and predictions as a table."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from polymodal.core import Refusal
from polymodal.data.base import Rows
from polymodal.data.kinds import parse_labels
from polymodal.data.samples import Samples
from polymodal.model import Ensemble
from polymodal.run.fitting import Fitted
from polymodal.spec import describe
from polymodal.tasks.base import Aspect, Decoded, Task
from polymodal.tasks.intervals import intervals
from polymodal.tasks.metrics import Answers, by_row
from polymodal.training.predicting import answers, outputs

__all__ = ["as_answers", "decoded_columns", "group_labels", "judge", "named", "predictions", "unanswered", "written"]


SUMMED = ("pixels", "depths")
"""Kinds of answers of which a table tells how good they are in each row: they are pictures of their own."""


def as_answers(model: Ensemble, name: str, decoded: Decoded, truth: np.ndarray) -> Answers:
    """What a task predicted beside what is true, in the form that metrics read."""
    made = decoded.prediction, decoded.probabilities, decoded.classes, decoded.curves
    return Answers(model.tasks[name].answers, truth, *made)


def named(task: str, aspect: Aspect) -> str:
    """What an aspect of a task is called: by the task alone where it is the only one."""
    return f"{task}.{aspect.name}" if aspect.name else task


def judge(fitted: Fitted, rows: Rows, groups: np.ndarray | None, made: Mapping[str, Tensor]) -> dict[str, Any]:
    """For each task: type, n, headline, classes, metrics and 95 % intervals, over the labelled ones of the rows.

    What a task has judged apart has an entry of its own. `groups` (rows of the table,) names what is resampled
    together; None resamples rows.
    """
    model, judged = fitted.model, {}
    for name, (decoded, truth, labelled) in answers(model, fitted.samples, rows, made).items():
        blocks = None if groups is None else groups[rows][labelled]
        for aspect in model.tasks[name].aspects(decoded, truth):
            own = aspect.groups if blocks is None or aspect.groups is not None else blocks[aspect.rows]
            judged[named(name, aspect)] = _judged(model, name, aspect, own) | dict(aspect.more)
    return judged


def _judged(model: Ensemble, name: str, aspect: Aspect, groups: np.ndarray | None) -> dict[str, Any]:
    task, decoded, truth = model.tasks[name], aspect.decoded, aspect.truth
    bounds = intervals(as_answers(model, name, decoded, truth), groups) if len(truth) else {}
    return {
        "type": describe(task)["type"],
        "n": len(truth),
        "headline": task.headline,
        "higher_is_better": task.higher_is_better,
        "classes": list(decoded.classes),
        "metrics": task.metrics(decoded, truth) if len(truth) else {},
        "intervals": {metric: list(bound) for metric, bound in bounds.items()},
    }


def group_labels(fitted: Fitted, group: str | None) -> np.ndarray | None:
    """(rows of the table,) the group of each row as text; None where no group was named."""
    if group is None:
        return None
    labels = parse_labels(fitted.table.column(group), fitted.table.missing)
    return np.array([f"row {row}" if label is None else label for row, label in enumerate(labels)])


def predictions(
    fitted: Fitted, rows: Rows, identity: str | None, refused: Callable[[Refusal], None] = lambda _: None
) -> tuple[pd.DataFrame, dict[str, Tensor]]:
    """A table of what was predicted beside what is true for these rows, and the outputs that it was decoded from.

    `refused` is told of values that could not be used.
    """
    made = outputs(fitted.model, fitted.samples, rows, refused=refused)
    columns: dict[str, Any] = {"row": rows, "split": fitted.split.names(len(fitted.table))[rows]}
    if identity is not None:
        columns["id"] = parse_labels(fitted.table.column(identity), fitted.table.missing)[rows]
    found = answers(fitted.model, fitted.samples, rows, made)
    for name, (decoded, truth, labelled) in found.items():
        task = fitted.model.tasks[name]
        if task.answers in SUMMED:
            (aspect,) = task.aspects(decoded, truth)
            each = by_row(as_answers(fitted.model, name, aspect.decoded, aspect.truth))
            columns |= {f"{name}.{metric}": _spread(values, labelled) for metric, values in each.items()}
            continue
        if task.answers == "ranks":
            for aspect in task.aspects(decoded, truth):
                there = labelled.copy()
                there[labelled] = aspect.rows
                columns[f"{named(name, aspect)}.rank"] = _spread(aspect.decoded.prediction, there)
            continue
        told = decoded.prediction.dtype.names  # what is predicted in parts has a column of each, beside the truth
        parts = {"target": truth} if truth.dtype.names is None else {each: truth[each] for each in truth.dtype.names}
        parts = parts if told is None else {f"{part}.target": known for part, known in parts.items()}
        for part, known in parts.items():
            columns[f"{name}.{part}"] = _spread(written(known, task.classes), labelled)
        columns |= decoded_columns(name, task.decode(made[name]), unanswered(task, fitted.samples)[rows])
    return pd.DataFrame(columns), made


def unanswered(task: Task, samples: Samples) -> np.ndarray:
    """(rows,) True where a row has nothing of what the task needs to answer it."""
    there = samples.present()
    held = [there[name] for name in task.needs if name in there]
    return np.zeros(len(samples), dtype=bool) if not task.needs else ~np.any([np.zeros(len(samples)), *held], axis=0)


def decoded_columns(name: str, decoded: Decoded, left_out: np.ndarray | None = None) -> dict[str, Any]:
    """The columns that one task's predictions become; several labels at once stand side by side, parted by ";".

    What is found by its place among others, and not said, has none. Curves give their median and the times they tell.
    Cells of the rows `left_out` (rows,) are empty.
    """
    if decoded.prediction.ndim > 2:
        return {}
    if decoded.prediction.dtype.names is None:
        columns: dict[str, Any] = {f"{name}.prediction": written(decoded.prediction, decoded.classes)}
    else:
        told = {part: decoded.prediction[part] for part in decoded.prediction.dtype.names}
        columns = {f"{name}.{part}.prediction": written(each, ()) for part, each in told.items()}
    if decoded.probabilities is not None:
        for place, label in enumerate(decoded.classes):
            columns[f"{name}.probability.{label}"] = decoded.probabilities[:, place]
    if decoded.curves is not None:
        columns[f"{name}.median"] = decoded.curves.medians()
        columns |= {f"{name}.remaining.{time:g}": decoded.curves.at(time) for time in decoded.curves.told}
    if left_out is not None and left_out.any():
        columns = {column: pd.Series(cells).mask(left_out) for column, cells in columns.items()}
    return columns


def written(answers: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """(n,) answers as a cell holds them: labels and numbers as they are, (n, classes) booleans as labels by name.

    Lists of labels, or of numbers, become text parted by ";" as targets are, with nothing where a token has none.
    Vectors are lists.
    """
    if answers.ndim == 1 and any(isinstance(each, list) for each in answers[:1]):
        return np.array([";".join(_of_token(answer) for answer in each) for each in answers], dtype=object)
    if answers.ndim == 1:
        return answers
    if answers.dtype.kind == "f":
        vectors = np.empty(len(answers), dtype=object)
        vectors[:] = [vector.tolist() for vector in answers]
        return vectors
    names = np.array(classes, dtype=object)
    return np.array([";".join(names[held]) for held in answers], dtype=object)


def _of_token(answer: str | float | None) -> str:
    """What a list says of one token; numbers with the seven digits that a net can tell."""
    return "" if answer is None else answer if isinstance(answer, str) else f"{answer:.7g}"


def _spread(truth: np.ndarray, labelled: np.ndarray) -> np.ndarray:
    """The truth of the labelled rows in its place among all rows; None elsewhere."""
    column = np.full(len(labelled), None, dtype=object)
    column[labelled] = list(truth)
    return column
