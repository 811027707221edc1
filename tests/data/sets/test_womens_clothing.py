"""Facts that the set is relied on for."""

import pandas as pd

from polymodal.data.sets.womens_clothing import SET


def test_the_table_is_what_the_spec_says(real_data):
    real_data(SET.name)
    spec = SET.spec()
    table = pd.read_parquet(spec["data"]["table"])
    assert len(table) == SET.rows
    inputs = [name for part in spec["modalities"].values() for name in part["columns"]]
    targets = [task["target"] for task in spec["tasks"].values()]
    assert not set(inputs) & {*targets, "Clothing ID", "Class Name", "Division Name"}
    assert {*inputs, *targets, spec["data"]["group"]} <= set(table.columns)


def test_a_department_belongs_to_an_item(real_data):
    table = pd.read_parquet(real_data(SET.name) / "womens_clothing.parquet")
    assert table.groupby("Clothing ID")["Department Name"].nunique().max() == 1
    assert table[["Title", "Review Text"]].isna().all(axis=1).sum() == 844
