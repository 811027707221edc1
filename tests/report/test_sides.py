"""What is said of groups on both sides follows from rows, sizes and checks, never from the spec alone."""

from typing import Any

import numpy as np
import pytest

from polymodal.data.splits import Split
from polymodal.report.facts import Facts
from polymodal.report.sides import apart, shared

GROUPED = {"data": {"group": "site"}}


def sized(train: int, validation: int, test: int, rows: dict[str, int]) -> dict[str, Any]:
    counts = {"train": train, "validation": validation, "test": test}
    return {
        "rows": {"train": 60, "validation": 20, "test": 20},
        "groups": {part: {"count": count} for part, count in counts.items()},
        "missing": {"group_rows": rows},
    }


def test_shared_groups_are_counted_by_rows() -> None:
    groups = np.array(["a", "a", "b", "b", "c", "c"])
    assert shared(groups, Split(np.array([0, 1]), np.array([2, 3]), np.array([4, 5]))) == 0
    assert shared(groups, Split(np.array([0, 2]), np.array([4]), np.array([1, 3, 5]))) == 3


@pytest.mark.parametrize(
    ("metrics", "answer"),
    [
        (sized(1, 1, 1, {"a": 60, "b": 20, "c": 20}), True),
        (sized(3, 3, 3, {"a": 60, "b": 20, "c": 20}), False),
        (sized(2, 2, 1, {"a": 60, "b": 20, "c": 20}), None),
        (sized(1, 1, 1, {"a": 60, "b": 20}), None),
        ({"rows": {"test": 9}}, None),
    ],
)
def test_sizes_decide_where_they_can(metrics: dict[str, Any], answer: bool | None) -> None:
    assert apart(Facts("run", metrics, (), spec=GROUPED, checked=False)) is answer


def test_rows_say_it_before_sizes_and_checks() -> None:
    metrics = sized(3, 3, 3, {"a": 60, "b": 20, "c": 20})
    assert apart(Facts("run", metrics, (), spec=GROUPED, shared=0)) is True
    assert apart(Facts("run", {}, (), spec=GROUPED, shared=1)) is False


def test_checks_say_it_where_nothing_was_accepted_unseen() -> None:
    found = [{"code": "group-on-both-sides", "severity": "error", "accepted": True}]
    assert apart(Facts("run", {}, (), spec=GROUPED)) is True
    assert apart(Facts("run", {}, (), spec=GROUPED, findings=found, shared=0)) is False
    assert apart(Facts("run", {}, (), spec=GROUPED, checked=False)) is None


def test_without_a_group_nothing_is_said() -> None:
    assert apart(Facts("run", {}, (), shared=0)) is None
