"""Values that many rows share: each is read once, and each stands in a batch once."""

from collections.abc import Callable, Iterable
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from polymodal.core import Refusal
from polymodal.data.base import Rows

__all__ = ["among", "read_once"]

T = TypeVar("T")


def read_once(
    labels: Iterable[str | None], column: str, read: Callable[[str], tuple[str, T | None, str]]
) -> tuple[np.ndarray, list[T], list[Refusal]]:
    """Read each distinct label once: which value each row has (-1 = none), the values, and rows that are refused.

    `read` gives a key, the value, and in words why there is none; labels with one key are one value.
    """
    code: list[int] = []
    refusals: list[Refusal] = []
    known: dict[str | None, tuple[int, str]] = {None: (-1, "")}
    places: dict[str, int] = {}
    values: list[T] = []
    for row, label in enumerate(labels):
        if label is not None and label not in known:
            key, value, fault = read(label)
            if value is not None and key not in places:
                places[key] = len(values)
                values.append(value)
            known[label] = (-1 if fault else places[key], fault)
        place, fault = known[label]
        code.append(place)
        if fault:
            refusals.append(Refusal(row, column, fault))
    return np.array(code, dtype=np.int64), values, refusals


def among(code: np.ndarray, rows: Rows) -> tuple[np.ndarray, Tensor]:
    """The distinct values that some rows hold, ascending, and (rows,) where each row's stands among them, -1 = none."""
    held = code[rows]
    distinct, place = np.unique(held[held >= 0], return_inverse=True)
    index = np.full(len(rows), -1, dtype=np.int64)
    index[held >= 0] = place
    return distinct, torch.from_numpy(index)
