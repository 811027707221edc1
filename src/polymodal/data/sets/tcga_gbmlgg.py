"""Glioma: how long patients live, by genes, mutations, the clinic, and what a net saw in the tissue (TCGA).

569 patients of 35 sites, 187 of whom died. The origin has a row for each slide, up to 17 for a patient with the same
genes and outcome in all of them, so that one row is kept for each patient: otherwise the same person stands on both
sides of a split. Its column `censorship` is 1 for those who lived; here `died` says who did.

Genes are z-scores with wild outliers (CCL11 reaches 3,515). Scaled anew by their quantiles they tell more than cut off
at ten (c-index .844 against .780: five folds of the 195 patients without a hazard by image, one seed).

There are no pixels: of 374 patients the table has the logarithm of a hazard that the image branch of Pathomic Fusion
(Chen et al. 2022) gave to patches of their tissue. It comes from up to nine of fifteen nets, each of which had not seen
the patient; the nets differ in scale, so that each is put on the mean and the spread of all its answers, for which no
outcome is needed. The nets had met other patients, some of whom are test rows of a split that is drawn here; that
cannot be undone.

Age, grade and subtype carry most of what can be known: age alone orders .78 of all pairs rightly.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from polymodal.core.seeding import numpy_generator
from polymodal.data.sets.base import DataSet

__all__ = ["FOLDS", "JOINED", "REPEATS", "SET", "SETS", "TABLE"]

TABLE, JOINED, SETS = "cases.parquet", "joined.parquet", "signatures.gmt"
SLIDES, IMAGE = "porpoise_tcga_gbmlgg_all_clean.csv.zip", "pathomic_path_branch_oof.csv"
REPEATS, FOLDS = 3, 5
HAZARDS = ("h_mean", "h_max", "h_min")


def _derive(source: Path, target: Path) -> None:
    """One row for each patient, with the folds of three repetitions; those with a hazard by image; sets of genes."""
    slides = pd.read_csv(source / SLIDES, index_col=0, low_memory=False)
    cases = slides.drop_duplicates("case_id").sort_values("case_id", ignore_index=True)
    died = (1 - cases["censorship"].astype(int)).rename("died")
    cases = cases.drop(columns=["censorship", "slide_id", "train"])
    cases = cases.merge(_hazards(pd.read_csv(source / IMAGE)), on="case_id", how="left", validate="one_to_one")
    alike = died.astype(str) + cases["h_mean"].notna().astype(str)
    folds = {f"fold_{repeat}": _folds(alike, repeat) for repeat in range(REPEATS)}
    cases = pd.concat([cases, died, pd.DataFrame(folds)], axis=1)
    cases.to_parquet(target / TABLE, index=False)
    cases[cases["h_mean"].notna()].to_parquet(target / JOINED, index=False)
    signatures = pd.read_csv(source / "signatures.csv")
    lines = ["\t".join([name, "", *signatures[name].dropna().unique()]) for name in signatures]
    (target / SETS).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _hazards(told: pd.DataFrame) -> pd.DataFrame:
    """The hazards of each patient, averaged over the nets, each net's on one scale."""
    by_net = told.groupby("split")["h_mean"]
    middle, spread = by_net.transform("mean"), by_net.transform("std")
    scaled = told[list(HAZARDS)].sub(middle, axis=0).div(spread, axis=0).assign(case_id=told["case_id"])
    return scaled.dropna(subset=["case_id"]).groupby("case_id", as_index=False).mean()


def _folds(alike: pd.Series, repeat: int) -> np.ndarray:
    """(rows,) the fold of each row, rows that are alike spread evenly."""
    draw, folds = numpy_generator(0, "tcga_gbmlgg", repeat), np.zeros(len(alike), dtype=np.int64)
    for kind in sorted(alike.unique()):
        rows = draw.permutation(np.flatnonzero(alike == kind))
        folds[rows] = np.arange(len(rows)) % FOLDS
    return folds


def _describe(_source: Path, target: Path) -> dict[str, Any]:
    return {
        "version": 1,
        "data": {"table": str(target / TABLE), "id": "case_id", "group": "site", "split": {"test": 0.2, "seed": 0}},
        "modalities": {
            "image": {"type": "table", "columns": list(HAZARDS)},
            "genes": {"type": "omics", "columns": ["*_rnaseq"], "genes": "all"},
            "alterations": {"type": "table", "columns": ["*_mut", "*_cnv"]},
            "clinic": {"type": "table", "columns": ["age", "is_female", "oncotree_code"]},
        },
        "tasks": {"survival": {"type": "survival", "time": "survival_months", "event": "died", "at": [12, 36, 60]}},
    }


SET = DataSet(
    name="tcga_gbmlgg",
    title="Glioma survival: genes, mutations, clinic, and the risk that a net saw in the tissue (TCGA GBM and LGG)",
    origin="git mahmoodlab/PORPOISE at commit 3390dc40e15995ba852d7a561faf0e996cf20501, datasets_csv_mutsig; "
    "mahmoodlab/PathomicFusion at commit 44b5513cb90c31337276bba92abe515e21c7f6ca, predictions rewritten as a table; "
    "mahmoodlab/MCAT at commit b9cca63be83c67de7f95308d54a58f80b78b0da1, dataset_csv/signatures.csv",
    licence="GPL-3, for non-commercial academic use",
    rows=569,
    tables={
        TABLE: "derived; one row for each patient: case_id, site, survival_months, died (1 = did), age in years, "
        "is_female, oncotree_code, 1,544 *_rnaseq (z-scores), 30 *_cnv, 16 *_mut, h_mean, h_max, h_min (log hazard by "
        "image), fold_0 to fold_2 (0 to 4)",
        JOINED: "derived; the 374 patients of whom there is a hazard by image",
        SETS: "derived; six sets of genes, as GMT",
    },
    files={
        IMAGE: "c4849bd0acd72fd970b3f3155cd34cbab81c7b34d7b61d628d6531edee32bd1f",
        SLIDES: "2d07efeaecddd185c41f2186280f5900f69df381efb40efb59016d61a84eb635",
        "signatures.csv": "6bf0a195a67a04774df3fec808748e06a87176506b17d3cd1e8e9049d2624477",
    },
    derive=_derive,
    describe=_describe,
)
