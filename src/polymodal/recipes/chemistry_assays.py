"""Whether a molecule with a new scaffold is active in an assay of which nothing is known but its name.

A whole family of assays is held out (the first word of their names: who measured, on what platform), and molecules with
new scaffolds are asked in it: neither side was met before. Of each assay it is read how well molecules are ordered.
Beside ours stands what needs no assay: how often a molecule is active in whatever it is tested in.
"""

import numpy as np
import pandas as pd
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score

from polymodal import run
from polymodal.data import sets
from polymodal.data.sets.toxcast import TABLE
from polymodal.recipes.base import Finding, Kitchen, Recipe, Told
from polymodal.run.fitting import Fitted
from polymodal.spec import Spec
from polymodal.training.predicting import outputs

__all__ = ["RECIPE"]

FAMILIES = ("BSK", "NVS", "TOX21")
"""Held out one after another: the largest, without ATG, on which it was chosen how to go about it."""
CELLS, TASTE = 300_000, 500
"""Cells that are learned from, drawn from a million; of a taste."""
LEAST = 5
"""Actives, and inactives, of the test that an assay is read by at least."""
PENALTIES = (1e2, 1e3, 1e4, 1e5)


def _cook(kitchen: Kitchen) -> Told:
    cells, tables, found = pd.read_parquet(sets.named("toxcast").ready() / TABLE), [], []
    for family in FAMILIES[:1] if kitchen.tiny else FAMILIES:
        known = cells[(cells["part"] == "train") & (cells["family"] != family)]
        asked = cells[(cells["part"] == "test") & (cells["family"] == family)]
        tables.append(_areas(_fitted(kitchen, family, known, asked), known))
        found += _means(tables[-1], family)
    return Told(_means(pd.concat(tables), "all") + found)


def _means(table: pd.DataFrame, family: str) -> list[Finding]:
    return [Finding(f"{family}, mean auroc, {who}", float(table[who].mean()), None, len(table)) for who in table]


def _fitted(kitchen: Kitchen, family: str, known: pd.DataFrame, asked: pd.DataFrame) -> Fitted:
    """A model that learned from some of the known cells, beside those that are asked."""
    drawn = known.sample(min(TASTE if kitchen.tiny else CELLS, len(known)), random_state=kitchen.seed)
    if kitchen.tiny:
        most = asked.groupby("assay", observed=True)["active"].sum().idxmax()
        asked = asked[asked["assay"] == most].head(TASTE)
    place = kitchen.out / family
    table = place.with_suffix(".parquet").resolve()
    pd.concat([drawn, asked]).to_parquet(table, index=False)
    plain = sets.named("toxcast").spec() | ASSAYS
    plain["data"] |= {"table": str(table)}
    if not (place / "metrics.json").exists():
        kitchen.note(f"{family}: learning without it")
        run.fit(kitchen.seeded(Spec.from_dict(plain, name="toxcast")), place, resume=place.exists())
    return run.open_run(place).fitted


def _areas(fitted: Fitted, known: pd.DataFrame) -> pd.DataFrame:
    """(assays, models) areas under the curve of test rows, of assays with enough of both answers."""
    rows = fitted.split.test
    told = outputs(fitted.model, fitted.samples, rows)["active"]
    made = {"ours": told[:, -1].numpy(), "frequent hitters": _hitters(fitted, known)}
    table, found = fitted.table.frame.iloc[rows].assign(**made), {}
    for assay, part in table.groupby("assay", observed=True):
        if LEAST <= part["active"].sum() <= len(part) - LEAST:
            found[assay] = {who: roc_auc_score(part["active"], part[who]) for who in made}
    return pd.DataFrame(found).T


def _hitters(fitted: Fitted, known: pd.DataFrame) -> np.ndarray:
    """(test rows,) the share of assays that a molecule is active in, as ridge regression tells it by its pieces.

    It learns from all known cells of the molecules that ours learns from, and weighs each molecule by their number.
    Validation molecules choose the penalty, and are learned from then.
    """
    shares = known.groupby("molecule")["active"].agg(["mean", "size"])
    train, validation, test = (_molecules(fitted, rows) for rows in vars(fitted.split).values())
    both = pd.concat([train, validation])

    def model(pieces: pd.DataFrame, penalty: float) -> Ridge:
        truth = shares.loc[pieces.index]
        return Ridge(alpha=penalty).fit(pieces.to_numpy(), truth["mean"], sample_weight=truth["size"])

    truth = shares.loc[validation.index]
    errors = [
        np.average((model(train, each).predict(validation.to_numpy()) - truth["mean"]) ** 2, weights=truth["size"])
        for each in PENALTIES
    ]
    told = model(both, PENALTIES[int(np.argmin(errors))]).predict(test.to_numpy())
    asked = fitted.table.frame["molecule"].iloc[fitted.split.test]
    return pd.Series(told, test.index).loc[asked].to_numpy()


def _molecules(fitted: Fitted, rows: np.ndarray) -> pd.DataFrame:
    """(molecules, 2048) logarithms of how often each circular piece is in each molecule of some rows."""
    numbers = fitted.table.frame["molecule"].iloc[rows]
    first = np.asarray(rows)[~numbers.duplicated().to_numpy()]
    reader, cells = fitted.samples.inputs["molecule"]
    pieces = np.nan_to_num(np.asarray(reader.plain(cells, first)[0].values, dtype=np.float32))
    return pd.DataFrame(pieces, index=fitted.table.frame["molecule"].iloc[first].to_numpy())


# Decisions by molecule and by name add up, so that the name moves all molecules of an assay alike. On ATG, with 100,000
# cells, that has .612; where both may act on each other (products) new assays are ordered worse, .575. 300,000: .621.
ASSAYS = {
    "modalities": {
        "molecule": {"type": "molecule", "column": "smiles", "encoder": "fingerprint"},
        "assay": {"type": "text", "columns": ["words"]},
    },
    "model": {"width": 128, "fusion": {"type": "late"}},
    "train": {"epochs": 2, "batch_size": 1024, "members": 1},
}
RECIPE = Recipe("chemistry_assays", "Whether a new molecule is active in a new assay", ("toxcast",), _cook)
