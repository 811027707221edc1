"""What is missing is counted by part, by pattern and by group."""

import json
from collections.abc import Callable

import numpy as np

from polymodal.evaluation.missing import group_sizes, missing_map


def test_every_row_is_in_one_pattern(missing: Callable[[int, int], np.ndarray]) -> None:
    there = missing(40, 3)
    parts = {"train": np.arange(30), "test": np.arange(30, 40)}
    made = missing_map(dict(zip("abc", there.T, strict=True)), parts)
    assert sum(pattern.rows["train"] for pattern in made.patterns) == 30
    assert made.parts["test"] == {name: int(column[30:].sum()) for name, column in zip("abc", there.T, strict=True)}
    json.dumps(made.as_dict())


def test_patterns_come_in_order_and_say_who_is_there() -> None:
    present = {"a": np.array([True, True, True, False]), "b": np.array([False, False, True, True])}
    made = missing_map(present, {"all": np.arange(4)})
    assert made.patterns[0].present == ["a"]
    assert made.patterns[0].rows == {"all": 2}


def test_groups_are_the_largest_ones() -> None:
    groups = np.array(["x"] * 3 + [f"g{at}" for at in range(30)])
    made = missing_map({"a": np.arange(33) > 0}, {"all": np.arange(33)}, groups)
    assert len(made.groups) == 20
    assert made.group_rows["x"] == 3
    assert made.groups["x"]["a"] == 2 / 3


def test_sizes_of_groups_by_part() -> None:
    made = group_sizes(np.array(["a", "a", "b", "c"]), {"train": np.arange(3), "test": np.arange(3, 4), "none": []})
    assert made["train"] == {"count": 2, "smallest": 1, "largest": 2, "median": 1.5}
    assert set(made) == {"train", "test"}
