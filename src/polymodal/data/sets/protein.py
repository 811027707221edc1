"""Proteins residue by residue: secondary structure and conservation (FLIP), CB513, and what water can reach (BM5).

11,156 chains of FLIP (Dallago et al. 2021) with the three states of each residue, H (helix), E (strand) and C (coil);
10,466 of FLIP, most of them the same, with how conserved each residue is among relatives, from 1 to 9;
511 rows of CB513 (Cuff and Barton 1999) to be tested on; 415 chains of the docking benchmark 5 (Vreven et al. 2015)
with the eight states of DSSP (Kabsch and Sander 1983) and the relative solvent accessibility, from 0 to 1.

What this set can mislead by, and what is done about it. Residues that were not resolved are written as coil: `scored`
is 0 for them, and `mask: scored` leaves them out. Rows of CB513 hold whole chains, so that a chain of two domains comes
twice: `scored` is 1 for the residues of the row's own domain alone. Many chains are alike: `cluster` joins chains, of
all three sources, that share half of the pieces of eight residues of the shorter one, one link after another. No
cluster has rows in more than one part: chains of FLIP that are in a cluster with one of CB513 or of the tested BM5 are
left out, as are chains of BM5 in a cluster with CB513. FLIP's own test has a table to itself.

FLIP divides its chains of conservation otherwise than those of structure. Those that train or choose there are joined
to the chain of the same sequence, or get rows of their own. Of those that test there, the ones without a relative in
any other row are tested on here, as FLIP conservation; labels of the others are not used.
"""

import lzma
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from polymodal.core.seeding import numpy_generator
from polymodal.data.sets.base import DataSet

__all__ = ["FLIP_TEST", "SET", "TABLE", "alike"]

TABLE, FLIP_TEST = "residues.parquet", "flip_test.parquet"
CONSERVED = "FLIP conservation"
PIECE, SHARED = 8, 0.5
"""Residues of a piece, and the share of pieces from which on two chains are alike."""
HELD, CHOSEN = 0.25, 0.1
"""Shares of the clusters of BM5 that are for the test, and of the others for validation."""
COLUMNS = ["id", "source", "part", "cluster", "sequence", "fold", "scored", "states", "access", "conserved"]


def alike(sequences: list[str]) -> np.ndarray:
    """(n,) the number of each sequence's cluster: sequences that share half of the pieces of the shorter one.

    Pieces with an unknown residue do not count, nor do those that a sequence repeats.
    """
    pieces = [_pieces(sequence) for sequence in sequences]
    sizes = np.array([len(each) for each in pieces])
    _, columns = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *pieces]), return_inverse=True)
    rows = np.repeat(np.arange(len(sequences)), sizes)
    held = sparse.csr_matrix((np.ones(len(rows), dtype=np.int32), (rows, columns)), (len(sequences), len(rows)))
    common = (held @ held.T).tocoo()
    near = common.data >= SHARED * np.minimum(sizes[common.row], sizes[common.col])
    links = sparse.coo_matrix((np.ones(near.sum()), (common.row[near], common.col[near])), common.shape)
    # A sequence too short for any piece is like its copies only.
    _, copies = np.unique(np.array(sequences, dtype=object).astype(str), return_inverse=True)
    twins = sparse.coo_matrix((np.ones(len(copies)), (np.arange(len(copies)), copies)), (len(copies), len(copies)))
    same = (twins.tocsr() @ twins.tocsr().T).tocoo()
    return np.asarray(connected_components(links + same, directed=False)[1])


def _pieces(sequence: str) -> np.ndarray:
    """The distinct pieces of a sequence as numbers."""
    signs = np.frombuffer(sequence.encode("ascii"), dtype=np.uint8).astype(np.int64) - ord("A")
    if len(signs) < PIECE:
        return np.zeros(0, dtype=np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(signs, PIECE)
    known = (windows != ord("X") - ord("A")).all(axis=1)
    return np.unique(windows[known] @ (26 ** np.arange(PIECE)))


def _derive(source: Path, target: Path) -> None:
    """One row for each chain, clustered over all sources, without what would leak."""
    chains = pd.concat([_joined(_flip(source), _conserved(source)), _cb513(source), _bm5(source)], ignore_index=True)
    chains["cluster"] = alike(chains["sequence"].tolist())
    chains.loc[chains["source"] == "BM5", "part"] = _drawn(chains[chains["source"] == "BM5"])
    reserved = chains.loc[chains["source"] == "CB513", "cluster"]
    bound = chains[(chains["source"] == "BM5") & ~chains["cluster"].isin(reserved)]
    held = chains["cluster"].isin(bound.loc[bound["part"] == "test", "cluster"])
    chosen = chains["cluster"].isin(chains.loc[chains["part"] == "validation", "cluster"])
    alone = ~chains["cluster"].isin(chains.loc[chains["source"] != CONSERVED, "cluster"])
    leaks = {
        "test": ((chains["source"] == "BM5") & chains["cluster"].isin(reserved))
        | ((chains["source"] == CONSERVED) & ~alone),
        "validation": chains["cluster"].isin(reserved) | held,
        "train": chains["cluster"].isin(reserved) | held | chosen,
        "flip test": pd.Series(False, index=chains.index),
    }
    kept = chains[~np.select([chains["part"] == part for part in leaks], list(leaks.values()), default=True)]
    kept.loc[kept["part"] != "flip test", COLUMNS].to_parquet(target / TABLE, index=False)
    kept.loc[kept["part"] == "flip test", COLUMNS].to_parquet(target / FLIP_TEST, index=False)


def _drawn(chains: pd.DataFrame) -> np.ndarray:
    """(rows,) the part of each chain, drawn by cluster."""
    clusters = np.sort(chains["cluster"].unique())
    order = numpy_generator(0, "protein", "clusters").permutation(clusters)
    test = round(HELD * len(order))
    validation = test + round(CHOSEN * (len(order) - test))
    own = chains["cluster"]
    return np.where(own.isin(order[:test]), "test", np.where(own.isin(order[test:validation]), "validation", "train"))


def _flip(source: Path) -> pd.DataFrame:
    """Chains of FLIP; the headers of the labels say which part a chain is of."""
    read = {name: _fasta(source / f"flip_secondary_structure/{name}.fasta.xz") for name in ("sequences", "mask")}
    rows = []
    for header, fold in _fasta(source / "flip_secondary_structure/sampled.fasta.xz").items():
        name, place, chosen = header.split()
        part = "flip test" if place == "SET=test" else "validation" if chosen == "VALIDATION=True" else "train"
        rows.append((name, "FLIP", part, read["sequences"][name], fold, read["mask"][name]))
    return pd.DataFrame(rows, columns=["id", "source", "part", "sequence", "fold", "scored"])


def _conserved(source: Path) -> pd.DataFrame:
    """Chains of FLIP with the conservation of each residue; a few have a sequence and no labels."""
    read, rows = _fasta(source / "flip_conservation/sequences.fasta.xz"), []
    for header, conserved in _fasta(source / "flip_conservation/sampled.fasta.xz").items():
        name, place, chosen = header.split()
        part = "test" if place == "SET=test" else "validation" if chosen == "VALIDATION=True" else "train"
        rows.append((f"{name} conserved", CONSERVED if part == "test" else "FLIP", part, read[name], conserved))
    return pd.DataFrame(rows, columns=["id", "source", "part", "sequence", "conserved"])


def _joined(folded: pd.DataFrame, conserved: pd.DataFrame) -> pd.DataFrame:
    """The rows of structure, with the labels of conservation that may teach, and rows for sequences that they lack."""
    own = conserved[conserved["part"] != "test"].drop_duplicates("sequence").set_index("sequence")["conserved"]
    taught = folded["sequence"].map(own).where(folded["part"] != "flip test")
    fresh = conserved[~conserved["sequence"].isin(folded["sequence"])].drop_duplicates("sequence")
    return pd.concat([folded.assign(conserved=taught), fresh], ignore_index=True)


def _fasta(path: Path) -> dict[str, str]:
    """The text of each header: signs of labels and masks are no amino acids, and are kept as they stand."""
    with lzma.open(path, "rt", encoding="ascii") as file:
        entries = file.read().removeprefix(">").split("\n>")
    return {entry.partition("\n")[0]: entry.partition("\n")[2].replace("\n", "") for entry in entries}


def _cb513(source: Path) -> pd.DataFrame:
    """Rows of CB513 with the mask of their own domain; two rows without any residue of it are left out."""
    read = pd.read_csv(source / "cb513.csv", skipinitialspace=True)
    joined = {name: read[name].str.replace(" ", "") for name in ("input", "dssp3")}
    mask = read["cb513_mask"].str.replace("1.0", "1").str.replace("0.0", "0").str.replace(" ", "")
    made = pd.DataFrame({"id": [f"cb513-{row}" for row in range(len(read))], "source": "CB513", "part": "test"})
    made = made.assign(sequence=joined["input"], fold=joined["dssp3"], scored=mask)
    return made[made["scored"].str.contains("1")]


def _bm5(source: Path) -> pd.DataFrame:
    """Chains of the docking benchmark, their states and accessibilities; part is drawn later."""
    read = pd.read_csv(source / "bm5_ss_rsa.tsv", sep="\t")
    made = pd.DataFrame({"id": read["id"], "source": "BM5", "part": "", "sequence": read["seq"]})
    return made.assign(states=read["q8"], access=read["rsa"])


def _describe(_source: Path, target: Path) -> dict[str, Any]:
    return {
        "version": 1,
        "data": {
            "table": str(target / TABLE),
            "id": "id",
            "group": "cluster",
            "split": {"column": "part", "validation": ["validation"], "test": ["test"]},
        },
        "modalities": {"chain": {"type": "protein", "column": "sequence", "tokens": "residues", "layers": 4}},
        "tasks": {
            "fold": {"type": "token_labels", "target": "fold", "of": "chain", "separator": "", "mask": "scored"},
            "access": {"type": "token_values", "target": "access", "of": "chain", "separator": ","},
        },
        # A chain holds hundreds of residues to learn from: smaller steps, and fewer passes, than rows alone would ask.
        "train": {"batch_size": 32, "epochs": 6},
    }


SET = DataSet(
    name="protein",
    title="Secondary structure and solvent accessibility of each residue: FLIP, CB513 and docking benchmark 5",
    origin=(
        "git J-SNACKKB/FLIP at commit 62cace8735f5610e2743cf06ce0f944b37fffaa6 (splits, packed anew), "
        "omarperacha/ps4-dataset at commit e1820264e0762fb44d496f53e08cdcb7ddf92598 (CB513) and haddocking/BM5-clean "
        "at commit ee8ee220587a84fc70732f8cb2e2bbc5929199c2 (structures, read by DSSP 4.2.2)"
    ),
    licence="AFL-3.0 (FLIP), CC0 (CB513), Apache-2.0 (BM5)",
    rows=13_996,
    tables={
        TABLE: "derived; one row for each chain: id, source (FLIP, FLIP conservation, CB513, BM5), part (train, "
        "validation, test), cluster, sequence, fold (a sign H, E or C for each residue), scored (1 where it counts, "
        "else 0), states (eight of DSSP), access (relative accessibilities, parted by commas), conserved (a sign from "
        "1 to 9 for each residue); empty where a source does not tell",
        FLIP_TEST: "derived; the same columns for the 364 chains of FLIP's own test",
    },
    files={
        "bm5_ss_rsa.tsv": "57f92b2b4ad63f2940c6724a48ca51340ee6e25ae9eadb9ed3a4a1b537c1661b",
        "cb513.csv": "829e357259fd132e945af4ea4ffa4233f135e886b749a2fc5111b41102537afc",
        "flip_conservation/sampled.fasta.xz": "e724338187662ff573eb028877de25254986284b9b2fed4bc8f3107bfcb9492e",
        "flip_conservation/sequences.fasta.xz": "e174e0e368272b74cb879a472c9570c3459697b85f2d2962a7c87a03a3aed746",
        "flip_secondary_structure/mask.fasta.xz": "632a0dad2da5cf20b8c337d9804fb208821f45d28857a75e6341fd2839f7ad03",
        "flip_secondary_structure/sampled.fasta.xz": "b1b8eb34bd645e82ac5a8540812ac1a8915277f7c4dc9fafe0da067fb0076819",
        "flip_secondary_structure/sequences.fasta.xz": (
            "da146bbd66153dcbae2fd9e4eaadeac6e54fe1c506674723064c9abc68de59df"
        ),
    },
    derive=_derive,
    describe=_describe,
)
