"""ChEBI-20: molecules and what chemists write about them (Edwards et al. 2021, Text2Mol); two of its parts.

The published validation part (3,301 pairs) teaches, the published test part (3,300) is searched. The published training
part (26,000) and the pool of all 33,010 are not here: figures do not compare with published ones. Across the two parts
no molecule is in both, but 94 have a stereoisomer on the other side and 4 descriptions stand on both: such rows are
taken from what teaches, so that the pool stays whole. Inside the test 123 rows have a stereoisomer beside them that the
description may fit as well.

SMILES hold doubled backslashes, as the origin escapes them; one is meant, and one is kept.
"""

import csv
import shutil
from pathlib import Path
from typing import Any

import pandas as pd

from polymodal.data.molecules import without_stereo
from polymodal.data.sets.base import DataSet
from polymodal.data.sets.origins import GitFile

__all__ = ["SET", "TABLE"]

TABLE = "pairs.parquet"
FILES = {"train": "mol_text/chebi_val.txt", "test": "mol_text/chebi_test.txt"}


def _assemble(downloads: Path, target: Path) -> None:
    (target / "mol_text").mkdir()
    for part, file in FILES.items():
        shutil.copyfile(downloads / part, target / file)


def _derive(source: Path, target: Path) -> None:
    """Both parts, each molecule once, without rows to learn from that the test nearly holds."""
    parts = [_read(source / file).assign(part=part) for part, file in FILES.items()]
    pairs = pd.concat(parts, ignore_index=True)
    pairs["flat"] = [without_stereo(smiles) for smiles in pairs["smiles"]]
    asked = pairs[pairs["part"] == "test"]
    near = pairs["flat"].isin(asked["flat"]) | pairs["description"].isin(asked["description"])
    pairs[(pairs["part"] == "test") | ~near].reset_index(drop=True).to_parquet(target / TABLE, index=False)


def _read(path: Path) -> pd.DataFrame:
    read = pd.read_csv(path, sep="\t", quoting=csv.QUOTE_NONE, encoding="utf-8")
    frame = pd.DataFrame({"cid": read["CID"], "smiles": read["SMILES"], "description": read["description"]})
    frame["smiles"] = frame["smiles"].str.replace("\\\\", "\\", regex=False)
    return frame


def _describe(_source: Path, target: Path) -> dict[str, Any]:
    return {
        "version": 1,
        "data": {
            "table": str(target / TABLE),
            "id": "cid",
            # Stereoisomers, which one description may fit, stay together when validation rows are taken.
            "group": "flat",
            "split": {"column": "part", "test": ["test"]},
        },
        "modalities": {
            "molecule": {"type": "molecule", "column": "smiles"},
            "words": {"type": "text", "columns": ["description"]},
        },
        "tasks": {"match": {"type": "retrieval", "between": ["molecule", "words"]}},
    }


_ORIGIN = "https://raw.githubusercontent.com/blender-nlp/MolT5/754f9bffa4a638e2f1386d0ca19b5c3ed0a5b4aa/ChEBI-20_data"

SET = DataSet(
    name="chebi20",
    title="ChEBI-20: molecules and their descriptions, the published validation and test parts",
    origin="git blender-nlp/MolT5 at commit 754f9bffa4a638e2f1386d0ca19b5c3ed0a5b4aa, ChEBI-20_data",
    licence="BSD-3 (the repository); descriptions from ChEBI, CC BY 4.0",
    rows=6_496,
    tables={TABLE: "derived; cid, smiles, description, part (train, test), flat (SMILES without stereo)"},
    folders=("mol_text",),
    files={
        FILES["train"]: "f410b58e6825986577d01b4f0c14b59ed61c1343a15118ba584de4bbcea1508c",
        FILES["test"]: "91776254b54ef13ad701ede0ecdbd7bcd30c19a66e52aa34a6dac8d0e7306d72",
    },
    fetched=(GitFile(f"{_ORIGIN}/validation.txt", "train"), GitFile(f"{_ORIGIN}/test.txt", "test")),
    assemble=_assemble,
    derive=_derive,
    describe=_describe,
)
