"""A look into what a table holds and names, before hours are spent on learning from it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from polymodal.core import Refusal
from polymodal.core.seeding import numpy_generator
from polymodal.data.base import Column, DataTable, Rows
from polymodal.data.cells import absent
from polymodal.data.findings import Finding
from polymodal.spec import Parts

__all__ = ["LOOKED", "look_into"]

LOOKED = 200
"""Rows of each modality whose files are opened: enough to find what one row in sixty has, in seconds."""


def look_into(table: DataTable, parts: Parts, learned: Rows) -> list[Finding]:
    """Fit every reader as training would, open the files of some rows, and say what cannot be used.

    `learned` are the rows to learn from, of which up to `LOOKED` with a value are looked into for each modality. The
    readers of `parts` are fitted by this. Raises DataError where a modality or a target has nothing that can be used.
    """
    for task in parts.tasks.values():
        # What a target holds is refused by its own column: three labels of a binary task, say.
        task.reader.fit(table, learned)
    return [found for name, part in parts.modalities.items() for found in _refused(table, name, part.reader, learned)]


def _refused(table: DataTable, name: str, reader: Column[Any], learned: Rows) -> Sequence[Finding]:
    held = ~np.all([absent(table.column(column), table.missing) for column in reader.names], axis=0)
    there = learned[held[learned]]
    if not len(there):
        return []
    drawn = numpy_generator(0, "look", name).permutation(len(there))[:LOOKED]
    some = there[np.sort(drawn)]
    # A reader of files opens them to learn what they hold: some tell what can be told here.
    reader.fit(table, some if reader.holds_files else learned)
    cells = reader.read(table)
    opened = reader.collate(cells, some)[1]
    found = [_told(name, cells.refusals, f"{len(table):,} rows")] if cells.refusals else []
    return [*found, _told(name, opened, f"{len(some):,} rows looked into")] if opened else found


def _told(name: str, refusals: Sequence[Refusal], of: str) -> Finding:
    rows = np.unique([refusal.row for refusal in refusals])
    first = refusals[0]
    cell = f'row {first.row}, column "{first.column}"' + f" ({first.path})" * bool(first.path)
    message = f"{len(rows):,} of {of} hold what cannot be used; {cell}: {first.reason}"
    remedy = "mend it, or let such rows count as without it"
    return Finding("unusable-values", "warning", f'modality "{name}"', message, remedy, rows)
