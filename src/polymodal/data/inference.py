"""A first spec for a table that nobody has described: what its columns are for, with the reason for each choice."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from polymodal.core import DataError
from polymodal.data.assays import assays_of
from polymodal.data.base import DataTable
from polymodal.data.by_token import TOKENS, labels_by_token
from polymodal.data.copies import give_aways
from polymodal.data.draft import Draft
from polymodal.data.inputs import add_assays, add_inputs, add_spelled, in_memory, spelled_columns
from polymodal.data.kinds import (
    Kind,
    infer_kind,
    parse_labels,
)
from polymodal.data.outcomes import Outcome, known_afterwards, outcome_of
from polymodal.data.questions import guess_target, question_of, words_of

__all__ = ["propose"]

_ID_WORDS = frozenset(["id", "ids", "uid", "uuid", "guid", "key", "identifier", "index", "mrn", "accession"])
_ID_NAMES = frozenset(["patient", "subject", "participant", "customer", "user", "case", "column_1", "unnamed: 0"])
_CLUSTERS = frozenset(
    ["site", "center", "centre", "hospital", "clinic", "institution", "scanner", "batch", "plate", "family",
     "household", "speaker", "session", "school", "donor"]
)  # fmt: skip
_SPLIT_NAMES = frozenset(["split", "fold", "set", "partition", "subset"])
_TEST, _VALIDATION = frozenset(["test", "testing", "holdout"]), frozenset(["validation", "valid", "val", "dev"])
_MANY_GROUPS = 5


def propose(table: DataTable, targets: Sequence[str] | None = None, everything: bool = False) -> dict[str, Any]:
    """A spec (data, modalities, tasks) that trains as it is, and under "reasons" a sentence for each dotted path.

    Columns that would give the target away, or say nothing, are left out; `reasons["modalities"]` names them. Without
    `targets` one is guessed. `data.table` and `data.files` are written as the table itself was named. Raises DataError
    where there is nothing to predict, or nothing to predict it from. With `everything`, somebody has chosen the columns
    already: all of them that differ from row to row are inputs, names of rows and what gives the target away included.
    """
    draft = Draft({"table": table.source})
    if table.notes:
        draft.reasons["data.table"] = "; ".join(table.notes)
    reserved, assays = ([], {}) if everything else (_reserve_split(table, draft), assays_of(table))
    wanted = list(dict.fromkeys(targets)) if targets else []
    why = ""
    if not wanted:
        genes = [name for assay in assays.values() for name in assay.columns]
        guessed, why = guess_target(table, [*reserved, *genes, *_ids(table)])
        wanted = [guessed]
    outcome = None if everything else outcome_of(table, wanted)
    if outcome is None:
        _add_tasks(table, draft, wanted, why)
    else:
        wanted = [outcome.time, outcome.event]
        _add_outcome(draft, outcome, why)
    table = replace(table, missing=tuple(dict.fromkeys([*table.missing, *draft.marks])))
    add_assays(draft, assays, wanted)
    reserved += [name for assay in assays.values() for name in assay.columns]
    others = [name for name in map(str, table.frame.columns) if name not in {*wanted, *reserved}]
    kinds = {name: infer_kind(table.column(name), table.missing) for name in others if not in_memory(table, name)}
    if everything:
        kinds = {name: _as_input(kind) for name, kind in kinds.items()}
    else:
        _add_keys(table, draft, kinds)
    spelled = spelled_columns(table, kinds)
    kinds |= dict.fromkeys(spelled, Kind("text"))
    if outcome is not None:
        later = known_afterwards(table, outcome, list(kinds))
        draft.left_out |= later
        kinds = {name: kind for name, kind in kinds.items() if name not in later}
    _leave_out(table, draft, kinds, [] if everything else wanted)
    add_inputs(table, draft, {name: kind for name, kind in kinds.items() if name not in spelled}, others)
    add_spelled(draft, {name: spells for name, spells in spelled.items() if name in kinds})
    _give_tokens(draft)
    if not draft.modalities and others:
        raise _nothing_left(table, draft)
    if draft.left_out:
        shown = "; ".join(f'"{name}" ({reason})' for name, reason in draft.left_out.items())
        draft.reasons["modalities"] = f"left out: {shown}"
    parts = {"data": draft.data, "modalities": draft.modalities, "tasks": draft.tasks}
    return {"version": 1, **parts, "reasons": draft.reasons}


def _ids(table: DataTable) -> list[str]:
    return [name for name in map(str, table.frame.columns) if _named_like_id(name)]


def _named_like_id(name: str) -> bool:
    return name.lower().strip() in _ID_NAMES or bool(_ID_WORDS & set(words_of(name)))


def _reserve_split(table: DataTable, draft: Draft) -> list[str]:
    for name in map(str, table.frame.columns):
        if name.lower().strip() not in _SPLIT_NAMES:
            continue
        values = {str(value) for value in parse_labels(table.column(name), table.missing)}
        test = sorted(value for value in values if value.lower() in _TEST)
        validation = sorted(value for value in values if value.lower() in _VALIDATION)
        if test and len(values) > len(test) + len(validation) and "None" not in values:
            kept = {"validation": validation} if validation else {}
            draft.data["split"] = {"column": name, "test": test, **kept}
            draft.reasons["data.split"] = f'the column "{name}" says which rows are for the test'
            return [name]
    return []


def _add_tasks(table: DataTable, draft: Draft, targets: Iterable[str], why: str) -> None:
    for target in targets:
        name, labelled = draft.name(target), labels_by_token(table, target)
        if labelled is not None:
            of, task = labelled
            draft.tasks[name] = task | {"of": of}
            draft.reasons[f"tasks.{name}"] = f'a label for each token of "{of}"' + (f"; {why}" if why else "")
            continue
        question = question_of(table, target)
        draft.tasks[name] = dict(question.task)
        draft.marks += question.marks
        draft.reasons[f"tasks.{name}"] = question.reason + (f"; {why}" if why else "")


def _give_tokens(draft: Draft) -> None:
    """Tasks that label tokens name the modality of their column, which gives a token for each."""
    for task in draft.tasks.values():
        if "of" in task:
            name, part = next(item for item in draft.modalities.items() if item[1].get("column") == task["of"])
            task["of"] = name
            if part["type"] == "protein":
                part["tokens"] = TOKENS["protein"]


def _add_outcome(draft: Draft, outcome: Outcome, why: str) -> None:
    name = draft.name(outcome.event)
    draft.tasks[name] = outcome.task
    told = (
        f'how soon: "{outcome.time}" says when, and "{outcome.event}" whether it happened then ("{outcome.positive}")'
    )
    draft.reasons[f"tasks.{name}"] = told + (f"; {why}" if why else "")


def _add_keys(table: DataTable, draft: Draft, kinds: dict[str, Kind]) -> None:
    """Settle the id and the group; both go out of the inputs."""
    for name, kind in list(kinds.items()):
        single = kind.name in {"identifier", "number", "category"}
        if not single or not (_named_like_id(name) or _CLUSTERS & set(words_of(name))):
            continue
        labels = pd.Series(parse_labels(table.column(name), table.missing), dtype=object).dropna()
        distinct = labels.nunique()
        if distinct >= 0.99 * len(labels):
            if "id" not in draft.data and distinct == len(table):
                draft.data["id"] = name
                draft.reasons["data.id"] = f"{distinct} different values, one for each row"
            draft.left_out[name] = "names a row and says nothing about it"
            del kinds[name]
        elif distinct >= _MANY_GROUPS and distinct <= 0.9 * len(labels):
            _add_group(draft, name, labels, len(table))
            del kinds[name]


def _add_group(draft: Draft, name: str, labels: pd.Series, rows: int) -> None:
    distinct, largest = labels.nunique(), labels.value_counts().iloc[0]
    usable = "group" not in draft.data and largest <= 0.4 * rows and distinct >= _MANY_GROUPS
    draft.left_out[name] = f"names one of {distinct} groups; new rows will come from others"
    if usable and "split" not in draft.data:
        draft.data["group"] = name
        draft.reasons["data.group"] = f"{distinct} groups of rows, so that rows of one group are never on both sides"


def _leave_out(table: DataTable, draft: Draft, kinds: dict[str, Kind], targets: Sequence[str]) -> None:
    given = {found.column: found for found in give_aways(table, kinds, {name: name for name in targets})}
    numbered = []
    for name, kind in list(kinds.items()):
        if kind.name == "constant":
            draft.left_out[name] = kind.reason
        elif name in given:
            draft.left_out[name] = f'gives "{given[name].target}" away: {given[name].sentence}'
        elif kind.name == "identifier":
            draft.left_out[name] = kind.reason
            if kind.reason.startswith("whole numbers that count"):
                numbered.append(name)
        else:
            continue
        del kinds[name]
    # A lone column that counts up may be all there is to learn from.
    if not kinds and numbered:
        kinds.update({name: Kind("number", "whole numbers") for name in numbered})
        for name in numbered:
            del draft.left_out[name]


def _as_input(kind: Kind) -> Kind:
    """A column that names rows, read as what it is made of."""
    if kind.name != "identifier":
        return kind
    return Kind("number" if kind.reason.startswith("whole numbers") else "category", kind.reason)


def _nothing_left(table: DataTable, draft: Draft) -> DataError:
    shown = "; ".join(f'"{name}": {reason}' for name, reason in list(draft.left_out.items())[:5])
    return DataError(
        "no-inputs",
        where=table.source,
        expected="at least one column to learn from, beside the target",
        found=shown or "none",
        remedy="write the spec by hand, or give more columns",
    )
