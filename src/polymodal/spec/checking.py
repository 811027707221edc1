"""Checks a source against the whole of what a spec may say, and tells everything that is wrong at once."""

import json
import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from polymodal.core import SpecError, did_you_mean
from polymodal.data.naming import NAMES, usable_name
from polymodal.spec.problems import problems_in
from polymodal.spec.sections import ANSWERS, document_model
from polymodal.spec.source import Path, Source

__all__ = ["SHOWN", "checked"]

SHOWN = 50
"""More problems than this are not told at once."""


def checked(source: Source) -> Any:
    """The validated document: sections and parts as models, by attribute. Raises SpecError with every problem."""
    problems: list[SpecError] = [*source.problems, *_bad_names(source), *_nothing_to_learn(source)]
    problems += _misplaced(source)
    # A value that could not be read is told once, by the reader.
    refused = {problem.where for problem in source.problems}
    model = document_model()
    try:
        document = model.__pydantic_validator__.validate_json(json.dumps(source.data), strict=True)
    except ValidationError as failure:
        problems += [problem for problem in problems_in(source, model, failure) if problem.where not in refused]
    if problems:
        raise SpecError.joined(sorted(problems, key=_line_and_column)[:SHOWN])
    return document


def _line_and_column(problem: SpecError) -> tuple[int, int]:
    place = re.search(r":(\d+):(\d+)$", problem.where)
    return (int(place[1]), int(place[2])) if place else (0, 0)


def _bad_names(source: Source) -> list[SpecError]:
    """Names that no network could give to a part."""
    problems = []
    for section in ("modalities", "tasks", "objectives"):
        names = source.get((section,))
        for name in names if isinstance(names, Mapping) else ():
            if not usable_name(name):
                path: Path = (section, name)
                expected = f"{section}: {NAMES}"
                where, remedy = source.key_place(path), f'rename it, for example "{_free_name(name)}"'
                problems.append(SpecError("bad-name", where=where, expected=expected, found=f'"{name}"', remedy=remedy))
    return problems


def _nothing_to_learn(source: Source) -> list[SpecError]:
    """A spec without tasks is one for pretraining, and then has objectives."""
    if source.get(("tasks",)) or source.get(("objectives",)):
        return []
    remedy = "add tasks: …, or objectives: … for polymodal pretrain"
    return [SpecError("missing-key", where=source.name, expected='the key "tasks"', found="nothing", remedy=remedy)]


def _misplaced(source: Source) -> list[SpecError]:
    """Tasks that are asked of a table which is not there, or of different tables by one column."""
    tables, tasks = source.get(("data", "tables")), source.get(("tasks",))
    if not isinstance(tasks, Mapping):
        return []
    known = list(map(str, tables)) if isinstance(tables, Mapping) else []
    problems, asked = [], dict[str, Any]()
    for name, part in tasks.items():
        given = part.get("from") if isinstance(part, Mapping) else None
        where, what = source.value_place(("tasks", name, "from")), f"tasks.{name}.from"
        if given is not None and given not in known:
            expected = f"{what}: a name in data.tables" + (f", {', '.join(known)}" if known else ", which is not given")
            remedy = did_you_mean(str(given), known) if known else "name the tables there, or leave it out"
            problems.append(SpecError("unknown-table", where=where, expected=expected, found=str(given), remedy=remedy))
        for key in ANSWERS if isinstance(part, Mapping) else ():
            column = part.get(key)
            if isinstance(column, str) and asked.setdefault(column, given) != given:
                expected = f'a column of its own for the answers of task "{name}", which other tables do not have'
                found = f'"{column}", which another task is asked by in another table'
                remedy = f"give it another name there: data.tables.{given or known[0]}.rename"
                problems.append(
                    SpecError("shared-answers", where=source.value_place(("tasks", name, key)), expected=expected,
                              found=found, remedy=remedy)
                )  # fmt: skip
    return problems


def _free_name(name: str) -> str:
    letters = "".join(sign if sign.isidentifier() or sign.isdigit() else "_" for sign in name).strip("_")[:30]
    return f"my_{letters}" if letters else "part"
