"""A first spec for a table that nobody has described: what its columns are for, with the reason for each choice."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from polymodal.core import DataError
from polymodal.data.base import DataTable
from polymodal.data.cells import absent, holds_objects
from polymodal.data.containers import container_of
from polymodal.data.copies import give_aways
from polymodal.data.files import Folder
from polymodal.data.kinds import (
    FILE_SUFFIXES,
    NULL_WORDS,
    Kind,
    ending_of,
    infer_kind,
    parse_dates,
    parse_labels,
    parse_numbers,
)
from polymodal.data.naming import usable_name
from polymodal.data.notations import Notation, notation_of
from polymodal.data.outcomes import Outcome, known_afterwards, outcome_of
from polymodal.data.questions import guess_target, question_of, words_of
from polymodal.data.traces import from_cell

__all__ = ["propose"]

_ID_WORDS = frozenset(["id", "ids", "uid", "uuid", "guid", "key", "identifier", "index", "mrn", "accession"])
_ID_NAMES = frozenset(["patient", "subject", "participant", "customer", "user", "case", "column_1", "unnamed: 0"])
_CLUSTERS = frozenset(
    ["site", "center", "centre", "hospital", "clinic", "institution", "scanner", "batch", "plate", "family",
     "household", "speaker", "session", "school", "donor"]
)  # fmt: skip
_SPLIT_NAMES = frozenset(["split", "fold", "set", "partition", "subset"])
_TEST, _VALIDATION = frozenset(["test", "testing", "holdout"]), frozenset(["validation", "valid", "val", "dev"])
_VECTORS = frozenset(["embedding", "embeddings", "emb", "vector", "vectors", "features", "latent", "encoding"])
_MANY_GROUPS = 5
_READ = {
    "image": "pictures",
    "audio": "sounds",
    "video": "videos",
    "volume": "volumes",
    "tissue": "sections of tissue",
    "structure": "structures",
}
_SOUND = re.compile(rb"RIFF....WAVE|RF64|fLaC|OggS|ID3|FORM....AIF|\.snd|\xff[\xe2-\xff]|....ftypM4A", re.DOTALL)
"""How the content of a sound file begins."""
_FILMS = frozenset(["mov", "matroska", "avi"])
"""Containers of videos; a GIF is taken for a picture."""
_CHANNELS = 7  # a grid of numbers with at most so many columns is a series of several channels, no picture


@dataclass
class _Draft:
    """The spec while it grows."""

    data: dict[str, Any]
    modalities: dict[str, dict[str, Any]] = field(default_factory=dict)
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    marks: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)

    def name(self, wanted: str) -> str:
        """A name like `wanted` that Python, torch and the other parts leave free."""
        name = re.sub(r"\W+", "_", wanted).strip("_") or "part"
        name = name if name.isidentifier() else "c_" + re.sub(r"\W", "_", name, flags=re.ASCII)
        taken = {*self.modalities, *self.tasks}
        while not usable_name(name) or name in taken:
            name += "_"
        return name


def propose(table: DataTable, targets: Sequence[str] | None = None, everything: bool = False) -> dict[str, Any]:
    """A spec (data, modalities, tasks) that trains as it is, and under "reasons" a sentence for each dotted path.

    Columns that would give the target away, or say nothing, are left out; `reasons["modalities"]` names them. Without
    `targets` one is guessed. `data.table` and `data.files` are written as the table itself was named. Raises DataError
    where there is nothing to predict, or nothing to predict it from. With `everything`, somebody has chosen the columns
    already: all of them that differ from row to row are inputs, names of rows and what gives the target away included.
    """
    draft = _Draft({"table": table.source})
    if table.notes:
        draft.reasons["data.table"] = "; ".join(table.notes)
    reserved = [] if everything else _reserve_split(table, draft)
    wanted = list(dict.fromkeys(targets)) if targets else []
    why = ""
    if not wanted:
        guessed, why = guess_target(table, [*reserved, *_ids(table)])
        wanted = [guessed]
    outcome = None if everything else outcome_of(table, wanted)
    if outcome is None:
        _add_tasks(table, draft, wanted, why)
    else:
        wanted = [outcome.time, outcome.event]
        _add_outcome(draft, outcome, why)
    table = replace(table, missing=tuple(dict.fromkeys([*table.missing, *draft.marks])))
    others = [name for name in map(str, table.frame.columns) if name not in {*wanted, *reserved}]
    kinds = {name: infer_kind(table.column(name), table.missing) for name in others if not _in_memory(table, name)}
    if everything:
        kinds = {name: _as_input(kind) for name, kind in kinds.items()}
    else:
        _add_keys(table, draft, kinds)
    spelled = _spelled(table, kinds)
    kinds |= dict.fromkeys(spelled, Kind("text"))
    if outcome is not None:
        later = known_afterwards(table, outcome, list(kinds))
        draft.left_out |= later
        kinds = {name: kind for name, kind in kinds.items() if name not in later}
    _leave_out(table, draft, kinds, [] if everything else wanted)
    _add_inputs(table, draft, {name: kind for name, kind in kinds.items() if name not in spelled}, others)
    _add_spelled(draft, {name: spells for name, spells in spelled.items() if name in kinds})
    if not draft.modalities and others:
        raise _nothing_left(table, draft)
    if draft.left_out:
        shown = "; ".join(f'"{name}" ({reason})' for name, reason in draft.left_out.items())
        draft.reasons["modalities"] = f"left out: {shown}"
    parts = {"data": draft.data, "modalities": draft.modalities, "tasks": draft.tasks}
    return {"version": 1, **parts, "reasons": draft.reasons}


def _in_memory(table: DataTable, name: str) -> bool:
    return holds_objects(table.column(name))


def _ids(table: DataTable) -> list[str]:
    return [name for name in map(str, table.frame.columns) if _named_like_id(name)]


def _named_like_id(name: str) -> bool:
    return name.lower().strip() in _ID_NAMES or bool(_ID_WORDS & set(words_of(name)))


def _reserve_split(table: DataTable, draft: _Draft) -> list[str]:
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


def _add_tasks(table: DataTable, draft: _Draft, targets: Iterable[str], why: str) -> None:
    for target in targets:
        question = question_of(table, target)
        name = draft.name(target)
        draft.tasks[name] = dict(question.task)
        draft.marks += question.marks
        draft.reasons[f"tasks.{name}"] = question.reason + (f"; {why}" if why else "")


def _add_outcome(draft: _Draft, outcome: Outcome, why: str) -> None:
    name = draft.name(outcome.event)
    draft.tasks[name] = outcome.task
    told = (
        f'how soon: "{outcome.time}" says when, and "{outcome.event}" whether it happened then ("{outcome.positive}")'
    )
    draft.reasons[f"tasks.{name}"] = told + (f"; {why}" if why else "")


def _add_keys(table: DataTable, draft: _Draft, kinds: dict[str, Kind]) -> None:
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


def _add_group(draft: _Draft, name: str, labels: pd.Series, rows: int) -> None:
    distinct, largest = labels.nunique(), labels.value_counts().iloc[0]
    usable = "group" not in draft.data and largest <= 0.4 * rows and distinct >= _MANY_GROUPS
    draft.left_out[name] = f"names one of {distinct} groups; new rows will come from others"
    if usable and "split" not in draft.data:
        draft.data["group"] = name
        draft.reasons["data.group"] = f"{distinct} groups of rows, so that rows of one group are never on both sides"


def _leave_out(table: DataTable, draft: _Draft, kinds: dict[str, Kind], targets: Sequence[str]) -> None:
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


def _add_inputs(table: DataTable, draft: _Draft, kinds: dict[str, Kind], others: Sequence[str]) -> None:
    cells = [name for name, kind in kinds.items() if kind.name in {"number", "boolean", "category", "date"}]
    texts = [name for name, kind in kinds.items() if kind.name == "text"]
    series = [name for name in texts if _numbers_in_a_row(table, name)]
    texts = [name for name in texts if name not in series]
    if cells:
        counts = Counter(kinds[name].name for name in cells)
        modality = draft.name("table")
        draft.modalities[modality] = {"type": "table", "columns": cells}
        told = [", ".join(f"{count} × {kind}" for kind, count in counts.items())]
        told += [f'"{name}": {kinds[name].reason}' for name in cells if "something else" in kinds[name].reason]
        draft.reasons[f"modalities.{modality}"] = "; ".join(told[:6])
    if texts:
        modality = draft.name("text")
        draft.modalities[modality] = {"type": "text", "columns": texts}
        shown = "; ".join(f'"{name}": {kinds[name].reason}' for name in texts)
        draft.reasons[f"modalities.{modality}"] = f"free text; {shown}"
    for name in others:
        if name in kinds and kinds[name].name == "file":
            _add_file(table, draft, name, kinds[name])
        elif _in_memory(table, name) or name in series:
            _add_objects(table, draft, name)
    _add_marks(table, draft, kinds, {*cells, *texts})


def _spelled(table: DataTable, kinds: dict[str, Kind]) -> dict[str, Notation]:
    """Columns of words that spell molecules or proteins."""
    words = [name for name, kind in kinds.items() if kind.name in {"category", "identifier", "text"}]
    found = {name: notation_of(table.column(name), table.missing) for name in words}
    return {name: spells for name, spells in found.items() if spells is not None}


def _add_spelled(draft: _Draft, spelled: dict[str, Notation]) -> None:
    told = {"molecule": "molecules", "protein": "sequences of amino acids"}
    for name, spells in spelled.items():
        modality = draft.name(name)
        draft.modalities[modality] = {"type": spells, "column": name}
        draft.reasons[f"modalities.{modality}"] = told[spells]


def _numbers_in_a_row(table: DataTable, name: str) -> bool:
    """Whether cells of text hold several numbers each, "0.5 1 nan 2"."""
    held = table.column(name)[~absent(table.column(name), table.missing)].iloc[:100]
    try:
        return all(len(from_cell(str(cell))) > 2 for cell in held)
    except DataError:
        return False


def _add_objects(table: DataTable, draft: _Draft, name: str) -> None:
    """Cells that hold lists or rows of numbers are series, of one length and so called vectors; grids are pictures.

    The content of a file is a sound or a video where it begins as one.
    """
    modality, held = draft.name(name), table.column(name).dropna().iloc[:100]
    held = pd.Series([from_cell(cell) if isinstance(cell, str) else cell for cell in held], dtype=object)
    contents = [cell for cell in held if isinstance(cell, bytes)]
    sense = _sense(contents)
    if sense is not None:
        draft.modalities[modality] = {"type": sense, "column": name}
        draft.reasons[f"modalities.{modality}"] = f"cells that hold the content of {_READ[sense]}"
        return
    shapes = [np.shape(cell) if isinstance(cell, list | tuple | np.ndarray) else None for cell in held]
    lengths = Counter(shape[0] if shape and len(shape) == 1 else 0 for shape in shapes)
    length, often = max(lengths.items(), key=lambda item: item[1], default=(0, 0))
    if length > 1 and often >= 0.9 * len(shapes) and _VECTORS.intersection(words_of(name)):
        draft.modalities[modality] = {"type": "embedding", "columns": [name]}
        draft.reasons[f"modalities.{modality}"] = f"vectors of {length:,} numbers, by their name made elsewhere"
    elif all(
        shape is not None and (len(shape) == 1 or (len(shape) == 2 and shape[1] <= _CHANNELS)) for shape in shapes
    ):
        draft.modalities[modality] = {"type": "signal", "columns": [name]}
        draft.reasons[f"modalities.{modality}"] = "cells that hold series of numbers"
    else:
        draft.modalities[modality] = {"type": "image", "column": name}
        draft.reasons[f"modalities.{modality}"] = "cells that hold grids of numbers, or the content of picture files"


def _sense(contents: Sequence[bytes]) -> str | None:
    """Whether most of these files begin as sounds, or as videos."""
    sounds = [_SOUND.match(content) is not None for content in contents]
    films = [container_of(content) in _FILMS and not sound for content, sound in zip(contents, sounds, strict=True)]
    counts = {"audio": sum(sounds), "video": sum(films)}
    return next((sense for sense, count in counts.items() if 2 * count > len(contents)), None)


def _add_file(table: DataTable, draft: _Draft, name: str, kind: Kind) -> None:
    labels = parse_labels(table.column(name), table.missing)
    known = list(dict.fromkeys(label for label in labels if label is not None))
    suffix = Counter(map(ending_of, known)).most_common(1)[0][0]
    sense = FILE_SUFFIXES.get(suffix)
    if sense not in _READ:
        draft.left_out[name] = f"no modality reads {suffix} files yet"
        return
    root = _folder(table, draft, known)
    if root is None:
        draft.left_out[name] = "file names, but no folder beside the table holds the files"
        return
    draft.data["files"] = root
    modality = draft.name(name)
    draft.modalities[modality] = {"type": sense, "column": name}
    draft.reasons[f"modalities.{modality}"] = f"names of {_READ[sense]}: {kind.reason}"


def _folder(table: DataTable, draft: _Draft, names: Sequence[str]) -> str | None:
    """The folder under which most of the first files are found: as given, beside the table, or one level below."""
    if "files" in draft.data or table.files is not None:
        roots = [Path(draft.data.get("files") or table.files or "")]
    else:
        beside = Path(table.source).parent
        below = sorted(path for path in beside.iterdir() if path.is_dir()) if beside.is_dir() else []
        roots = [beside, *below[:100]]
    some = names[:: max(1, len(names) // 20)][:20]
    for root in roots:
        if np.mean([_opens(Folder(root), name) for name in some]) >= 0.5:
            return root.as_posix()
    return None


def _opens(folder: Folder, name: str) -> bool:
    try:
        folder.resolve(name)
    except DataError:
        return False
    return True


def _add_marks(table: DataTable, draft: _Draft, kinds: dict[str, Kind], used: Collection[str]) -> None:
    """Words such as NA become marks for "missing" where numbers or dates have them and no category or text does."""
    marks: Counter[str] = Counter()
    kept: set[str] = set()
    for name in used:
        labels = pd.Series(parse_labels(table.column(name), table.missing), dtype=object)
        if kinds[name].name in {"number", "date"}:
            read = parse_numbers if kinds[name].name == "number" else parse_dates
            marks.update(labels[read(table.column(name), kinds[name], table.missing)[1]])
        else:
            kept.update(labels.dropna().unique())
    null = (mark for mark in marks if mark.lower() in NULL_WORDS and "inf" not in mark.lower() and mark not in kept)
    found = sorted({*null, *draft.marks})
    if found:
        draft.data["missing"] = list(dict.fromkeys([*table.missing, *found]))
        draft.reasons["data.missing"] = "these words stand where numbers, dates or labels are missing"


def _nothing_left(table: DataTable, draft: _Draft) -> DataError:
    shown = "; ".join(f'"{name}": {reason}' for name, reason in list(draft.left_out.items())[:5])
    return DataError(
        "no-inputs",
        where=table.source,
        expected="at least one column to learn from, beside the target",
        found=shown or "none",
        remedy="write the spec by hand, or give more columns",
    )
