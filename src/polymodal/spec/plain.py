"""Takes in plain data that was made in Python, with the same limits as a file."""

import math
from collections.abc import Mapping
from os import PathLike, fspath
from typing import Any

import numpy as np

from polymodal.core import SpecError
from polymodal.spec.reading import LARGEST_INTEGER, MAXIMUM_DEPTH
from polymodal.spec.source import Path, Source, dotted

__all__ = ["plain_source"]

# What is in memory already may be longer than what is read from a file: a spec may name each of 20,000 genes.
MAXIMUM_NODES = 1_000_000


def plain_source(data: Mapping[str, Any], name: str) -> Source:
    """Plain data as a source; places are dotted paths. NumPy scalars, tuples and paths become what YAML would hold.

    Raises SpecError for objects that are not plain data, and for data without end.
    """
    walk = _Walk(name)
    made = walk.convert(data, ())
    if not isinstance(made, dict):
        raise walk.refusal((), "keys with values", type(data).__name__)
    return Source(name, made, walk.places)


class _Walk:
    def __init__(self, name: str) -> None:
        self.name, self.count = name, 0
        self.places: dict[Path, tuple[str, str]] = {}

    def refusal(self, path: Path, expected: str, found: str) -> SpecError:
        where = f"{self.name}, {dotted(path)}" if path else self.name
        return SpecError(
            "not-plain-data", where=where, expected=expected, found=found, remedy="give texts, numbers, lists and keys"
        )

    def convert(self, value: Any, path: Path) -> Any:
        self.count += 1
        if len(path) > MAXIMUM_DEPTH or self.count > MAXIMUM_NODES:
            raise self.refusal(path, f"at most {MAXIMUM_NODES:,} values, {MAXIMUM_DEPTH} deep", "more")
        self.places[path] = (f"{self.name}, {dotted(path)}",) * 2
        if isinstance(value, Mapping):
            return {self.key(key, path): self.convert(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, (list, tuple, np.ndarray)):
            return [self.convert(item, (*path, number)) for number, item in enumerate(value)]
        return self.scalar(value, path)

    def key(self, key: Any, path: Path) -> str:
        if not isinstance(key, str):
            raise self.refusal(path, "keys that are text", repr(key)[:60])
        return str(self.scalar(key, path))

    def scalar(self, value: Any, path: Path) -> Any:
        value = value.item() if isinstance(value, np.generic) else value
        value = fspath(value) if isinstance(value, PathLike) else value
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int) and abs(value) <= LARGEST_INTEGER:
            return int(value)
        if isinstance(value, float) and math.isfinite(value):
            return float(value)
        if isinstance(value, str) and not any("\ud800" <= sign <= "\udfff" for sign in value):
            return str(value)
        raise self.refusal(
            path, "a text, a finite number, true, false or nothing", f"{type(value).__name__} {value!r}"[:80]
        )
