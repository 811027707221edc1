"""Boxes as a target: what stands in a cell, what of it cannot be used, and how boxes that were told are judged."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from polymodal.core import DataError, Refusal, Values
from polymodal.data.base import Cells, Column, DataTable, Rows
from polymodal.data.gallery import filled
from polymodal.data.imaging import ImageColumn
from polymodal.data.plain import Plain

__all__ = ["BoxCells", "BoxColumn", "average_precision", "matched", "overlaps"]

MOST = 1000
"""Boxes of a picture, at most."""
SMALLEST = 1e-4
"""The least share of a side that a box is long."""


@dataclass(frozen=True)
class BoxCells(Cells):
    """`values` (rows,) hold (boxes, 5) float32 for each row: left, top, right, bottom, and the place of the class."""

    values: np.ndarray


class BoxColumn(Column[BoxCells]):
    """Lists of boxes, [left, top, right, bottom, class], as lists or as JSON text; sides are shares of the picture's.

    The part "target" is (n, boxes, 5) float32, NaN behind the last box. An empty list is a picture without boxes, an
    empty cell one of which nothing is known. Knows the classes of the training rows (or is told their `names`), how
    often each is there, and how large boxes are.
    """

    def __init__(self, target: str, of: str, names: Sequence[str] | None) -> None:
        self.names, self.target, self.of, self.told = [target], target, of, names
        self.classes: list[str] = [] if names is None else list(names)
        self.counts, self.size = [0] * len(self.classes), [0.0, 0.0]

    def fit(self, table: DataTable, rows: Rows) -> None:
        """Learn classes and sizes. Raises DataError where the training rows hold no box that can be used."""
        boxes = [box for each, _ in self._lists(table.take(rows)) for box in each or []]
        if self.told is None:
            self.classes = sorted({str(box[4]) for box in boxes})
        held = [box for box in boxes if box[4] in self.classes]
        if not held:
            raise DataError(
                "no-boxes",
                where=f'{table.source}, column "{self.target}"',
                expected="lists of [left, top, right, bottom, class], sides as shares of the picture's, from 0 to 1",
                found="no box that can be used in the training rows",
                remedy="check the column; divide pixels by width and height",
            )
        self.counts = [sum(box[4] == name for box in held) for name in self.classes]
        sides = np.array([[box[2] - box[0], box[3] - box[1]] for box in held])
        self.size = np.log(sides).mean(axis=0).tolist()

    def read(self, table: DataTable) -> BoxCells:
        """The boxes of each row; a row with one that cannot be used is refused."""
        places = {name: place for place, name in enumerate(self.classes)}
        found, refusals = self._lists(table), []
        values, present = np.empty(len(found), dtype=object), np.zeros(len(found), dtype=bool)
        for row, (boxes, reason) in enumerate(found):
            strange = sorted({str(box[4]) for box in boxes or [] if box[4] not in places})
            if strange:
                why = "which no training row has" if self.told is None else "which is not among names"
                reason = f'holds a box of class "{strange[0]}", {why}'
            if reason:
                refusals.append(Refusal(row, self.target, reason))
            present[row] = boxes is not None and not reason
            kept = [[*box[:4], places[box[4]]] for box in boxes or []] if present[row] else []
            values[row] = np.array(kept, dtype=np.float32).reshape(-1, 5)
        return BoxCells(present, values, refusals=refusals)

    def beside(self, cells: BoxCells, inputs: Mapping[str, tuple[Column[Any], Cells]]) -> BoxCells:
        """The same cells. Raises DataError where pictures are padded: their sides are no longer those of the boxes."""
        column = inputs[self.of][0] if self.of in inputs else None
        if isinstance(column, ImageColumn) and column.learned.canvas.padded:
            raise DataError(
                "boxes-misfit",
                where=f'column "{self.target}"',
                expected="pictures that fill what they are brought to",
                found=f'padded pictures in "{self.of}"',
                remedy="do not pad them (padded: false)",
            )
        return cells

    def collate(self, cells: BoxCells, rows: Rows) -> tuple[Values, list[Refusal]]:
        """The boxes of these rows under the name "target"."""
        present = cells.present[rows]
        held = cells.values[rows[present]]
        made = np.full((len(held), max((len(each) for each in held), default=0), 5), np.nan, dtype=np.float32)
        for place, each in enumerate(held):
            made[place, : len(each)] = each
        index = np.where(present, np.cumsum(present) - 1, -1).astype(np.int64)
        return Values({"target": torch.from_numpy(made)}, torch.from_numpy(index)), []

    def plain(self, cells: BoxCells, rows: Rows) -> list[Plain]:
        """Nothing: a target is never a feature."""
        return []

    def state(self) -> dict[str, Any]:
        """Classes, how often each is there, and the mean logarithms of width and height."""
        return {"classes": self.classes, "counts": self.counts, "size": self.size}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take them over."""
        self.classes, self.counts = list(state["classes"]), list(state["counts"])
        self.size = list(state["size"])

    def _lists(self, table: DataTable) -> list[tuple[list[list[Any]] | None, str]]:
        """For each row its boxes, None where it has none that can be used, and why not."""
        series = table.column(self.target)
        there = filled(series, table.missing)
        return [_boxes_of(cell) if known else (None, "") for cell, known in zip(series, there, strict=True)]


def _boxes_of(cell: object) -> tuple[list[list[Any]] | None, str]:
    """The boxes of a cell, or None and what is wrong with it."""
    if isinstance(cell, str):
        try:
            cell = json.loads(cell)
        except (ValueError, RecursionError):
            return None, 'is no JSON list of boxes, such as [[0.1, 0.2, 0.3, 0.6, "car"]]'
    if isinstance(cell, np.ndarray):
        cell = cell.tolist()
    if not isinstance(cell, list | tuple):
        return None, f"is a {type(cell).__name__}, not a list of boxes"
    if len(cell) > MOST:
        return None, f"holds {len(cell):,} boxes; {MOST:,} are the most"
    made = []
    for number, box in enumerate(cell):
        sides, wrong = _sides_of(box)
        if wrong:
            return None, f"has a box ({number + 1} of {len(cell)}) {wrong}"
        made.append([*sides, str(list(box)[4])])
    return made, ""


def _sides_of(box: object) -> tuple[list[float], str]:
    """Left, top, right and bottom within the picture, or what is wrong."""
    box = box.tolist() if isinstance(box, np.ndarray) else box
    if not isinstance(box, list | tuple) or len(box) != 5:
        return [], "that is not [left, top, right, bottom, class]"
    numbers = box[:4]
    if any(isinstance(side, bool) or not isinstance(side, int | float) or not np.isfinite(side) for side in numbers):
        return [], "whose sides are not four numbers"
    left, top, right, bottom = (float(side) for side in numbers)
    if max(numbers) > 2 or min(numbers) < -1:
        return [], "with sides far outside of 0 to 1: they are shares, pixels divided by width and height"
    left, top, right, bottom = (min(max(side, 0.0), 1.0) for side in (left, top, right, bottom))
    if right - left < SMALLEST or bottom - top < SMALLEST:
        return [], "of no width or height within the picture; right and bottom come after left and top"
    return [left, top, right, bottom], ""


def overlaps(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(m, n) what boxes (m, 4) and (n, 4) share, as a share of what either covers (intersection over union)."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    both = (high - low).clip(min=0).prod(axis=2)
    sizes = [(each[:, 2:] - each[:, :2]).prod(axis=1) for each in (one, other)]
    either = sizes[0][:, None] + sizes[1][None, :] - both
    return both / np.where(either > 0, either, 1.0)


def matched(told: np.ndarray, true: np.ndarray, least: float = 0.5) -> np.ndarray:
    """(told, 3) place of the class, score, and 1 where a box was hit, else 0, of one picture.

    told (m, 6) sides, class, score; true (n, 5) sides and class. Boxes take their turn by score; each true box of the
    same class is found once, by the first box that covers it by `least` or more and covers no other one better
    (Everingham et al. 2010, section 4.2).
    """
    order = np.argsort(-told[:, 5], kind="stable")
    shared, taken = overlaps(told[:, :4], true[:, :4]), np.zeros(len(true), dtype=bool)
    made = np.column_stack([told[:, 4], told[:, 5], np.zeros(len(told))])[order]
    for place, box in enumerate(order):
        same = np.flatnonzero(true[:, 4] == told[box, 4])
        if not len(same):
            continue
        best = same[shared[box, same].argmax()]
        if shared[box, best] >= least and not taken[best]:
            taken[best], made[place, 2] = True, 1.0
    return made


def average_precision(counts: np.ndarray, found: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(draws, classes) the area under precision over recall, all points of it; NaN for a class without a true box.

    counts (n, classes) true boxes of each picture, found (n,) what `matched` gives, weights (draws, n) how often each
    picture counts. Precision is the best that is reached at a recall or beyond (PASCAL VOC, from 2010 on).
    """
    rows = np.repeat(np.arange(len(found)), [len(each) for each in found])
    every = np.concatenate([np.zeros((0, 3)), *found])
    order = np.argsort(-every[:, 1], kind="stable")
    rows, every = rows[order], every[order]
    total = weights @ counts
    made = np.full(total.shape, np.nan)
    for place in range(counts.shape[1]):
        own = every[:, 0] == place
        counted, hit = weights[:, rows[own]], every[own, 2] > 0.5
        right = np.where(hit, counted, 0.0).cumsum(axis=1)
        said = counted.cumsum(axis=1)
        best = np.maximum.accumulate((right / np.where(said > 0, said, 1.0))[:, ::-1], axis=1)[:, ::-1]
        gained = np.where(hit, counted, 0.0)
        made[:, place] = (best * gained).sum(axis=1)
    return np.where(total > 0, made / np.where(total > 0, total, 1.0), np.nan)
