"""How strongly a drug binds a kinase: known pairs' neighbours, new drugs, new kinases, and both new.

The published division of Davis parts pairs, so that every drug and every kinase of its test is known from others: a
mean for each already tells much. Whoever looks for drugs asks the other questions, where one of them, or both, are new.
"""

from typing import Any

import numpy as np
import pandas as pd

from polymodal import run
from polymodal.data.sets.davis import COLD_BOTH
from polymodal.recipes.base import Finding, Kitchen, Recipe, Told, figure
from polymodal.tasks.metrics import c_index

__all__ = ["RECIPE"]

QUESTIONS: dict[str, tuple[dict[str, Any], str | None]] = {
    "published": ({}, None),
    "new drug": ({"split": {"column": "cold_drug", "test": ["test"]}, "group": "drug"}, None),
    "new kinase": ({"split": {"column": "cold_target", "test": ["test"]}, "group": "chain"}, None),
    "both new": ({"split": {"column": "cold_drug", "test": ["test"]}, "group": "chain"}, COLD_BOTH),
}
"""What changes in the section `data`; validation rows are as new as those of the test."""


def _cook(kitchen: Kitchen) -> Told:
    found: list[Finding] = []
    for name, (data, table) in QUESTIONS.items():
        place = name.replace(" ", "_")
        told = kitchen.fitted(place, kitchen.spec("davis", CHANGE | {"data": data}, table))
        opened = run.open_run(kitchen.out / place)
        found.append(figure(told, "binding", "mse", f"{name}, mse"))
        made = pd.read_parquet(kitchen.out / place / "predictions.parquet").query("split == 'test'")
        order = c_index(made["binding.target"], made["binding.prediction"])
        found.append(Finding(f"{name}, c_index", order if order is not None else 0.5, None, len(made)))
        for floor, entry in told["tasks"]["binding"]["baselines"].items():
            found.append(Finding(f"{name}, mse of a plain model: {floor}", entry["metrics"]["mse"], None, entry["n"]))
        frame, split = opened.fitted.table.frame, opened.fitted.split
        learned, asked = frame.iloc[np.concatenate([split.train, split.validation])], frame.iloc[split.test]
        found.append(Finding(f"{name}, mse of means", _means(learned, asked), None, len(asked)))
    return Told(found, [f"{name.replace(' ', '_')}/report.html" for name in QUESTIONS])


def _means(learned: pd.DataFrame, asked: pd.DataFrame) -> float:
    """The error of what knows no chemistry: the mean, and how far each drug and each kinase is from it on average."""
    middle = learned["affinity"].mean()
    guess = np.full(len(asked), middle)
    for key in ("drug", "protein"):
        guess += asked[key].map(learned.groupby(key)["affinity"].mean() - middle).fillna(0.0).to_numpy()
    return float(np.mean((asked["affinity"].to_numpy() - guess) ** 2))


# Whether they bind is a matter of the pair: each by itself decides little, so both are read before anything is decided,
# and neither is ever left out. A kinase is told by its pieces: a step needs many kinases, and a convolution over a
# thousand residues of each takes ten times as long. On validation rows the error falls no further after 24 epochs. With
# the fifth fold of the training pairs asked, three members have an error of .232, one of .272.
CHANGE = {
    "modalities": {
        "drug": {"type": "molecule", "column": "smiles"},
        "kinase": {"type": "protein", "column": "sequence", "encoder": "pieces"},
    },
    "model": {"fusion": {"type": "early", "layers": 2}},
    "train": {"batch_size": 512, "epochs": 24, "members": 3, "modality_dropout": 0.0},
}
RECIPE = Recipe("chemistry_binding", "How strongly a drug binds a kinase, known or new", ("davis",), _cook)
