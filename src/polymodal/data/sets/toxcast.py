"""ToxCast: which of 617 assays a molecule is active in (Richard et al. 2016), as MoleculeNet has it (Wu et al. 2018).

A row is one molecule in one assay that it was tested in; what was not tested (71 % of the cells) is no row and never
counts as inactive. An assay is told by its name, such as "ATG_AR_TRANS_up": who measured, in what, which way. The name
up to the first "_" is its family. Rows whose SMILES is "FAIL" or cannot be read are left out, and two SMILES of one
molecule are one molecule.

A fifth of the molecules is for the test, drawn by Murcko scaffold: no molecule of the test shares its rings, and what
links them, with one that is learned from. Molecules without a ring are all learned from. Whoever asks about assays
that are new as well takes a family out (see the recipe chemistry_assays).
"""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from polymodal.core.seeding import numpy_generator
from polymodal.data.molecules import canonical_and_scaffold
from polymodal.data.sets.base import DataSet
from polymodal.data.sets.origins import GitFile

__all__ = ["SET", "TABLE"]

TABLE, FILE = "cells.parquet", "mol_text/toxcast_data.csv.gz"
TEST = 0.2
"""Share of the molecules that the test holds, at least."""


def _assemble(downloads: Path, target: Path) -> None:
    (target / "mol_text").mkdir()
    shutil.copyfile(downloads / "assays", target / FILE)


def _derive(source: Path, target: Path) -> None:
    """One row for each molecule and assay with a label."""
    wide = pd.read_csv(source / FILE, compression="gzip")
    read = [canonical_and_scaffold(smiles) for smiles in wide["smiles"].astype(str)]
    kept = np.array([found is not None for found in read])
    keys = pd.DataFrame([found for found in read if found is not None], columns=["smiles", "scaffold"])
    labels = wide.loc[kept].drop(columns="smiles").reset_index(drop=True)
    # No two rows of one molecule differ in a label that both have.
    labels = labels.groupby(keys["smiles"], sort=False).max()
    scaffold = keys.drop_duplicates("smiles").set_index("smiles")["scaffold"].loc[labels.index]
    row, column = np.nonzero(labels.notna().to_numpy())
    assays = labels.columns.to_numpy()
    words = np.array([name.replace("_", " ") for name in assays])
    families = np.array([name.split("_")[0] for name in assays])
    cells = {
        "molecule": row,
        "smiles": pd.Categorical.from_codes(row, labels.index.astype(str)),
        "assay": pd.Categorical.from_codes(column, assays),
        "words": pd.Series(words[column]).astype("category"),
        "family": pd.Series(families[column]).astype("category"),
        "active": labels.to_numpy()[row, column].astype(np.int8),
        "scaffold": pd.factorize(scaffold)[0][row],
        "part": np.where(_held(scaffold)[row], "test", "train"),
    }
    pd.DataFrame(cells).to_parquet(target / TABLE, index=False)


def _held(scaffolds: pd.Series) -> np.ndarray:
    """(molecules,) True for those of scaffolds that are drawn, one after another, until the test holds its share."""
    counts = scaffolds[scaffolds != ""].value_counts(sort=False).sort_index()
    order = numpy_generator(0, "toxcast", "scaffold").permutation(len(counts))
    before = np.concatenate([[0], counts.to_numpy()[order].cumsum()[:-1]])
    drawn = counts.index[order[before < TEST * len(scaffolds)]]
    return scaffolds.isin(drawn).to_numpy()


def _describe(_source: Path, target: Path) -> dict[str, Any]:
    return {
        "version": 1,
        "data": {
            "table": str(target / TABLE),
            "group": "scaffold",
            "split": {"column": "part", "test": ["test"]},
        },
        "modalities": {
            "molecule": {"type": "molecule", "column": "smiles"},
            "assay": {"type": "text", "columns": ["words"]},
        },
        "tasks": {"active": {"type": "binary", "target": "active"}},
    }


_ORIGIN = "https://raw.githubusercontent.com/deepchem/deepchem/fbe3b911a94a6eb8c84c1a9e7ac67a472c49ea80"

SET = DataSet(
    name="toxcast",
    title="ToxCast: 8,600 molecules in 617 assays, a row for each that was tested",
    origin="git deepchem/deepchem at commit fbe3b911a94a6eb8c84c1a9e7ac67a472c49ea80, examples/toxcast/processing",
    licence="MIT (the repository); data of the U.S. EPA, public domain",
    rows=1_534_076,
    tables={
        TABLE: "derived; molecule (number), smiles (canonical), assay, words (its name with blanks), family, active "
        "(0, 1), scaffold (number), part (train, test)"
    },
    folders=("mol_text",),
    files={FILE: "56041515e0bb63c1787a26ecdbeb2bd7ae1f538681caa1b03f768853cf81b1a7"},
    fetched=(GitFile(f"{_ORIGIN}/examples/toxcast/processing/toxcast_data.csv.gz", "assays"),),
    assemble=_assemble,
    derive=_derive,
    describe=_describe,
)
