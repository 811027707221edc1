"""Times and events are known as one question by their names and what they hold, and nothing else is taken for one."""

import numpy as np
import pandas as pd
import pytest

from polymodal.data.inference import propose
from polymodal.data.outcomes import Outcome, outcome_of
from polymodal.data.tables import from_frame

ROWS = 60


def table(**columns):
    """A table with a column to learn from beside the named ones; a tuple is drawn from at random."""
    draw = np.random.default_rng(0)
    made = {"age": draw.normal(60, 9, ROWS).round(1)}
    for name, column in columns.items():
        made[name] = draw.choice(column, ROWS) if isinstance(column, tuple) else column
    return from_frame(pd.DataFrame(made))


DAYS = np.random.default_rng(1).integers(1, 900, ROWS)


@pytest.mark.parametrize(
    ("targets", "columns", "found"),
    [
        (["days"], {"days": DAYS, "died": (0, 1)}, ("days", "died", "1")),
        (["days", "died"], {"days": DAYS, "died": ("yes", "no")}, ("days", "died", "yes")),
        (["died", "days"], {"days": DAYS, "died": ("True", "False")}, ("days", "died", "True")),
        (["OS_MONTHS"], {"OS_MONTHS": DAYS / 30, "OS_STATUS": ("1:DECEASED", "0:LIVING")},
         ("OS_MONTHS", "OS_STATUS", "1:DECEASED")),
        (["OS_STATUS"], {"OS_MONTHS": DAYS / 30, "OS_STATUS": ("1:DECEASED", "0:LIVING")},
         ("OS_MONTHS", "OS_STATUS", "1:DECEASED")),
        (["time"], {"time": DAYS, "censored": (0, 1)}, ("time", "censored", "0")),
        (["time"], {"time": DAYS, "censoring": ("censored", "uncensored")}, ("time", "censoring", "uncensored")),
        (["follow_up"], {"follow_up": DAYS, "dead": ("N", "Y")}, ("follow_up", "dead", "Y")),
        (["dfs"], {"dfs": DAYS, "dfs_status": ("alive", "relapsed")}, ("dfs", "dfs_status", "relapsed")),
        (["surv_time"], {"surv_time": DAYS, "status": (1, 2)}, ("surv_time", "status", "2")),
        (["died"], {"years": DAYS / 365, "died": ("yes", "no")}, ("years", "died", "yes")),
        (["event"], {"survival_days": DAYS, "event": (0, 1)}, ("survival_days", "event", "1")),
        (["pfs_time"], {"pfs_time": DAYS, "os_time": DAYS, "pfs_event": (0, 1), "os_event": (0, 1)},
         ("pfs_time", "pfs_event", "1")),
    ],
)  # fmt: skip
def test_a_time_and_an_event_are_one_question(targets, columns, found):
    assert outcome_of(table(**columns), targets) == Outcome(*found)


@pytest.mark.parametrize(
    ("targets", "columns"),
    [
        (["days"], {"days": DAYS}),
        (["days"], {"days": DAYS, "status": ("open", "closed")}),
        (["days"], {"days": DAYS, "died": (0, 1), "relapsed": (0, 1)}),
        (["days"], {"days": -DAYS, "died": (0, 1)}),
        (["days"], {"days": DAYS % 4, "died": (0, 1)}),
        (["status"], {"time": DAYS, "status": (0, 1)}),
        (["died"], {"days": DAYS, "months": DAYS / 30, "died": (0, 1)}),
        (["smoker"], {"days": DAYS, "smoker": (0, 1), "died": (0, 1)}),
        (["days", "age"], {"days": DAYS, "died": (0, 1)}),
        (["days", "died", "age"], {"days": DAYS, "died": (0, 1)}),
    ],
)
def test_what_is_no_outcome_stays_what_it_is(targets, columns):
    assert outcome_of(table(**columns), targets) is None


def test_a_first_spec_asks_how_soon_and_learns_from_neither_column():
    spec = propose(table(days=DAYS, died=(0, 1)), ["days"])
    assert spec["tasks"] == {"died": {"type": "survival", "time": "days", "event": "died", "positive": "1"}}
    assert spec["modalities"] == {"table": {"type": "table", "columns": ["age"]}}
    assert spec["reasons"]["tasks.died"].startswith('how soon: "days" says when')


def test_what_is_known_only_afterwards_is_left_out():
    died = np.random.default_rng(2).integers(0, 2, ROWS)
    cause = np.where(died == 1, np.where(DAYS % 2 == 0, "heart", "other"), None)
    other = {"pfs_months": (DAYS * 7 % 31) / 3, "pfs_event": (0, 1), "smoker": ("yes", "no", None)}
    spec = propose(table(days=DAYS, died=died, cause=cause.astype(object), **other), ["days"])
    assert spec["tasks"]["died"]["time"] == "days"
    assert spec["modalities"] == {"table": {"type": "table", "columns": ["age", "smoker"]}}
    told = spec["reasons"]["modalities"]
    assert '"pfs_event" (another outcome, "pfs_months" and "pfs_event")' in told
    assert '"cause" (is filled in where "died" is "1", and hardly elsewhere)' in told


def test_columns_that_somebody_chose_are_asked_for_as_they_are():
    spec = propose(table(days=DAYS, died=(0, 1)), ["days"], everything=True)
    assert spec["tasks"] == {"days": {"type": "regression", "target": "days"}}
