"""What the columns of a first spec are for: the modality that reads each, with the reason."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from polymodal.core import DataError
from polymodal.data.assays import Assay
from polymodal.data.base import DataTable
from polymodal.data.cells import absent, holds_objects
from polymodal.data.containers import sense_of
from polymodal.data.draft import Draft
from polymodal.data.files import Folder
from polymodal.data.kinds import FILE_SUFFIXES, NULL_WORDS, Kind, ending_of, parse_dates, parse_labels, parse_numbers
from polymodal.data.notations import Notation, notation_of
from polymodal.data.questions import words_of
from polymodal.data.traces import from_cell

__all__ = ["add_assays", "add_inputs", "add_spelled", "in_memory", "spelled_columns"]

_VECTORS = frozenset(["embedding", "embeddings", "emb", "vector", "vectors", "features", "latent", "encoding"])
_READ = {
    "image": "pictures",
    "audio": "sounds",
    "video": "videos",
    "volume": "volumes",
    "tissue": "sections of tissue",
    "structure": "structures",
}
_CHANNELS = 7  # a grid of numbers with at most so many columns is a series of several channels, no picture


def in_memory(table: DataTable, name: str) -> bool:
    """Whether cells of a column hold more than a number, a text or a date."""
    return holds_objects(table.column(name))


def add_inputs(table: DataTable, draft: Draft, kinds: dict[str, Kind], others: Sequence[str]) -> None:
    """Draft a modality for each column, or for all columns of cells, or of texts; `others` are all but the targets."""
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
        elif in_memory(table, name) or name in series:
            _add_objects(table, draft, name)
    _add_marks(table, draft, kinds, {*cells, *texts})


def spelled_columns(table: DataTable, kinds: dict[str, Kind]) -> dict[str, Notation]:
    """Columns of words that spell molecules or proteins, and which."""
    words = [name for name, kind in kinds.items() if kind.name in {"category", "identifier", "text"}]
    found = {name: notation_of(table.column(name), table.missing) for name in words}
    return {name: spells for name, spells in found.items() if spells is not None}


def add_spelled(draft: Draft, spelled: dict[str, Notation]) -> None:
    """Draft a modality for each column that spells molecules or proteins."""
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


def _add_objects(table: DataTable, draft: Draft, name: str) -> None:
    """Cells that hold lists or rows of numbers are series, of one length and so called vectors; grids are pictures.

    The content of a file is a sound or a video where it begins as one.
    """
    modality, held = draft.name(name), table.column(name).dropna().iloc[:100]
    held = pd.Series([from_cell(cell) if isinstance(cell, str) else cell for cell in held], dtype=object)
    contents = [cell for cell in held if isinstance(cell, bytes)]
    sense = sense_of(contents)
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


def _add_file(table: DataTable, draft: Draft, name: str, kind: Kind) -> None:
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


def _folder(table: DataTable, draft: Draft, names: Sequence[str]) -> str | None:
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


def _add_marks(table: DataTable, draft: Draft, kinds: dict[str, Kind], used: Collection[str]) -> None:
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


def add_assays(draft: Draft, assays: Mapping[str, Assay], targets: Collection[str]) -> None:
    """Draft a modality for each assay, without the genes that are to be predicted."""
    for assay in assays.values():
        given = set(assay.columns).intersection(targets)
        inputs = [name for name in assay.columns if name not in given] if given else [assay.pattern]
        # In AnnData files, X alone says nothing of what was measured.
        modality = draft.name("genes" if assay.pattern == "X.*" else assay.pattern.removesuffix(".*"))
        draft.modalities[modality] = {"type": "omics", "columns": inputs, "values": assay.values}
        draft.reasons[f"modalities.{modality}"] = f"{len(assay.columns):,} columns, by their numbers {assay.values}"
