"""Brain anatomy from magnetic resonance pictures, and whether a person has autism (IMPAC challenge, public set).

1,150 people of 34 sites, measured by FreeSurfer. Sites differ in their share of cases (.25 to 1.0), so a split keeps a
site together, and the site is no input. The quality of a scan is no input either: bad scans are cases more often
(63.6 % against 45.2 %). Left out are four volumes that are zero everywhere and a second copy of the head size. Ids are
above 2^63: they are read as text.
"""

from pathlib import Path
from typing import Any

import pandas as pd

from polymodal.data.sets.base import DataSet
from polymodal.data.sets.origins import GitFile

__all__ = ["SET"]

PEOPLE, ANATOMY, QUALITY = "participants.csv", "anatomy.csv", "anatomy_qc.csv"
IDENTITY = "subject_id"
CONSTANT = frozenset(f"{side}-{kind}WM-hypointensities" for side in ("Left", "Right") for kind in ("", "non-"))
"""Zero in every row."""
COPY = "eTIV"
"""Equal to EstimatedTotalIntraCranialVol in every row."""
RAW = "https://raw.githubusercontent.com/ramp-kits/autism/e85f1f97106127efd528aafdb781a4c0e880edcd/data/"


def _describe(source: Path, _target: Path) -> dict[str, Any]:
    columns = pd.read_csv(source / ANATOMY, nrows=0).columns
    kept = [name for name in columns if name not in {IDENTITY, COPY} | CONSTANT]
    areas = [name for name in kept if name.endswith("_area")]
    thicknesses = [name for name in kept if name.endswith("_thickness")]
    volumes = [name for name in kept if name not in {*areas, *thicknesses}]
    return {
        "version": 1,
        "data": {
            "table": str(source / PEOPLE),
            "id": IDENTITY,
            "join": [{"table": str(source / ANATOMY), "on": IDENTITY}],
            "group": "site",
            "split": {"test": 0.2, "seed": 0},
        },
        "modalities": {
            "person": {"type": "table", "columns": ["age", "sex"]},
            "area": {"type": "table", "columns": areas},
            "thickness": {"type": "table", "columns": thicknesses},
            "volume": {"type": "table", "columns": volumes},
        },
        "tasks": {"autism": {"type": "binary", "target": "asd"}},
    }


SET = DataSet(
    name="impac_autism",
    title="IMPAC: brain anatomy and autism (public set)",
    origin="git ramp-kits/autism at commit e85f1f97106127efd528aafdb781a4c0e880edcd, data",
    licence="none stated (consortium data): use it, do not pass it on",
    rows=1_150,
    tables={
        PEOPLE: "one row for each person: site, sex, age in years, asd (1 = autism)",
        ANATOMY: "one row for each person: areas in mm^2, thicknesses in mm, volumes in mm^3",
        QUALITY: "one row for each person: quality of the scan, 1 good to 3 bad; not an input",
    },
    files={
        PEOPLE: "4dcc2f94aa3179bd80ee8aa713d59fafcceab72ffbf2faf1d59ee9200aa6111a",
        ANATOMY: "2c68c0268f2ef639189646174f11a7809cf961086d05574f7cde36f9214224d2",
        QUALITY: "e143cb9c42b21d65c94395a01ae1f494168400c292a3c5b6f2b7b34016b37162",
    },
    fetched=tuple(GitFile(RAW + name, name) for name in (PEOPLE, ANATOMY, QUALITY)),
    describe=_describe,
)
