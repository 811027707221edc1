"""Plain data that remembers where each of its keys was written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from polymodal.core import SpecError

__all__ = ["Path", "Source", "dotted"]

Path = tuple[str | int, ...]
"""The way to a value: keys of mappings and numbers of list items, from the top."""


@dataclass(frozen=True)
class Source:
    """Plain data, the name of what it came from, and the line and column of each key and value.

    `places` maps a path to the places of its key and of its value, as a person would look them up. `problems` were met
    while reading and do not keep the rest from being checked, so that all errors can be told at once.
    """

    name: str
    data: Any
    places: Mapping[Path, tuple[str, str]] = field(default_factory=dict)
    problems: Sequence[SpecError] = ()

    def key_place(self, path: Path) -> str:
        """Where the key at the end of `path` was written, or the nearest thing around it."""
        return self._place(path, 0)

    def value_place(self, path: Path) -> str:
        """Where the value at `path` was written, or the nearest thing around it."""
        return self._place(path, 1)

    def _place(self, path: Path, which: int) -> str:
        for length in range(len(path), 0, -1):
            if path[:length] in self.places:
                return self.places[path[:length]][which]
        return self.name

    def get(self, path: Path) -> Any:
        """The value at `path`; None where there is none."""
        value = self.data
        for step in path:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return None
        return value


def dotted(path: Path) -> str:
    """A path as it is written after `--set`: `train.lr`."""
    return ".".join(str(step) for step in path)
