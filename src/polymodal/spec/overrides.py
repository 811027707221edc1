"""Single keys set from outside the file: `--set train.lr=3e-4`."""

import copy
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from polymodal.core import SpecError, UsageProblem
from polymodal.spec.reading import MAXIMUM_DEPTH, read_value
from polymodal.spec.source import Path, Source, dotted

__all__ = ["override"]


def override(source: Source, assignments: Sequence[str]) -> Source:
    """The source with keys set, in order; values are read as YAML. What is set is checked like the rest, later.

    Raises UsageProblem where an assignment is not of the form key=value, SpecError where it leads into a plain value.
    """
    data, places, problems = copy.deepcopy(source.data), dict(source.places), list(source.problems)
    for assignment in assignments:
        path, value = _parsed(assignment)
        place = f"--set {dotted(path)}"
        _assign(data, path, value, place)
        places = {known: where for known, where in places.items() if known[: len(path)] != path}
        for length in range(1, len(path) + 1):
            places.setdefault(path[:length], (place, place))
    return replace(source, data=data, places=places, problems=tuple(problems))


def _parsed(assignment: str) -> tuple[Path, Any]:
    name, equals, text = assignment.partition("=")
    steps = [step.strip() for step in name.split(".")]
    if not equals or not all(steps) or len(steps) > MAXIMUM_DEPTH:
        raise UsageProblem(
            "bad-assignment",
            where=f"--set {assignment}"[:120],
            expected=f"key=value with a dotted key of at most {MAXIMUM_DEPTH} steps",
            found=f'"{assignment}"'[:120],
            remedy="write it like train.lr=3e-4",
        )
    # The number of an item in a list; anything else, "007" too, is a key.
    path = tuple(int(step) if re.fullmatch(r"0|[1-9]\d{0,8}", step, re.ASCII) else step for step in steps)
    return path, read_value(text, f"--set {dotted(path)}")


def _assign(data: Any, path: Path, value: Any, place: str) -> None:
    for position, step in enumerate(path[:-1]):
        data = _inside(data, path[:position], step, place)
    holder, last = _holder(data, path[:-1], path[-1], place)
    holder[last] = value


def _inside(data: Any, path: Path, step: str | int, place: str) -> Any:
    """What stands under a step; keys that are not there yet are made."""
    holder, key = _holder(data, path, step, place)
    return holder.setdefault(key, {}) if isinstance(holder, dict) else holder[key]


def _holder(data: Any, path: Path, step: str | int, place: str) -> tuple[Any, Any]:
    """The mapping or list that a step leads into, and the step as its key."""
    if isinstance(data, dict):
        return data, str(step)
    if isinstance(data, list) and isinstance(step, int) and step < len(data):
        return data, step
    raise SpecError(
        "bad-assignment",
        where=place,
        expected=f"keys below {dotted(path)}",
        found="a list without that item" if isinstance(data, list) else "a plain value",
        remedy=f"set {dotted(path)} as a whole",
    )
