"""Heads for assays that nobody has run, made from their names, beside the mean head and heads that learned from data.

A family of assays is held out, molecules have new scaffolds, a hypernetwork makes each head from a name. It is told
how far the name leads from the mean head of known assays to one that learned from the assay's own cells.
"""

import copy
from typing import cast

import numpy as np
import pandas as pd
import torch
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from polymodal import run
from polymodal.core.masking import keep
from polymodal.core.seeding import numpy_generator
from polymodal.data import sets
from polymodal.data.base import DataTable
from polymodal.data.sets.toxcast import TABLE
from polymodal.model import Ensemble, Model
from polymodal.recipes.base import Finding, Kitchen, Recipe, Told
from polymodal.run.fitting import Fitted, read_samples
from polymodal.spec import Spec
from polymodal.tasks.family import HyperHead
from polymodal.training.batches import sweep
from polymodal.training.predicting import outputs

__all__ = ["RECIPE"]

FAMILIES = ("BSK", "NVS", "TOX21")
"""Held out one after another: the largest, without ATG, on which it was chosen how to go about it."""
CELLS, TASTE, LEAST = 100_000, 500, 5
"""Cells that are learned from; of a taste; and actives, and inactives, that an assay is read by at least."""
PENALTIES = (1e-3, 1e-2, 1e-1, 1.0)


def _cook(kitchen: Kitchen) -> Told:
    cells, tables, found = pd.read_parquet(sets.named("toxcast").ready() / TABLE), [], []
    for family in FAMILIES[:1] if kitchen.tiny else FAMILIES:
        held = cells[cells["family"] == family]
        held = held[held["assay"] == held["assay"].value_counts().idxmax()] if kitchen.tiny else held
        known = cells[(cells["part"] == "train") & (cells["family"] != family)]
        own, asked = held[held["part"] == "train"], held[held["part"] == "test"].reset_index(drop=True)
        fitted = _fitted(kitchen, family, known, asked)
        tables.append(_areas(asked, _told(fitted, asked) | _heads(fitted, own, asked)))
        found += _figures(tables[-1], family)
    return Told(_figures(pd.concat(tables), "all") + found)


def _fitted(kitchen: Kitchen, family: str, known: pd.DataFrame, asked: pd.DataFrame) -> Fitted:
    drawn, place = known.sample(TASTE if kitchen.tiny else CELLS, random_state=kitchen.seed), kitchen.out / family
    table = place.with_suffix(".parquet").resolve()
    pd.concat([drawn, asked]).to_parquet(table, index=False)
    plain = sets.named("toxcast").spec() | HEADS
    plain["data"] |= {"table": str(table)}
    if not (place / "metrics.json").exists():
        kitchen.note(f"{family}: learning without it")
        run.fit(kitchen.seeded(Spec.from_dict(plain, name="toxcast")), place, resume=place.exists())
    return run.open_run(place).fitted


def _told(fitted: Fitted, asked: pd.DataFrame) -> dict[str, np.ndarray]:
    samples, every = read_samples(DataTable(asked), fitted.model, targets=()), np.arange(len(asked))
    made = outputs(fitted.model, samples, every)["active"]
    usual = outputs(_averaged(fitted), samples, every, lambda batch: batch.only({"molecule"}))["active"]
    return {who: told[:, -1].numpy() for who, told in (("names", made), ("mean head", usual))}


def _averaged(fitted: Fitted) -> Ensemble:
    """The model with the mean code of known assays where nothing is described: of linear heads, that is their mean."""
    learned = np.concatenate([fitted.split.train, fitted.split.validation])
    first = learned[~fitted.table.frame["assay"].iloc[learned].duplicated().to_numpy()]
    made = copy.deepcopy(fitted.model)
    model = cast("Model", made.members[0])
    head = cast("HyperHead", model.heads["active"])
    with torch.no_grad():
        head.shift.add_(head.codes(model.represent(fitted.samples.batch(first)))[0].mean(0))
    return made


def _heads(fitted: Fitted, own: pd.DataFrame, asked: pd.DataFrame) -> dict[str, np.ndarray]:
    """{who: (cells,)}: what heads tell that learned from an assay's own cells, behind our trunk and on pieces alone."""
    both = pd.concat([own, asked]).drop_duplicates("molecule").reset_index(drop=True)
    samples, every = read_samples(DataTable(both), fitted.model, targets=()), np.arange(len(both))
    model = cast("Model", fitted.model.members[0])
    with torch.no_grad():
        seen = [model.represent(batch.only({"molecule"})) for batch in sweep(samples, every, 512)]
    trunk = np.concatenate([keep(each.pooled, each.view_mask).flatten(1).numpy() for each in seen])
    trunk = (trunk - trunk.mean(0)) / np.where(trunk.std(0) > 0, trunk.std(0), 1.0)
    reader, held = samples.inputs["molecule"]
    pieces = np.nan_to_num(np.asarray(reader.plain(held, every)[0].values, dtype=np.float64))
    features, place = {"own head": trunk, "own pieces": pieces}, pd.Series(every, both["molecule"])
    return {who: _learned(sparse.csr_matrix(each), place, own, asked) for who, each in features.items()}


def _learned(features: sparse.csr_matrix, place: pd.Series, own: pd.DataFrame, asked: pd.DataFrame) -> np.ndarray:
    """(cells,) logistic regression of each assay; a fifth of its molecules choose one penalty for every third assay."""
    taught = {assay: part for assay, part in own.groupby("assay", observed=True) if part["active"].nunique() == 2}
    molecules = np.sort(own["molecule"].unique())
    some = numpy_generator(0, "tasks_from_words").permutation(molecules)[: len(molecules) // 5]

    def told(part: pd.DataFrame, other: pd.DataFrame, penalty: float) -> np.ndarray:
        rows, asked = (features[place[each["molecule"]].to_numpy()] for each in (part, other))
        made = LogisticRegression(C=penalty, solver="liblinear", random_state=0).fit(rows, part["active"])
        return np.asarray(made.decision_function(asked))

    areas: dict[float, list[float]] = {penalty: [] for penalty in PENALTIES}
    for part in list(taught.values())[::3]:
        away = part["molecule"].isin(some)
        if min(part[away]["active"].nunique(), part[~away]["active"].nunique()) == 2:
            for penalty, found in areas.items():
                found.append(float(roc_auc_score(part[away]["active"], told(part[~away], part[away], penalty))))
    best, answer = max(PENALTIES, key=lambda each: float(np.mean(areas[each] or [0.0]))), np.zeros(len(asked))
    for assay, rows in asked.groupby("assay", observed=True).indices.items():
        answer[rows] = told(taught[assay], asked.iloc[rows], best) if assay in taught else 0.0
    return answer


def _areas(asked: pd.DataFrame, made: dict[str, np.ndarray]) -> pd.DataFrame:
    found = {}
    for assay, part in asked.assign(**made).groupby("assay", observed=True):
        if LEAST <= part["active"].sum() <= len(part) - LEAST:
            found[assay] = {who: roc_auc_score(part["active"], part[who]) for who in made}
    return pd.DataFrame(found).T


def _figures(table: pd.DataFrame, family: str) -> list[Finding]:
    """Mean areas, and how far names lead from the mean head to an own head; intervals draw assays."""
    found = [Finding(f"{family}, mean auroc, {who}", float(table[who].mean()), None, len(table)) for who in table]
    drawn = numpy_generator(0, "assays").integers(0, len(table), (1000, len(table)))
    gained, whole = (table[who].to_numpy() - table["mean head"].to_numpy() for who in ("names", "own head"))
    low, high = np.percentile(gained[drawn].mean(1) / whole[drawn].mean(1), [2.5, 97.5])
    way, what = float(gained.mean() / whole.mean()), f"{family}, way from the mean head to an own head"
    return [*found, Finding(what, way, (float(low), float(high)) if low <= way <= high else None, len(table))]


# On ATG, names led below the mean head whatever the gain, the less so the smaller it was.
HEADS = {
    "modalities": {
        "molecule": {"type": "molecule", "column": "smiles", "encoder": "fingerprint"},
        "words": {"type": "text", "columns": ["words"]},
    },
    "tasks": {"active": {"type": "family", "target": "active", "member": "assay", "described": ["words"], "gain": 0.1}},
    "model": {"width": 128, "fusion": {"type": "late"}},
    "train": {"epochs": 2, "batch_size": 1024, "members": 1},
}
RECIPE = Recipe("tasks_from_words", "Heads for new assays from their names", ("toxcast",), _cook)
