"""Kinase inhibitors and kinases: how strongly each of 68 drugs binds each of 442 proteins (Davis et al. 2011).

30,056 pairs, every one measured once: pKd = -log10(Kd / 1 mol/l), 5.0 to 10.8. 70 % of them are exactly 5.0, which is a
floor (no binding was seen at 10 µmol/l) and not a measurement. `fold` is the division that DeepDTA published (Öztürk et
al. 2018): "test" and five folds to learn from. It parts pairs, so that every drug and every protein of the test is
known from training; that is the easy question.

The harder ones have a column each: `cold_drug` and `cold_target` hold a fifth of the drugs, and of the proteins, for
the test. A table of its own has the fifth question: pairs of which both are new; pairs of one new and one known are
left out of it. The 442 proteins have 379 sequences, since mutants carry the sequence of the wild type and the kinase
domains of one protein share it: `chain` numbers the sequences, and what is cold is cold by chain.

The origin keeps the numbers as a Python pickle, which can hold code and is not opened here; so no command fetches them.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from polymodal.core.seeding import numpy_generator
from polymodal.data.sets.base import DataSet

__all__ = ["COLD_BOTH", "SET", "TABLE"]

TABLE, COLD_BOTH = "pairs.parquet", "cold_both.parquet"
COLD = 0.2
"""Share of the drugs, and of the chains, that a cold test holds."""


def _derive(source: Path, target: Path) -> None:
    """The pairs with what is cold, and of the last question the pairs that belong to it."""
    pairs = pd.read_parquet(source / "affinities.parquet")
    chains = pd.read_csv(source / "proteins.csv").set_index("protein")["sequence"]
    pairs["chain"] = pairs["protein"].map(dict(zip(chains.index, pd.factorize(chains)[0], strict=True)))
    cold = {"cold_drug": _held(pairs["drug"], "drug"), "cold_target": _held(pairs["chain"], "chain")}
    for name, held in cold.items():
        pairs[name] = np.where(held, "test", "train")
    pairs.to_parquet(target / TABLE, index=False)
    alike = pairs["cold_drug"] == pairs["cold_target"]
    pairs[alike].to_parquet(target / COLD_BOTH, index=False)


def _held(keys: pd.Series, name: str) -> np.ndarray:
    """(rows,) True where the key is one of the share that is drawn for the test."""
    distinct = np.sort(keys.unique())
    draw = numpy_generator(0, "davis", name)
    return keys.isin(draw.choice(distinct, round(COLD * len(distinct)), replace=False)).to_numpy()


def _describe(source: Path, target: Path) -> dict[str, Any]:
    return {
        "version": 1,
        "data": {
            "table": str(target / TABLE),
            "id": "drug",
            "join": [
                {"table": str(source / "drugs.csv"), "on": "drug"},
                {"table": str(source / "proteins.csv"), "on": "protein"},
            ],
            "split": {"column": "fold", "test": ["test"]},
            # Kinases that share a sequence stand on both sides of the published division.
            "allow": ["same-row-on-both-sides"],
        },
        "modalities": {
            "drug": {"type": "molecule", "column": "smiles"},
            "kinase": {"type": "protein", "column": "sequence"},
        },
        "tasks": {"binding": {"type": "regression", "target": "affinity"}},
    }


SET = DataSet(
    name="davis",
    title="Davis: how strongly 68 kinase inhibitors bind 442 kinases, with DeepDTA's published division",
    origin="git hkmztrk/DeepDTA at commit a546a8433a6822e958f36171c4356ad6f414d623, data/davis, rewritten as tables",
    licence="none on record (data of Davis et al. 2011): do not pass on without asking",
    rows=30_056,
    tables={
        TABLE: "derived; one row for each pair: drug, protein, affinity (pKd), fold (test, 0 to 4), chain (number of "
        "the protein's sequence), cold_drug and cold_target (train, test)",
        COLD_BOTH: "derived; the same columns, without pairs of a new one and a known one",
    },
    files={
        "affinities.parquet": "c2a646ea9a064a9cc058ba0b2ba8fdfbcabe508def3665fa58b03ce97a77a1be",
        "drugs.csv": "65ca62bcccd5b82f3353a0bb4a347967371194cafe98fe5e46ee882aedd4e100",
        "proteins.csv": "fd0c050d6ff4a968cb33bcc4d6bb1adef266ff98bd86d4d2e9ebeed4559fc299",
    },
    derive=_derive,
    describe=_describe,
)
