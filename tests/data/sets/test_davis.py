"""Facts that the set is relied on for."""

import pandas as pd
import pytest

from polymodal.data.sets.davis import COLD_BOTH, SET, TABLE


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Ten drugs, ten proteins of which two share a sequence, and every pair of them."""
    folder = tmp_path_factory.mktemp("davis")
    drugs, proteins = [str(number) for number in range(10)], [f"P{number}" for number in range(10)]
    pd.DataFrame({"drug": drugs, "smiles": ["C" * (1 + number) for number in range(10)]}).to_csv(
        folder / "drugs.csv", index=False
    )
    pd.DataFrame({"protein": proteins, "sequence": ["M" * max(1, number) for number in range(10)]}).to_csv(
        folder / "proteins.csv", index=False
    )
    pairs = pd.DataFrame([(drug, protein) for drug in drugs for protein in proteins], columns=["drug", "protein"])
    pairs.assign(affinity=5.0, fold="0").to_parquet(folder / "affinities.parquet", index=False)
    SET.prepare(folder, folder)
    return folder


def test_what_is_cold_is_new_on_the_other_side(source):
    pairs = pd.read_parquet(source / TABLE)
    assert len(pairs) == 100
    assert pairs["chain"].nunique() == 9
    for column, key in (("cold_drug", "drug"), ("cold_target", "chain")):
        assert pairs.groupby(key)[column].nunique().max() == 1
        assert pairs.loc[pairs[column] == "test", key].nunique() == 2


def test_of_the_last_question_both_are_new(source):
    both = pd.read_parquet(source / COLD_BOTH)
    assert (both["cold_drug"] == both["cold_target"]).all()
    parts = dict(iter(both.groupby("cold_drug")))
    assert not set(parts["test"]["drug"]) & set(parts["train"]["drug"])
    assert not set(parts["test"]["chain"]) & set(parts["train"]["chain"])


def test_the_published_division(real_data, tmp_path):
    SET.prepare(real_data(SET.name), tmp_path)
    pairs = pd.read_parquet(tmp_path / TABLE)
    assert len(pairs) == SET.rows
    assert pairs["fold"].value_counts()["test"] == 5_010
    assert (pairs["drug"].nunique(), pairs["protein"].nunique(), pairs["chain"].nunique()) == (68, 442, 379)
    assert pairs.loc[pairs["cold_drug"] == "test", "drug"].nunique() == 14
    assert pairs.loc[pairs["cold_target"] == "test", "chain"].nunique() == 76


def test_the_spec_joins_by_id(tmp_path):
    spec = SET.describe(tmp_path, tmp_path)
    assert [join["on"] for join in spec["data"]["join"]] == ["drug", "protein"]
    assert spec["modalities"]["drug"]["type"] == "molecule"
