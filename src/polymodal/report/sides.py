"""Whether rows of one group stand on both sides of a split, by what the run kept and not by what was asked for."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from polymodal.data.splits import Split
from polymodal.report.facts import Facts
from polymodal.run import Run
from polymodal.run.judging import group_labels

__all__ = ["apart", "shared", "shared_groups"]

STRADDLING = "group-on-both-sides"


def apart(facts: Facts) -> bool | None:
    """Whether no group has rows in the test as well as among those learned from; None where that is not known.

    Rows say it best, then the sizes of groups, then the checks that `fit` made of this very split.
    """
    if facts.group is None:
        return None
    if any(finding.get("code") == STRADDLING for finding in facts.findings):
        return False
    if facts.shared is not None:
        return facts.shared == 0
    counted = _by_sizes(facts.metrics)
    if counted is not None:
        return counted
    return True if facts.checked else None


def shared(groups: np.ndarray, split: Split) -> int:
    """How many groups have rows in the test and rows that were learned from; `groups` (rows,) are names."""
    learned = np.concatenate([split.train, split.validation])
    return len(np.intersect1d(groups[learned], groups[split.test]))


def shared_groups(run: Run) -> int | None:
    """The same for an opened run, None where it names no group."""
    groups = group_labels(run.fitted, run.spec.data.group)
    return None if groups is None else shared(groups, run.fitted.split)


def _by_sizes(metrics: Mapping[str, Any]) -> bool | None:
    """Groups that are counted once in all parts together are apart; None where the sizes leave it open."""
    parts = {part: sizes["count"] for part, sizes in (metrics.get("groups") or {}).items()}
    known = (metrics.get("missing") or {}).get("group_rows") or {}
    if "test" not in parts or not known or sum(known.values()) != sum(metrics.get("rows", {}).values()):
        return None  # the largest groups only, or rows in no part at all
    if sum(parts.values()) == len(known):
        return True
    learned = max((count for part, count in parts.items() if part != "test"), default=0)
    return False if learned + parts["test"] > len(known) else None
