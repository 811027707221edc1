"""Which column is to be predicted, and what kind of question that is."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from polymodal.core import DataError
from polymodal.data.base import DataTable
from polymodal.data.kinds import NULL_WORDS, Kind, infer_kind, parse_labels, parse_numbers

__all__ = ["Question", "guess_target", "question_of", "words_of"]

_NAMES = """target label y class outcome diagnosis response labels targets classes result survived churn default
disease event status cell_type celltype category rating score grade severity price"""
_TARGET_NAMES = _NAMES.split()
_NOMINAL_NAMES = frozenset(["class", "label", "category", "type", "species", "group", "kind", "code", "y", "target"])
_NOT_LABELLED = frozenset(["na", "n/a", "nan", "null", "#n/a", "#na"])
_SCALES = tuple(
    tuple(grades.split(", "))
    for grades in (
        "very low, low, moderate, medium, high, very high",
        "none, minimal, mild, moderate, severe, very severe",
        "absent, mild, moderate, severe",
        "very poor, poor, fair, average, good, very good, excellent",
        "very bad, bad, neutral, good, very good",
        "never, rarely, seldom, sometimes, often, usually, always",
        "strongly disagree, disagree, neutral, agree, strongly agree",
        "negative, neutral, positive",
        "xs, s, m, l, xl, xxl",
        "tiny, small, medium, large, huge",
        "i, ii, iii, iv, v",
    )
)
_FEW_GRADES = 10  # whole numbers with more distinct values are amounts
_MOST_CLASSES = 200
_SEPARATORS = (";", "|", ",")


@dataclass(frozen=True)
class Question:
    """A task as plain data, as a spec would say it, and the reason for its type.

    `marks` are words in the column that must count as missing for the task to be of this type.
    """

    task: Mapping[str, Any]
    reason: str
    marks: tuple[str, ...] = ()


def question_of(table: DataTable, target: str) -> Question:
    """The kind of question that a target column asks, judged by its content.

    Raises DataError where nothing can be learned from it: one value only, dates, files, or a text in each row.
    """
    series = table.column(target)
    labels = pd.Series(parse_labels(series, table.missing), dtype=object).dropna()
    kind = infer_kind(series, table.missing)
    words = NULL_WORDS if kind.name in {"number", "boolean"} else _NOT_LABELLED
    marks = tuple(sorted(label for label in labels.unique() if label.lower() in words))
    if marks:
        table = replace(table, missing=(*table.missing, *marks))
        labels, kind = labels[~labels.isin(marks)], infer_kind(series, table.missing)
    return replace(_asked(table, target, kind, labels), marks=marks)


def _asked(table: DataTable, target: str, kind: Kind, labels: pd.Series) -> Question:
    classes = sorted(labels.unique())
    if len(classes) < 2:
        found = f'every value is "{classes[0]}"' if classes else "no row has a value"
        raise _unusable(table, target, "one-class", "at least two different values to predict", found)
    if len(classes) == 2:
        shown = " and ".join(f'"{label}"' for label in classes)
        return Question({"type": "binary", "target": target}, f"two values, {shown}")
    if kind.name == "number" or (kind.name == "identifier" and _all_numbers(table.column(target), kind, table)):
        return _about_numbers(table, target, kind)
    if kind.name in {"date", "file", "identifier"}:
        expected = "classes or numbers to predict"
        raise _unusable(table, target, "no-task", expected, f"a column of the kind {kind.name}: {kind.reason}")
    tags = _tags(labels)
    if tags is not None:
        separator, count = tags
        task = {"type": "multilabel", "target": target} | ({} if separator == ";" else {"separator": separator})
        return Question(task, f'{count} labels, several in one cell, parted by "{separator}"')
    return _about_classes(table, target, labels)


def guess_target(table: DataTable, left_out: Sequence[str] = ()) -> tuple[str, str]:
    """The column that is most likely to be predicted, and why: by its name, or else the last that can be.

    Raises DataError where there is none, or where a column called target can tell nothing apart.
    """
    columns = [name for name in map(str, table.frame.columns) if name not in left_out]
    for wanted in _TARGET_NAMES:
        for name in columns:
            if name.lower().strip() == wanted:
                question_of(table, name)
                return name, f'no target was named; this column is called "{name}"'
    for wanted in _TARGET_NAMES:
        for name in columns:
            if wanted in words_of(name) and _asks(table, name):
                return name, f'no target was named; this column has "{wanted}" in its name'
    for name in reversed(columns):
        if len(columns) > 1 and _asks(table, name):
            return name, "no target was named; this is the last column that can be predicted"
    shown = ", ".join(f'"{name}"' for name in columns[:5]) + " …" * (len(columns) > 5)
    raise DataError(
        "no-target",
        where=table.source,
        expected="a column with classes or numbers to predict",
        found=f"none: every value of {shown} is another one, or all are the same" if columns else "none",
        remedy="name the column (--target), or join a table that has the answers (data.join in a spec)",
    )


def words_of(name: str) -> list[str]:
    """The words of a column's name in lower case: "patientID_2" has "patient", "id" and "2"."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return [word for word in re.split(r"[\W_]+", parted.lower()) if word]


def _asks(table: DataTable, name: str) -> bool:
    try:
        question_of(table, name)
    except DataError:
        return False
    return True


def _all_numbers(series: pd.Series, kind: Kind, table: DataTable) -> bool:
    numbers, bad = parse_numbers(series, kind, table.missing)
    return bool(np.isfinite(numbers).any() and bad.mean() < 0.1)


def _about_numbers(table: DataTable, target: str, kind: Kind) -> Question:
    numbers, bad = parse_numbers(table.column(target), kind, table.missing)
    known = numbers[np.isfinite(numbers)]
    levels = np.unique(known)
    whole = bool((levels == np.floor(levels)).all()) and not bad.any()
    dense = levels[-1] - levels[0] + 1 <= 2 * len(levels)
    named = bool(_NOMINAL_NAMES & set(words_of(target)))
    few = len(levels) <= (_MOST_CLASSES if named else _FEW_GRADES) and len(known) >= 3 * len(levels)
    if not (whole and dense and few):
        return Question({"type": "regression", "target": target}, f"numbers from {levels[0]:g} to {levels[-1]:g}")
    seen = f"{len(levels)} whole numbers from {levels[0]:g} to {levels[-1]:g}"
    if named:
        return Question({"type": "multiclass", "target": target}, f"{seen}, and by its name they are classes")
    return Question({"type": "ordinal", "target": target}, f"{seen}, taken as grades with an order")


def _about_classes(table: DataTable, target: str, labels: pd.Series) -> Question:
    counts = labels.value_counts()
    if len(counts) > min(_MOST_CLASSES, len(labels) / 2):
        found = f"{len(counts)} different values in {len(labels)} rows"
        raise _unusable(table, target, "no-task", "classes that repeat, or numbers, to predict", found)
    order = _order(list(counts.index))
    if order is not None:
        return Question({"type": "ordinal", "target": target, "order": order}, f"grades: {' < '.join(order)}")
    reason = f"{len(counts)} classes"
    if counts.min() < 5:
        reason += f', the rarest ("{counts.index[-1]}") with {counts.min()} rows only'
    return Question({"type": "multiclass", "target": target}, reason)


def _order(labels: list[str]) -> list[str] | None:
    """Labels from low to high where they are words of one known scale, or one word with a number."""
    lower = {label: " ".join(re.split(r"[\s_\-]+", label.lower().strip())) for label in labels}
    for scale in _SCALES:
        if set(lower.values()) <= set(scale):
            return sorted(labels, key=lambda label: scale.index(lower[label]))
    parts = {label: re.fullmatch(r"(\D*[a-z]\D*?)\s*(\d+)", lower[label]) for label in labels}
    stems = {match[1] for match in parts.values() if match}
    if (
        all(parts.values())
        and stems <= {"stage", "grade", "level", "step", "score", "degree", "rank"}
        and len(stems) == 1
    ):
        return sorted(labels, key=lambda label: int(parts[label][2]))  # type: ignore[index]
    return None


def _tags(labels: pd.Series) -> tuple[str, int] | None:
    """The separator and the number of labels, where cells list several out of few."""
    for separator in _SEPARATORS:
        several = labels.str.contains(separator, regex=False)
        if several.mean() < 0.1:
            continue
        tags = [tag.strip() for cell in labels for tag in cell.split(separator) if tag.strip()]
        distinct = set(tags)
        words = np.mean([len(tag.split()) for tag in distinct])
        if 2 <= len(distinct) <= _MOST_CLASSES and len(tags) >= 3 * len(distinct) and words <= 3:
            return separator, len(distinct)
    return None


def _unusable(table: DataTable, target: str, code: str, expected: str, found: str) -> DataError:
    where = f'{table.source}, column "{target}"' if target else table.source
    return DataError(code, where=where, expected=expected, found=found, remedy="name another column as the target")
