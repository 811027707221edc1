"""Columns of text: read into Arrow, each distinct text once, and turned into numbers when a batch asks for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from polymodal.core import DataError, Refusal, Values
from polymodal.core.seeding import numpy_generator
from polymodal.data.base import Cells, Column, DataTable, Rows
from polymodal.data.cells import absent, texts
from polymodal.data.forms import BORDER, Form, part_of
from polymodal.data.once import among
from polymodal.data.plain import Plain, plain_text

__all__ = ["TextCells", "TextColumn"]

READ = 1 << 20
"""Characters of a cell that are read; what follows is not."""
LEARNED = 50_000
"""Training rows that a vocabulary is learned from; more cost time and change it little."""


@dataclass(frozen=True)
class TextCells(Cells):
    """`documents`: the distinct texts, columns joined by a border mark; `code` (rows,) which one a row has, -1 = none.

    `ready` is what the form made of the documents beforehand.
    """

    code: np.ndarray
    documents: pa.LargeStringArray
    ready: Any


class TextColumn(Column[TextCells]):
    """Some columns of text, read as one document a row; a row without any text is absent.

    `form` says what numbers a text becomes.
    """

    def __init__(self, columns: Sequence[str], form: Form) -> None:
        self.names, self.form = list(columns), form
        self.training_rows = 0

    def fit(self, table: DataTable, rows: Rows) -> None:
        """Learn the form's vocabulary. Raises DataError where no training row has a text."""
        code, documents = self._parse(table.take(rows))
        known = code[code >= 0]
        if not len(known):
            raise DataError(
                "no-text",
                where=f"{table.source}, columns {', '.join(self.names)}",
                expected="a text in at least one training row",
                found="none",
                remedy="take this modality out of the spec, or name other columns",
            )
        self.training_rows = len(rows)
        if len(known) > LEARNED:
            known = np.sort(numpy_generator(0, "text").choice(known, LEARNED, replace=False))
        self.form.fit(documents.take(pa.array(known)).to_pylist())

    def read(self, table: DataTable) -> TextCells:
        """The distinct texts of every row."""
        code, documents = self._parse(table)
        return TextCells(code >= 0, code, documents, self.form.prepare(documents))

    def collate(self, cells: TextCells, rows: Rows) -> tuple[Values, list[Refusal]]:
        """The parts that the form makes of the distinct texts of these rows."""
        distinct, index = among(cells.code, rows)
        return Values(self.form.parts(cells.ready, distinct), index), []

    def state(self) -> dict[str, Any]:
        """The form's vocabulary."""
        return {"training_rows": self.training_rows, "form": self.form.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take it over."""
        self.training_rows = int(state["training_rows"])
        self.form.restore(state["form"])

    def plain(self, cells: TextCells, rows: Rows) -> list[Plain]:
        """Counts of the n-grams of the whole text, and of each column where there are several."""
        code = pa.array(cells.code[rows], mask=cells.code[rows] < 0)
        found = [text or BORDER * (len(self.names) - 1) for text in cells.documents.take(code).to_pylist()]
        blocks = plain_text(part_of(found, -1))
        if len(self.names) > 1:
            blocks += [block for place in range(len(self.names)) for block in plain_text(part_of(found, place))]
        return blocks

    def _parse(self, table: DataTable) -> tuple[np.ndarray, pa.LargeStringArray]:
        """(rows,) which distinct document a row has, -1 = none, and the documents."""
        written, nothing = [], np.ones(len(table), dtype=bool)
        for name in self.names:
            series = table.column(name)
            gone = absent(series, table.missing)
            text = pc.replace_substring(pc.fill_null(texts(series), ""), BORDER, " ")
            gone |= pc.equal(text, "").to_numpy(zero_copy_only=False)
            kept = pc.if_else(pa.array(gone), pa.scalar("", pa.large_string()), text)
            written.append(pc.utf8_slice_codeunits(kept, 0, READ))
            nothing &= gone
        joined = pc.binary_join_element_wise(*written, pa.scalar(BORDER, pa.large_string()))
        found = pc.if_else(pa.array(nothing), pa.scalar(None, pa.large_string()), joined).dictionary_encode()
        code = found.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        return code, found.dictionary
