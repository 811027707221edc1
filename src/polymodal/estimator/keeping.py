"""What an estimator knows beside its model, as plain JSON and back: labels, columns, options; never a pickle."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from polymodal.core import UsageProblem

__all__ = ["as_plain", "from_plain"]


def as_plain(value: Any, where: str) -> Any:
    """A value as JSON holds it; containers that JSON does not know are written as {kind: content}.

    Raises UsageProblem, at `where`, for a value that is neither text, number, truth nor a container of these.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Path):
        return str(value)
    for kind, name in ((list, "list"), (tuple, "tuple"), (pd.Index, "index")):
        if isinstance(value, kind):
            return {name: [as_plain(item, where) for item in value]}
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufUO":
        return {"array": [as_plain(item, where) for item in value], "dtype": value.dtype.str}
    if isinstance(value, Mapping):
        return {"map": [[as_plain(key, where), as_plain(item, where)] for key, item in value.items()]}
    raise UsageProblem(
        "cannot-be-saved",
        where=where,
        expected="text, numbers, true or false",
        found=f"{type(value).__name__}: {value!r}"[:200],
        remedy="fit with labels and names as text",
    )


def from_plain(value: Any) -> Any:
    """What `as_plain` was given."""
    if not isinstance(value, dict):
        return value
    if "map" in value:
        return {from_plain(key): from_plain(item) for key, item in value["map"]}
    kind = next(iter(value))
    items = [from_plain(item) for item in value[kind]]
    if kind == "array":
        return np.array(items, dtype=value["dtype"])
    return {"list": list, "tuple": tuple, "index": pd.Index}[kind](items)
