"""A time and whether something happened by then are one question, in two columns that are told by name and content."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from polymodal.data.base import DataTable
from polymodal.data.cells import absent
from polymodal.data.kinds import infer_kind, parse_labels, parse_numbers
from polymodal.data.questions import words_of

__all__ = ["Outcome", "known_afterwards", "outcome_of"]

_TIMES = frozenset(
    ["time", "times", "duration", "survival", "surv", "followup", "tte", "days", "weeks", "months", "years", "futime",
     "t", "os", "dfs", "pfs", "rfs"]
)  # fmt: skip
_EVENTS = frozenset(
    ["event", "events", "status", "died", "dead", "death", "deceased", "vital", "relapse", "relapsed", "recurrence",
     "recurred", "progression", "progressed", "failure", "failed", "fustat", "observed", "dfs", "os", "pfs", "rfs"]
)  # fmt: skip
_VAGUE = frozenset(["status", "observed", "failed", "failure"])
"""Names of events that other columns have, too: they need more than a column of times beside them."""
_CENSORED = frozenset(["censor", "censored", "censoring", "cens"])
_HAPPENED = frozenset(
    ["1", "1.0", "yes", "y", "true", "t", "event", "dead", "died", "deceased", "death", "relapse", "relapsed",
     "recurred", "recurrence", "progressed", "progression", "failed", "failure", "observed", "uncensored"]
)  # fmt: skip
_NOT_YET = frozenset(
    ["0", "0.0", "no", "n", "false", "f", "alive", "living", "censored", "none", "disease free", "progression free"]
)
_FEWEST_TIMES = 10  # different ones
_AGREE = 0.98  # of the rows


@dataclass(frozen=True)
class Outcome:
    """The column of times, that of events, and the label that says that it happened."""

    time: str
    event: str
    positive: str

    @property
    def task(self) -> dict[str, Any]:
        """The task as plain data."""
        return {"type": "survival", "time": self.time, "event": self.event, "positive": self.positive}


def outcome_of(table: DataTable, targets: Sequence[str]) -> Outcome | None:
    """The outcome that the named targets are, or are half of; None where they are something else.

    Both columns may be named, or one of them where one column alone can be the other. An event by a vague name such as
    "status" needs times that share a word with it ("os_status", "os_months") or are called a survival.
    """
    if not 1 <= len(targets) <= 2:
        return None
    names = [str(name) for name in table.frame.columns]
    times = [name for name in names if name in targets and _is_time(table, name)]
    others = [name for name in targets if name not in times]
    if len(times) == 1 and len(others) == 1:
        return _paired(table, times[0], others)
    if len(times) == 1:
        events = [name for name in names if name not in targets and _named(name, _EVENTS | _CENSORED)]
        alike = [name for name in events if _shared(times[0], name)]
        rest = [name for name in names if name not in targets and _is_time(table, name)]
        free = [name for name in events if not any(_shared(other, name) for other in rest)]
        return _paired(table, times[0], alike or free)
    if times or len(targets) != 1 or not _named(targets[0], _EVENTS | _CENSORED):
        return None
    offered = [name for name in names if name != targets[0] and _is_time(table, name)]
    sure = [name for name in offered if _shared(name, targets[0]) or _named(name, frozenset({"survival", "tte"}))]
    if not sure and _named(targets[0], (_EVENTS | _CENSORED) - _VAGUE):
        sure = offered
    return _paired(table, sure[0], targets) if len(sure) == 1 else None


def known_afterwards(table: DataTable, outcome: Outcome, names: Sequence[str]) -> dict[str, str]:
    """Of some columns those that are known only when the outcome is, each with the reason.

    These are other times with their events, and columns that are filled in where it happened and nowhere else.
    """
    found: dict[str, str] = {}
    labels = parse_labels(table.column(outcome.event), table.missing)
    asked = labels != None  # noqa: E711 - compared one by one
    happened = labels == outcome.positive
    for name in names:
        other = outcome_of(table, [name]) if _is_time(table, name) else None
        if other is not None and other.event != outcome.event:
            found |= dict.fromkeys((other.time, other.event), f'another outcome, "{other.time}" and "{other.event}"')
        filled = ~absent(table.column(name), table.missing)
        if np.mean((filled == happened)[asked]) >= _AGREE and 0 < happened[asked].mean() < 1:
            found[name] = f'is filled in where "{outcome.event}" is "{outcome.positive}", and hardly elsewhere'
    return {name: reason for name, reason in found.items() if name in names}


def _paired(table: DataTable, time: str, events: Sequence[str]) -> Outcome | None:
    """The outcome, where one column alone tells two states that are known by their words."""
    found = {event: _positive(table, event) for event in events}
    known = {event: positive for event, positive in found.items() if positive is not None}
    if len(known) != 1:
        return None
    event, positive = next(iter(known.items()))
    return Outcome(time, event, positive)


def _positive(table: DataTable, event: str) -> str | None:
    """The label that says that it happened; where a column marks who was lost from sight, the other one."""
    labels = pd.Series(parse_labels(table.column(event), table.missing), dtype=object).dropna().unique()
    if len(labels) != 2:
        return None
    if set(labels) == {"1", "2"} and _named(event, frozenset({"status"})):
        return "2"  # as in the examples of R, where 1 is censored and 2 is dead
    words = {str(label): re.sub(r"^[01]\s*:\s*|[\s_-]+", " ", str(label).lower()).strip() for label in labels}
    happened = [label for label, word in words.items() if word in _HAPPENED]
    waiting = [label for label, word in words.items() if word in _NOT_YET]
    if len(happened) != 1 or len(waiting) != 1:
        return None
    marked = _named(event, _CENSORED) and not {"censored", "uncensored"} & set(words.values())
    return waiting[0] if marked else happened[0]


def _is_time(table: DataTable, name: str) -> bool:
    """Whether a column is called a time and holds many numbers, none of them below zero."""
    followed = "followup" in "".join(words_of(name))  # in one word or in two
    if not followed and not _named(name, _TIMES):
        return False
    series = table.column(name)
    kind = infer_kind(series, table.missing)
    if kind.name not in {"number", "identifier"}:
        return False
    numbers, bad = parse_numbers(series, kind, table.missing)
    known = numbers[np.isfinite(numbers)]
    return bool(len(np.unique(known)) >= _FEWEST_TIMES and (known >= 0).all() and not bad.any())


def _named(name: str, words: frozenset[str]) -> bool:
    return bool(words & set(words_of(name)))


def _shared(one: str, other: str) -> bool:
    return bool((set(words_of(one)) & set(words_of(other))) - {"time", "t"})
