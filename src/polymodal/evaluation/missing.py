"""What is missing where: by modality, by part of the split, by group, and together."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

__all__ = ["MissingMap", "Pattern", "group_sizes", "missing_map"]

MOST_PATTERNS = 12
MOST_GROUPS = 20


@dataclass(frozen=True)
class Pattern:
    """Rows that have exactly these modalities, and how many of them each part holds."""

    present: Sequence[str]
    rows: Mapping[str, int]


@dataclass(frozen=True)
class MissingMap:
    """Counts of what is there. `parts` gives {part: {modality: rows that have it}}, `rows` the rows of each part.

    `patterns` are the commonest combinations, `other_patterns` how many more there are; `groups` gives {group:
    {modality: share of its rows}} for the largest groups, `group_rows` their sizes.
    """

    modalities: Sequence[str]
    rows: Mapping[str, int]
    parts: Mapping[str, Mapping[str, int]]
    patterns: Sequence[Pattern]
    other_patterns: int
    groups: Mapping[str, Mapping[str, float]]
    group_rows: Mapping[str, int]

    def as_dict(self) -> dict[str, Any]:
        """The same as plain data."""
        return asdict(self)


def missing_map(
    present: Mapping[str, np.ndarray], parts: Mapping[str, np.ndarray], groups: np.ndarray | None = None
) -> MissingMap:
    """Count what is there. `present` has (rows,) per modality, `parts` row numbers by part, `groups` (rows,) names."""
    names = list(present)
    table = np.stack([np.asarray(present[name], dtype=bool) for name in names], axis=1)
    found, which = np.unique(table, axis=0, return_inverse=True)
    which = which.ravel()
    counts = {part: np.bincount(which[rows], minlength=len(found)) for part, rows in parts.items()}
    total = np.sum(list(counts.values()), axis=0)
    order = [int(at) for at in np.argsort(-total, kind="stable") if total[at] > 0]
    patterns = [
        Pattern(
            [name for name, there in zip(names, found[at], strict=True) if there],
            {part: int(many[at]) for part, many in counts.items()},
        )
        for at in order[:MOST_PATTERNS]
    ]
    return MissingMap(
        modalities=names,
        rows={part: len(rows) for part, rows in parts.items()},
        parts={part: _named(names, table[rows].sum(0), int) for part, rows in parts.items()},
        patterns=patterns,
        other_patterns=len(order) - len(patterns),
        **_by_group(names, table, groups),
    )


def group_sizes(groups: np.ndarray, parts: Mapping[str, np.ndarray]) -> dict[str, dict[str, float]]:
    """How many groups each part holds, and how large the smallest, the middle and the largest of them are."""
    found = {}
    for part, rows in parts.items():
        sizes = np.unique(np.asarray(groups)[rows].astype(str), return_counts=True)[1]
        known = {"count": len(sizes), "smallest": int(sizes.min()), "largest": int(sizes.max())} if len(sizes) else {}
        if known:
            found[part] = known | {"median": float(np.median(sizes))}
    return found


def _by_group(names: Sequence[str], table: np.ndarray, groups: np.ndarray | None) -> dict[str, Any]:
    if groups is None:
        return {"groups": {}, "group_rows": {}}
    known, which, sizes = np.unique(np.asarray(groups).astype(str), return_inverse=True, return_counts=True)
    largest = np.argsort(-sizes, kind="stable")[:MOST_GROUPS]
    return {
        "groups": {str(known[at]): _named(names, table[which == at].mean(0), float) for at in largest},
        "group_rows": {str(known[at]): int(sizes[at]) for at in largest},
    }


def _named(names: Sequence[str], values: np.ndarray, kind: type) -> dict[str, Any]:
    return {name: kind(value) for name, value in zip(names, values, strict=True)}
