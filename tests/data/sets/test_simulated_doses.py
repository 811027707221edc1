"""Facts that the set is relied on for: simulated laws hold, and nothing real is mixed with what is simulated."""

import numpy as np
import pandas as pd
import pytest

from polymodal.data.sets import iwpc_warfarin
from polymodal.data.sets.simulated_doses import (
    ASKED,
    DRUGS,
    FACTOR,
    LEAST,
    SET,
    TABLE,
    TAUGHT,
    _capable,
    _expected,
    _left,
    _simulated,
)

SIMULATED = ["activity", "expected", "test", "creatinine", *DRUGS]


@pytest.fixture(scope="module")
def crowd() -> pd.DataFrame:
    """4,000 people of one weight and age, a quarter of each genotype."""
    genes = ["*1/*1", "*1/*2", "*1/*3", "*3/*3"] * 1000
    people = pd.DataFrame({"cyp2c9": genes, "age": 60.0, "weight": 70.0, "sex": "male"})
    return pd.concat([people, _simulated(people)], axis=1)


def test_alleles_are_worth_what_they_are_said_to_be():
    assert _capable(pd.Series(["*1/*1", "*1/*2", "*3/*3", "*1/*6"])).tolist() == pytest.approx(
        [1.0, 0.75, LEAST, (1 + LEAST) / 2]
    )


def test_a_test_dose_leaves_what_was_measured_of_it():
    """Jetter et al. 2004: 1.70 mg/l after a day without a variant, 3.13 with *1/*3; a man of 66 kg has 10 l."""
    assert _left(np.array([1.0]), np.array([66.0]))[0] == pytest.approx(1.70, rel=0.1)
    assert _left(np.array([0.60 / 0.85]), np.array([66.0]))[0] == pytest.approx(3.13, rel=0.15)


def test_doses_follow_the_laws_in_the_middle(crowd):
    middle = crowd.groupby("cyp2c9")[["activity", *DRUGS]].median()
    assert middle.loc["*1/*1", "activity"] == pytest.approx(1.0, abs=0.03)
    assert middle.loc["*1/*1", "phenytoin_dose"] == pytest.approx(415 * 15 / 20.7, rel=0.03)
    assert middle.loc["*1/*1", "celecoxib_dose"] == pytest.approx(12 * 27.7, rel=0.03)
    assert middle.loc["*3/*3", "celecoxib_dose"] == pytest.approx(12 * 27.7 * (0.8 * LEAST + 0.2), rel=0.03)
    assert middle["vancomycin_dose"].max() / middle["vancomycin_dose"].min() < 1.06
    # 80 years less 60 times 70 kg by 72: 77.8 ml/min of creatinine.
    assert middle.loc["*1/*1", "vancomycin_dose"] == pytest.approx(30 * (3.66 + 0.689 * 77.8), rel=0.05)


def test_the_factor_is_shared_by_two_drugs_and_not_by_the_third(crowd):
    alike = np.log(crowd[crowd["cyp2c9"] == "*1/*1"][["activity", *DRUGS]]).corr()
    assert alike.loc["phenytoin_dose", "celecoxib_dose"] > 0.5
    assert abs(alike.loc["vancomycin_dose", "activity"]) < 0.1


def test_an_ideal_reader_is_unbiased_and_better_than_genes(crowd):
    tested = crowd[crowd["test"].notna()]
    off, plain = tested["expected"] - tested["activity"], _capable(tested["cyp2c9"]) - tested["activity"]
    assert abs(off.mean()) < 0.01
    assert off.std() < 0.5 * plain.std()
    untested = crowd[crowd["test"].isna() & (crowd["cyp2c9"] == "*1/*1")]
    assert untested["expected"].unique() == pytest.approx([np.exp(FACTOR**2 / 2)], rel=0.01)


def test_a_reader_without_doubt_finds_the_activity():
    activity, weight = np.array([0.6, 1.0, 1.5]), np.full(3, 70.0)
    found = _expected(np.ones(3), weight, _left(activity, weight))
    assert found == pytest.approx(activity, rel=0.1)


def test_what_is_known_of_the_real_people(real_data):
    real_data(iwpc_warfarin.SET.name)
    made = pd.read_parquet(SET.ready() / TABLE)
    asked, simulated = made["part"] == "test", made["activity"].notna()
    assert (len(made), made.loc[asked, "site"].nunique()) == (SET.rows, ASKED)
    assert not set(made.loc[asked, "site"]) & set(made.loc[~asked, "site"])
    assert (made["dose"].notna() == ~simulated).all()
    assert made.loc[~simulated, SIMULATED].isna().all(axis=None)
    taught = made.loc[~asked & simulated, list(DRUGS)].notna()
    assert taught.sum().tolist() == [TAUGHT] * 3
    assert (taught.sum(axis=1) == 1).all()
    assert made.loc[asked & simulated, list(DRUGS)].notna().all(axis=None)
    inputs = {name for part in SET.spec()["modalities"].values() for name in part["columns"]}
    assert not inputs & {"activity", "expected", "site", "part", "dose", *DRUGS}
