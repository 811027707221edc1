"""Facts that the set is relied on for."""

import pandas as pd

from polymodal.data.sets.impac_autism import CONSTANT, COPY, SET


def test_ids_match_as_text_and_inputs_are_sound(real_data):
    real_data(SET.name)
    spec = SET.spec()
    people = pd.read_csv(spec["data"]["table"], dtype=str)
    anatomy = pd.read_csv(spec["data"]["join"][0]["table"], dtype=str)
    joined = people.merge(anatomy, on=spec["data"]["id"], validate="1:1")
    assert len(joined) == SET.rows
    assert joined["subject_id"].astype("uint64").max() > 2**63
    inputs = [name for part in spec["modalities"].values() for name in part["columns"]]
    assert len(inputs) == len(set(inputs)) == 2 + 207 - len(CONSTANT) - 1
    assert set(inputs) <= set(joined.columns)
    assert not set(inputs) & {"site", "asd", "select", "subject_id"}
    assert joined[inputs].nunique().min() > 1


def test_what_was_left_out_carries_nothing(real_data):
    anatomy = pd.read_csv(real_data(SET.name) / "anatomy.csv")
    assert (anatomy[sorted(CONSTANT)] == 0).all(axis=None)
    assert (anatomy[COPY] == anatomy["EstimatedTotalIntraCranialVol"]).all()
