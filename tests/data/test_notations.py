"""Molecules and proteins are known by how they are spelled, and words are not taken for them."""

import pandas as pd
import pytest

from polymodal.data.notations import notation_of

DRUGS = ["CC(=O)Oc1ccccc1C(=O)O", "CN1C=NC2=C1C(=O)N(C(=O)N2C)C", "C[N+](C)(C)CC(=O)[O-]", "CCO", "Clc1ccc(Br)cc1"]
CHAINS = ["MKVLAAGIWDRSTYHNQPEC", "MSEQKKXVLAAGIWDRSTYHNQ", "GSHMKKVLAAGIWDRSTYHNQPEC*"]


def test_molecules_and_proteins():
    assert notation_of(pd.Series([*DRUGS, None, ""])) == "molecule"
    assert notation_of(pd.Series(CHAINS * 4)) == "protein"
    assert notation_of(pd.Series([*DRUGS, "CC", "C=O", "NCC(=O)O", "c1ccncc1", "FAIL"])) == "molecule"


@pytest.mark.parametrize(
    "words",
    [
        ["BOB", "COCO", "NINO", "ISO"],
        ["C12", "C13", "C14", "N1"],
        ["B(1)", "C(2)", "N(3)"],
        ["ACGTACGTACGTACGTACGTAA", "GGTAGGTAGGTAGGTAGGTAGG", "ACCAACCAACCAACCAACCAAA"],
        ["CT (head)", "MR (spine)", "US"],
        ["no cough", "CO=2", "on"],
        ["1-2", "2-3", "5-5"],
        ["CC(", "C(C", "CC)C"],
        [*DRUGS[:2], None],
        [None, None],
    ],
    ids=str,
)
def test_what_is_neither(words):
    assert notation_of(pd.Series(words, dtype="str")) is None


def test_long_values_cost_no_time():
    assert notation_of(pd.Series(["C" * 10**6 + str(row) for row in range(50)])) is None
    assert notation_of(pd.Series(["MKVLAAGIWDRST" * 10**5 + "A" * row for row in range(50)])) == "protein"
