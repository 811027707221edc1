import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polymodal.core import DataError
from polymodal.data.splits import Split, SplitPlan, make_split, make_splits, strata_of
from polymodal.data.tables import from_frame


def table_of(**columns):
    return from_frame(pd.DataFrame(columns))


def parts(split: Split):
    return split.train, split.validation, split.test


@given(st.integers(12, 200), st.integers(0, 3), st.integers(2, 12))
def test_parts_are_disjoint_complete_and_never_part_a_group(rows, seed, groups):
    site = np.random.default_rng(seed).integers(0, groups, rows)
    table = table_of(site=site, x=np.arange(rows))
    if len(np.unique(site)) < 4:
        return
    split = make_split(table, SplitPlan(seed=seed), "site")
    assert sorted(np.concatenate(parts(split))) == list(range(rows))
    assert all(len(part) for part in parts(split))
    sides = [set(site[part]) for part in parts(split)]
    assert not sides[0] & sides[1]
    assert not sides[0] & sides[2]
    assert not sides[1] & sides[2]
    again = make_split(table, SplitPlan(seed=seed), "site")
    assert all((one == other).all() for one, other in zip(parts(split), parts(again), strict=True))


def test_seeds_differ_and_shares_hold():
    table = table_of(x=np.arange(1000))
    one, other = (make_split(table, SplitPlan(test=0.3, validation=0.2, seed=seed)) for seed in (0, 1))
    assert [len(part) for part in parts(one)] == [560, 140, 300]
    assert set(one.test) != set(other.test)


def test_three_classes_of_five_rows_stand_on_every_side():
    table = table_of(y=list("abc") * 5)
    split = make_split(table, SplitPlan(), strata=strata_of(table, ["y"]))
    labels = table.frame["y"].to_numpy()
    assert set(labels[split.train]) == set(labels[split.test]) == set("abc")
    assert len(split.validation) >= 1


def test_rows_that_share_any_key_stay_together():
    first = np.array([0, 0, -1, -1, -1, -1, 5, -1, -1, -1])
    second = np.array([None, "a", "a", None, None, None, None, "b", "b", None], dtype=object)
    for seed in range(20):
        split = make_split(table_of(x=range(10)), SplitPlan(test=0.4, seed=seed), together=[first, second])
        names = split.names(10)
        assert len(set(names[[0, 1, 2]])) == 1
        assert names[7] == names[8]


def test_a_column_is_obeyed():
    fold = ["train", "test", "train", "dev", "1"] * 6
    plan = SplitPlan(column="fold", test=["test", 1.0], validation=["dev"])
    split = make_split(table_of(fold=fold), plan)
    assert set(np.array(fold)[split.test]) == {"test", "1"}
    assert set(np.array(fold)[split.validation]) == {"dev"}
    carved = make_split(table_of(fold=fold), SplitPlan(column="fold", test=["test"]))
    assert len(carved.validation) == 2
    assert set(carved.test) == set(np.flatnonzero(np.array(fold) == "test"))


def test_the_latest_rows_are_the_test():
    days = pd.date_range("2020-01-01", periods=50).strftime("%d.%m.%Y").to_numpy()
    order = np.random.default_rng(0).permutation(50)
    split = make_split(table_of(day=days[order]), SplitPlan(time="day", test=0.2))
    assert set(order[split.test]) == set(range(40, 50))
    assert set(order[split.validation]) == set(range(36, 40))


def test_a_share_of_zero_leaves_a_part_empty_on_purpose():
    split = make_split(table_of(x=range(5)), SplitPlan(test=0.0, validation=0.0))
    assert [len(part) for part in parts(split)] == [5, 0, 0]


@pytest.mark.parametrize(
    ("plan", "code"),
    [(SplitPlan(test=1.5), "wrong-share"), (SplitPlan(test=["a"]), "wrong-share"),
     (SplitPlan(column="fold", test=0.2), "wrong-share"), (SplitPlan(column="fold", test=["c"]), "empty-split"),
     (SplitPlan(column="fold", test=["a", "b"]), "too-few-rows"), (SplitPlan(column="gap", test=["a"]), "no-part"),
     (SplitPlan(column="fold", test=["a"], validation=["a"]), "empty-split"), (SplitPlan(time="gap"), "no-time"),
     (SplitPlan(time="same"), "too-few-times"), (SplitPlan(column="nope", test=["a"]), "unknown-column")],
)  # fmt: skip
def test_what_cannot_be_divided_is_refused(plan, code):
    table = table_of(fold=list("ab") * 5, gap=["a"] * 9 + [None], same=["2020-01-01"] * 10)
    with pytest.raises(DataError) as refused:
        make_split(table, plan)
    assert refused.value.code == code


def test_one_group_cannot_be_parted():
    with pytest.raises(DataError, match="too-few-rows"):
        make_split(table_of(site=["a"] * 10), SplitPlan(), "site")
    with pytest.raises(DataError, match="too-few-rows"):
        make_split(table_of(x=[1]), SplitPlan())


def test_strata_are_classes_and_never_amounts():
    table = table_of(amount=np.arange(60.0), label=[None, *(["a", "b", "b"] * 20)][:60])
    assert strata_of(table, ["amount"]) is None
    codes = strata_of(table, ["amount", "label"])
    assert codes is not None
    assert codes[0] == 2


def test_tables_with_plans_of_their_own_lead_and_their_kin_follow():
    names = np.repeat(["a", "b"], [40, 40])
    # The first ten people of b are in a, whose column says where they belong.
    person = np.concatenate([np.arange(40), np.arange(10), 100 + np.arange(30)])
    part = np.where(np.arange(40) < 4, "test", np.where(np.arange(40) < 8, "stop", "train")).tolist() + [None] * 40
    table = table_of(person=person, part=part)
    own = {"a": SplitPlan("part", test=["test"], validation=["stop"])}
    split = make_splits(table, (SplitPlan(), own), names, "person")
    assert sorted(np.concatenate(parts(split))) == list(range(80))
    sides = [set(person[rows]) for rows in parts(split)]
    assert not (sides[0] & sides[1] | sides[0] & sides[2] | sides[1] & sides[2])
    assert set(split.test[split.test < 40]) == set(range(4))
    assert {40, 41, 42, 43} <= set(split.test)
    assert {44, 45, 46, 47} <= set(split.validation)
    assert {48, 49} <= set(split.train)
    assert len(split.test) == 4 + 4 + 6  # a fifth of those who are in b alone


def test_without_plans_of_their_own_tables_are_divided_as_one():
    table, names = table_of(x=np.arange(50)), np.repeat(["a", "b"], 25)
    ours, theirs = make_splits(table, (SplitPlan(seed=3), {}), names), make_split(table, SplitPlan(seed=3))
    assert [rows.tolist() for rows in parts(ours)] == [rows.tolist() for rows in parts(theirs)]
