"""What scikit-learn's users may give: X, y and options, checked by its rules and refused in its words."""

import warnings
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_array, check_consistent_length, column_or_1d

from polymodal.balancing import Balancer
from polymodal.core import Refusal, UsageProblem
from polymodal.data.base import DataTable
from polymodal.data.tables import from_frame
from polymodal.fusion import Fusion
from polymodal.modalities import Modality
from polymodal.sharing import Sharing
from polymodal.tasks import Task

__all__ = ["check_options", "dtype_of", "names_of", "one_column", "warn_of"]

_TINY, _ANY = np.finfo(float).tiny, float("inf")
_NUMBERS: Mapping[str, tuple[Any, float, float, str]] = {
    "width": (Integral, 4, 4097, "a whole number from 4 to 4096"),
    "epochs": (Integral, 1, _ANY, "a whole number from 1 up, or None"),
    "batch_size": (Integral, 1, _ANY, "a whole number from 1 up, or None"),
    "lr": (Real, _TINY, _ANY, "a number above 0, or None"),
    "members": (Integral, 1, 101, "a whole number from 1 to 100, or None"),
    "validation": (Real, 0, 1, "a share of the rows, from 0 up to, but not including, 1"),
    "time_limit": (Real, _TINY, _ANY, "seconds, a number above 0, or None"),
}
"""What an option may be: its type, the least value, the first that is too large, and the same in words."""

_PARTS: Mapping[str, type] = {
    "fusion": Fusion,
    "balancer": Balancer,
    "sharing": Sharing,
    "modalities": Modality,
    "tasks": Task,
}


def one_column(y: Any, rows: int, numeric: bool = False) -> np.ndarray:
    """y as one column, by scikit-learn's rules."""
    if y is None:
        raise ValueError("y is needed to fit: requires y to be passed, but the target y is None")
    y = column_or_1d(_own_values(y), warn=True)
    if y.dtype == object and pd.isna(y).any():
        raise ValueError(f"y has {int(pd.isna(y).sum())} missing values; leave these rows out")
    check_consistent_length(np.empty(rows), y)
    return np.asarray(check_array(y, ensure_2d=False, dtype="numeric", input_name="y") if numeric else y)


def _own_values(y: Any) -> Any:
    """A column of pandas in the plain type of its values: a nullable True stays True and is no 1.0."""
    y = y.iloc[:, 0] if isinstance(y, pd.DataFrame) and y.shape[1] == 1 else y
    plain = getattr(getattr(y, "dtype", None), "numpy_dtype", None)
    if plain is None:
        return y
    return np.asarray(y, dtype=object if pd.isna(y).any() else plain)


def dtype_of(X: Any) -> Any:
    """Numbers stay numbers; an object array that holds text is kept as it is."""
    if str(getattr(X, "dtype", "none")) != "object":
        return "numeric"
    if any(isinstance(cell, str) for cell in np.ravel(X)[:1000]):
        return None
    check_array(X, ensure_all_finite=False, ensure_min_samples=0, allow_nd=True)
    return "numeric"


def names_of(frame: pd.DataFrame) -> list[str]:
    """What a table calls these columns. Raises ValueError for one that is there twice."""
    if not frame.columns.is_unique:
        twice = sorted(set(map(str, frame.columns[frame.columns.duplicated()])))
        raise ValueError(f"X has more than one column named {', '.join(twice)}; rename or drop them")
    return list(from_frame(frame.iloc[:0], source="X").frame.columns)


def warn_of(refused: Sequence[Refusal], table: DataTable) -> None:
    """Say by a UserWarning for each column how many of its values could not be used, and why the first could not."""
    for column in dict.fromkeys(refusal.column for refusal in refused):
        rows = {refusal.row: refusal for refusal in reversed(refused) if refusal.column == column}
        first = rows[min(rows)]
        path = f" ({first.path})" if first.path else ""
        warnings.warn(
            f'{len(rows)} of {len(table)} values of column "{column}" could not be used and count as absent; '
            f"the first, in row {first.row}{path}: {first.reason}",
            UserWarning,
            stacklevel=4,
        )


def check_options(model: BaseEstimator) -> None:
    """Refuse an option that cannot be used, under its own name, before anything is read."""
    wrong: dict[str, str] = {}
    for name, (number, low, high, said) in _NUMBERS.items():
        value = getattr(model, name)
        good = isinstance(value, number) and not isinstance(value, bool) and low <= value < high
        wrong |= {} if good or (value is None and said.endswith("None")) else {name: said}
    for name, kind in _PARTS.items():
        given, many = getattr(model, name, None), name in ("modalities", "tasks")
        parts = list(given.values()) if many and isinstance(given, Mapping) else [None if many else given]
        good = all(isinstance(part, kind) for part in parts) and (name != "modalities" or len(parts) > 0)
        said = f"{'a mapping of names to objects' if many else 'an object'} of {kind.__module__.rpartition('.')[0]}"
        wrong |= {} if good or given is None else {name: f"{said}, or None"}
    if model.files is not None and not (isinstance(model.files, str | Path) and Path(model.files).is_dir()):
        wrong["files"] = "a folder that is there, or None"
    owner, remedy = type(model).__name__, "change it, or leave it out for the default"
    problems = [
        UsageProblem("bad-setting", where=f"{owner}({name}=...)", expected=said, found=found, remedy=remedy)
        for name, said in wrong.items()
        for found in [repr(getattr(model, name))[:300]]
    ]
    if problems:
        raise UsageProblem.joined(problems)
