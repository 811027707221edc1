"""Files of molecules as tables: a row for each line of a SMILES file, or for each record of an SDF."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa

from polymodal.core import DataError
from polymodal.data.columns import text_series
from polymodal.data.packed import lines_of

__all__ = ["SDF_SUFFIXES", "SMILES_SUFFIXES", "is_molfile", "read_sdf", "read_smiles"]

SMILES_SUFFIXES = (".smi", ".smiles")
SDF_SUFFIXES = (".sdf", ".sd")
_END, _UNTITLED = "$$$$", "-"
_HEADERS = frozenset({"smiles", "canonical_smiles", "isomeric_smiles"})
_MOST_FIELDS = 10_000


def read_smiles(path: Path) -> pd.DataFrame:
    """Columns "smiles" (the first word of each line) and "name" (the rest of it), as text.

    Blank lines and lines that begin with "#" are passed over, and so is a first line that begins with the word smiles.
    Whether a molecule can be read is seen when it is: here nothing is parsed. Raises DataError, with the line, where
    the file has none, or is no text.
    """
    smiles: list[str] = []
    names: list[str | None] = []
    for number, line in lines_of(path, lambda number, found: _refused(path, number, found, "SMILES")):
        word, _, rest = line.strip().replace("\t", " ").partition(" ")
        if not word or word.startswith("#") or (not smiles and word.lower() in _HEADERS):
            continue
        if "," in word:
            raise _refused(path, number, f'"{word[:40]}", with a comma', "SMILES")
        smiles.append(word)
        names.append(rest.strip() or None)
    if not smiles:
        raise _refused(path, 1, "no line with a molecule", "SMILES")
    return _as_frame({"smiles": smiles, "name": names})


def read_sdf(path: Path) -> pd.DataFrame:
    """Columns "name" (the title), "molecule" (the molfile as text), and one for each data item, absent where it is not.

    The modalities `molecule` and `structure` read molfiles as they stand; nothing is parsed here. A data item that is
    called like another column gets "_" behind its name; a blank title is "-" in the molfile. Raises DataError, with the
    line, for a record without the line "M  END", an item without a name, and for a file that is no text or ends within
    a record.
    """
    names: list[str | None] = []
    blocks: list[str] = []
    fields: dict[str, list[str | None]] = {}
    for first, record in _records(path):
        block, items = _parted(path, first, record)
        for name in items:
            if name not in fields and len(fields) == _MOST_FIELDS:
                raise _refused(path, first, f"more than {_MOST_FIELDS:,} names of data items", "SDF")
            fields.setdefault(name, [None] * len(blocks))
        for name, cells in fields.items():
            cells.append(items.get(name))
        names.append(record[0].strip() or None)
        blocks.append(block)
    if not blocks:
        raise _refused(path, 1, "no record", "SDF")
    taken = {"name", "molecule"}
    columns: dict[str, Sequence[str | None]] = {"name": names, "molecule": blocks}
    for name, cells in fields.items():
        free = name
        while free in taken:
            free += "_"
        taken.add(free)
        columns[free] = cells
    return _as_frame(columns)


def is_molfile(text: str) -> bool:
    """Whether a text is a molfile: its fourth line says so."""
    lines = text.split("\n", 4)
    return len(lines) > 3 and lines[3].rstrip().endswith(("V2000", "V3000"))


def _records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The lines of each record, and the number of its first line. What follows the last mark is a record, too."""
    first, lines = 1, list[str]()
    for number, line in lines_of(path, lambda number, found: _refused(path, number, found, "SDF")):
        if line.rstrip() == _END:
            yield first, lines
            first, lines = number + 1, []
        else:
            lines.append(line)
    if any(line.strip() for line in lines):
        yield first, lines


def _parted(path: Path, first: int, record: list[str]) -> tuple[str, dict[str, str | None]]:
    """The molfile of a record, and its data items by name."""
    end = next((place for place, line in enumerate(record) if line.startswith("M  END")), None)
    if end is None:
        raise _refused(path, first, 'a record without the line "M  END": cut off, or no SDF', "SDF")
    items: dict[str, str | None] = {}
    name, held = "", list[str]()
    for place, line in enumerate([*record[end + 1 :], ">"], start=first + end + 1):
        if not line.startswith(">"):
            held.append(line)
            continue
        if name:
            items[name] = "\n".join(held).strip() or None
        if place == first + len(record):
            break
        opened, closed = line.find("<"), line.rfind(">")
        name, held = line[opened + 1 : closed].strip() if 0 < opened < closed else "", []
        if not name or name in items:
            what = f'"{name}" twice in a record' if name else "a data item without a name"
            raise _refused(path, place, what, "SDF")
    # White space around a cell is no part of it, and the place of each line is part of a molfile.
    return "\n".join([record[0].strip() or _UNTITLED, *record[1 : end + 1]]), items


def _as_frame(columns: dict[str, Sequence[str | None]]) -> pd.DataFrame:
    made = {
        name: text_series(pa.chunked_array([pa.array(cells, pa.large_string())])) for name, cells in columns.items()
    }
    return pd.DataFrame(made)


def _refused(path: Path, number: int, found: str, kind: str) -> DataError:
    expected = {
        "SMILES": "a molecule in each line: its SMILES, then its name if it has one",
        "SDF": f'records of a molfile and data items (> <NAME>), each ended by "{_END}"',
    }[kind]
    return DataError(
        "unreadable-table",
        where=f"{path}:{number}",
        expected=expected,
        found=found,
        remedy="check that the file is whole and that its name says what it is",
    )
