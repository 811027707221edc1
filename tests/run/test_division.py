"""Every member learns from other rows, none from the test's, and what belongs together stays together."""

import numpy as np
import pandas as pd
import pytest

from polymodal.data.base import DataTable
from polymodal.data.splits import SplitPlan
from polymodal.run.division import divided

ROWS = 120
EVERY = np.arange(ROWS)


@pytest.fixture
def table() -> DataTable:
    frame = pd.DataFrame({"site": EVERY // 4, "fold": np.where(EVERY < 90, "train", "test")})
    frame["day"] = pd.date_range("2024-01-01", periods=ROWS).astype(str)
    frame.loc[:9, "fold"] = "valid"
    return DataTable(frame)


@pytest.mark.parametrize("plan", [SplitPlan(seed=3), SplitPlan(column="fold", test=["test"]), SplitPlan(time="day")])
@pytest.mark.parametrize("group", [None, "site"])
def test_members_draw_from_what_is_not_for_the_test(table: DataTable, plan: SplitPlan, group: str | None):
    if plan.time is not None:
        group = None
    division = divided(table, plan, group)
    drawn = [division.member(number, EVERY) for number in range(4)]
    for rows in drawn:
        assert not len(np.intersect1d(rows["train"], rows["validation"]))
        assert not len(np.intersect1d(np.concatenate([rows["train"], rows["validation"]]), division.split.test))
        if group is not None:
            sites = table.column("site").to_numpy()
            assert not set(sites[rows["train"]]) & set(sites[rows["validation"]])
    np.testing.assert_array_equal(drawn[0]["train"], division.split.train)
    alike = all(np.array_equal(rows["validation"], drawn[0]["validation"]) for rows in drawn)
    assert alike == division.fixed == (plan.time is not None)


def test_validation_rows_that_were_named_are_kept_by_all(table: DataTable):
    division = divided(table, SplitPlan(column="fold", test=["test"], validation=["valid"]))
    assert division.fixed
    assert division.member(5, EVERY)["validation"].tolist() == list(range(10))
    np.testing.assert_array_equal(division.development, division.split.train)


def test_rows_that_were_left_out_are_left_out_of_every_member(table: DataTable):
    division = divided(table, SplitPlan())
    for number in range(3):
        rows = division.member(number, EVERY[::2])
        assert not np.concatenate([rows["train"], rows["validation"]]).astype(int).__mod__(2).any()
