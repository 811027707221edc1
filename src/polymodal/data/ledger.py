"""The ledger of values that could not be used (errors.jsonl), and what the declared policy does about them."""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Literal

import numpy as np

from polymodal.core import DataError, PolymodalError, Refusal
from polymodal.data.base import DataTable, Rows

__all__ = ["BadRows", "Ledger", "apply_policy"]

BadRows = Literal["error", "skip", "mask"]
"""What becomes of a bad value: stop, leave its row out, or treat that modality of that row as absent."""

_SHOWN = 20  # problems spelt out in one message


class Ledger:
    """Writes each refused value once as a line of JSON: row, column, path, reason, action.

    A value that is met again (in the next epoch, or after a resumed run) is not written again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen = {_key(refusal) for refusal in self.read()} if path.exists() else set()
        self._mend()

    def __len__(self) -> int:
        return len(self._seen)

    def add(self, refusals: Iterable[Refusal]) -> int:
        """Write what is new, and say how many lines that made."""
        fresh = [refusal for refusal in dict.fromkeys(refusals) if _key(refusal) not in self._seen]
        if fresh:
            with self.path.open("a", encoding="utf-8") as stream:
                stream.writelines(json.dumps(asdict(refusal), ensure_ascii=False) + "\n" for refusal in fresh)
            self._seen.update(map(_key, fresh))
        return len(fresh)

    def read(self) -> list[Refusal]:
        """Everything written so far; a last line that was cut off by a crash is passed over."""
        refusals = []
        for line in self.path.read_text("utf-8", errors="replace").splitlines():
            try:
                refusals.append(Refusal(**json.loads(line)))
            except (ValueError, TypeError):
                continue
        return refusals

    def _mend(self) -> None:
        """End a line that a crash cut off, so that the next one starts at its own beginning."""
        if self.path.exists() and self.path.stat().st_size:
            with self.path.open("rb+") as stream:
                stream.seek(-1, os.SEEK_END)
                if stream.read(1) != b"\n":
                    stream.write(b"\n")


def apply_policy(table: DataTable, refusals: Sequence[Refusal], policy: BadRows) -> tuple[Rows, list[Refusal]]:
    """The rows that stay, in order, and the refusals with what was done about them.

    "mask" keeps every row, "skip" leaves the refused ones out, "error" raises DataError with place and reason of each.
    """
    every = np.arange(len(table), dtype=np.int64)
    if policy == "mask" or not refusals:
        return every, list(refusals)
    if policy == "error":
        raise PolymodalError.joined([_problem(table, refusal, len(refusals)) for refusal in refusals[:_SHOWN]])
    left_out = np.unique([refusal.row for refusal in refusals])
    return np.setdiff1d(every, left_out), [replace(refusal, action="skipped") for refusal in refusals]


def _problem(table: DataTable, refusal: Refusal, total: int) -> PolymodalError:
    return DataError(
        "bad-value",
        where=table.place(refusal.row, refusal.column) + (f" ({refusal.path})" if refusal.path else ""),
        expected="a value that can be used, as data.bad_rows is error",
        found=refusal.reason + (f"; {total} such values in all" if total > 1 else ""),
        remedy='mend the value, or set data.bad_rows to "mask" or "skip"',
    )


def _key(refusal: Refusal) -> tuple[int, str, str, str]:
    return refusal.row, refusal.column, refusal.path, refusal.reason
