"""Fewer cases than all, and still every pair of choices meets."""

from collections.abc import Sequence
from itertools import combinations, product


def covering(axes: Sequence[Sequence[object]]) -> list[tuple[object, ...]]:
    """Cases, one entry of each axis, so that every two entries of two axes stand together in at least one case.

    Greedy: each new case starts from a pair that has not met, and its other entries are those that settle most pairs.
    """
    places = list(combinations(range(len(axes)), 2))
    unmet = {(a, x, b, y) for a, b in places for x, y in product(range(len(axes[a])), range(len(axes[b])))}
    cases = []
    while unmet:
        a, x, b, y = min(unmet)
        chosen = {a: x, b: y}
        for axis in sorted(set(range(len(axes))) - {a, b}):
            chosen[axis] = max(range(len(axes[axis])), key=lambda entry: len(_settled(unmet, chosen | {axis: entry})))
        unmet -= _settled(unmet, chosen)
        cases.append(tuple(axes[axis][chosen[axis]] for axis in range(len(axes))))
    return cases


def _settled(unmet: set[tuple[int, int, int, int]], chosen: dict[int, int]) -> set[tuple[int, int, int, int]]:
    pairs = {(a, chosen[a], b, chosen[b]) for a, b in combinations(sorted(chosen), 2)}
    return pairs & unmet
