"""Facts that the set is relied on for."""

import numpy as np
import pandas as pd
import pytest

from polymodal.data.sets.iwpc_warfarin import (
    CLINIC,
    DOSE,
    DRUGS,
    INDICATIONS,
    ORIGINAL,
    PROMOTER,
    SET,
    STABLE,
    TABLE,
    VARIANTS,
)

NEVER = ["INR on Reported Therapeutic Dose of Warfarin", "Comments regarding Project Site Dataset"]


@pytest.fixture
def patients(tmp_path):
    """Five patients, of whom the fourth never reached a stable dose and of the fifth no dose is known."""
    columns = {column: [None] * 5 for column in [*CLINIC.values(), *DRUGS.values(), *VARIANTS.values()]}
    columns |= {
        "PharmGKB Subject ID": [f"P{number}" for number in range(5)],
        "Project Site": [3, 9, 9, 1, 1],
        "Age": ["60 - 69", "90+", None, "20 - 29", "20 - 29"],
        "Race (OMB)": ["Asian", "Unknown", "White", "White", "White"],
        "Indication for Warfarin Treatment": ["3; 8", "1", None, "3", "3"],
        "Simvastatin (Zocor)": ["YES", "NO", "1", "0", "0"],
        "CYP2C9 consensus": ["*1/*1", "*1/*3", None, "*1/*1", "*1/*1"],
        PROMOTER: ["A/A", None, None, "G/G", "G/G"],
        VARIANTS["v1173"]: ["C/C", "C/T", None, "C/C", "C/C"],
        STABLE: [1, 1, 1, 0, 1],
        DOSE: [14.0, 21.0, 49.0, 35.0, None],
        **dict.fromkeys(NEVER, [1.0] * 5),
    }
    pd.DataFrame(columns).to_csv(tmp_path / ORIGINAL, index=False)
    SET.prepare(tmp_path, tmp_path)
    return pd.read_parquet(tmp_path / TABLE)


def test_only_stable_doses_that_are_known_are_told(patients):
    assert patients["patient"].tolist() == ["P0", "P1", "P2"]
    assert patients["dose"].tolist() == [14.0, 21.0, 49.0]
    assert not {*NEVER, STABLE, DOSE} & set(patients.columns)


def test_a_neighbour_speaks_where_the_variant_itself_was_not_measured(patients):
    assert patients["vkorc1"].tolist()[:2] == ["A/A", "A/G"]
    assert pd.isna(patients["vkorc1"][2])


def test_what_is_not_known_is_missing(patients):
    assert patients["age"].tolist()[:2] == [65.0, 95.0]
    assert np.isnan(patients["age"][2])
    assert patients["race"].notna().tolist() == [True, False, True]
    assert patients["simvastatin"].tolist() == [1.0, 0.0, 1.0]
    assert patients[INDICATIONS].sum(axis=1, min_count=1).tolist()[:2] == [2.0, 1.0]
    assert patients[["atrial", "other", "thrombosis"]].iloc[0].tolist() == [1.0, 1.0, 0.0]
    assert patients[INDICATIONS].iloc[2].isna().all()


def test_what_is_known_of_the_real_set(real_data, tmp_path):
    source = real_data(SET.name)
    SET.prepare(source, tmp_path)
    made = pd.read_parquet(tmp_path / TABLE)
    assert (len(made), made["site"].nunique(), made["patient"].is_unique) == (SET.rows, 22, True)
    assert (made["cyp2c9"].notna().sum(), made["vkorc1"].notna().sum()) == (5_791, 5_326)
    unmeasured = made["height"].isna().groupby(made["site"]).all()
    assert unmeasured[unmeasured].index.tolist() == [9, 10, 13, 18]
    means = made.groupby("site")["dose"].mean()
    assert (means.min(), means.max()) == (pytest.approx(19.44, abs=0.01), pytest.approx(44.59, abs=0.01))


def test_inputs_hold_neither_the_dose_nor_the_site(real_data):
    real_data(SET.name)
    spec = SET.spec()
    columns = pd.read_parquet(spec["data"]["table"]).columns
    inputs = [name for part in spec["modalities"].values() for name in part["columns"]]
    assert len(inputs) == len(set(inputs)) == len(columns) - 3
    assert set(columns) - set(inputs) == {"patient", "site", "dose"}
