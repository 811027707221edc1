"""Proteins in the fluid around the brain, and whether a patient's thinking is impaired (Craig-Schapiro et al. 2011).

333 patients of one site. The three markers that clinics use tell about as much as the 124 other proteins, so they are a
modality of their own. All measures are transformed, most of them on a log scale, without a unit on record: `age` lies
between 0.983 and 0.990 and is not in years.
"""

import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd

from polymodal.core import UsageProblem
from polymodal.data.sets.base import DataSet
from polymodal.data.sets.origins import GitFile

__all__ = ["SET"]

TABLE = "ad_data.csv"
MARKERS = ["tau", "p_tau", "Ab_42"]
CLINIC = ["age", "male", "Genotype"]
TARGET = "Class"


def _assemble(downloads: Path, target: Path) -> None:
    """The data frame inside the R file, written as text; needs the optional package rdata."""
    try:
        reader = import_module("rdata")
    except ImportError as problem:
        raise UsageProblem(
            "package-missing",
            where="polymodal data get ad_csf",
            expected="the optional package rdata, which reads R files",
            found="no such package",
            remedy="pip install rdata",
        ) from problem
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # rdata warns of R classes that it reads as plain data frames
        frame = reader.read_rda(downloads / "ad_data.RData")["ad_data"]
    frame.to_csv(target / TABLE, index=False, lineterminator="\n")


def _describe(source: Path, _target: Path) -> dict[str, Any]:
    columns = pd.read_csv(source / TABLE, nrows=0).columns
    others = {*MARKERS, *CLINIC, TARGET}
    return {
        "version": 1,
        "data": {"table": str(source / TABLE), "split": {"test": 0.2, "seed": 0}},
        "modalities": {
            "markers": {"type": "table", "columns": MARKERS},
            "proteins": {"type": "table", "columns": [name for name in columns if name not in others]},
            "clinic": {"type": "table", "columns": CLINIC},
        },
        "tasks": {"impaired": {"type": "binary", "target": TARGET}},
    }


SET = DataSet(
    name="ad_csf",
    title="Cerebrospinal fluid proteins and cognitive impairment (Craig-Schapiro et al. 2011)",
    origin="git tidymodels/modeldata at commit 5c22676a2deab18170885be4dd6e55068a669bb3, data/ad_data.RData",
    licence="MIT (the package modeldata)",
    rows=333,
    tables={TABLE: "one row for each patient: 124 proteins, 3 markers, age, sex, APOE genotype, class"},
    files={TABLE: "80aabb5e6fb709ddebfbb0dd4b5c6283a9194b49af52c1b8726075b66c26f8db"},
    fetched=(
        GitFile(
            "https://raw.githubusercontent.com/tidymodels/modeldata/5c22676a2deab18170885be4dd6e55068a669bb3/"
            "data/ad_data.RData",
            "ad_data.RData",
        ),
    ),
    assemble=_assemble,
    describe=_describe,
)
