"""Layers of the cortex: found without labels in each of three sections, and told in a section that no label was of.

Without labels, a net learns to tell the genes of spots that are hidden from it by what is around them; spots are then
parted by what they express and by what is expected of them. Nothing is chosen on the layers that experts drew: settings
are usual ones, or were compared by how well hidden spots are told, by the likelihood of the other half of the counts,
and by how much clusterings of several seeds agree.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_rand_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from polymodal import run
from polymodal.data import sets
from polymodal.data.sets.dlpfc import LAYERS, SLICES, TABLE
from polymodal.evaluation.domains import averaged, domains, expected, smoothed
from polymodal.model import Model
from polymodal.recipes.base import Finding, Kitchen, Recipe, Told, figure
from polymodal.report import Card, contact_sheet
from polymodal.report.spots import spots_picture

__all__ = ["RECIPE"]

# What a spot expresses is told by all genes of its slide, in 30 directions; 3 rounds of messages reach 37 spots.
SECTION: dict[str, Any] = {"type": "tissue", "column": "file", "genes": "all", "directions": 30, "layers": 3}
BLIND: dict[str, Any] = {"layers": 0}
SEEN: dict[str, Any] = {"picture": "lowres"}
ALONE: Mapping[str, dict[str, Any]] = {"": {}, " without space": BLIND, " with the picture": SEEN}
TAUGHT: Mapping[str, dict[str, Any]] = {
    "genes": {},
    "genes without space": BLIND,
    "genes and picture": SEEN,
    "both without space": BLIND | SEEN,
}


def _cook(kitchen: Kitchen) -> Told:
    truth = pd.read_parquet(sets.named("dlpfc").ready() / TABLE).set_index("slice")["layers"]
    asked = SLICES[:1] if kitchen.tiny else SLICES
    found, cards, files = [], [], ["domains.png"]
    for variant, change in _some(ALONE, kitchen):
        figures = []
        for name in asked:
            layers = np.array([layer or "" for layer in truth[name]])
            labels, plain, places = _parted(kitchen, name, variant, change)
            figures.append(_agreement(layers, labels))
            found.append(Finding(f"section {name}{variant}, ari", figures[-1], None, int((layers != "").sum())))
            if not variant:
                what = f"section {name}, ari of directions averaged over 18 neighbours"
                found.append(Finding(what, _agreement(layers, plain)))
                sides = {"drawn by experts": layers, "found": _matched(labels, layers)}
                drawn = {side: spots_picture(places, each.tolist(), LAYERS) for side, each in sides.items()}
                cards += [Card([picture], [f"{name}, {side}"]) for side, picture in drawn.items()]
        found.append(Finding(f"middle one of the sections{variant}, ari", float(np.median(figures))))
    contact_sheet("Layers of the cortex", cards, kitchen.out / "domains", columns=2)
    for variant, change in _some(TAUGHT, kitchen):
        place = variant.replace(" ", "_")
        right = [_told(kitchen, name, f"{place}-{name}", change, f"{name} told by {variant}") for name in asked]
        found += [*right, Finding(f"told by {variant}, token_accuracy", _mean(right))]
        if not change:
            floor = [_plainly(kitchen, name, f"{place}-{name}", truth) for name in asked]
            found += [*floor, Finding("told by a plain model: linear, token_accuracy", _mean(floor))]
        files += [f"{place}-{name}/report.html" for name in asked]
    return Told(found, files)


def _some(variants: Mapping[str, dict[str, Any]], kitchen: Kitchen) -> list[tuple[str, dict[str, Any]]]:
    return list(variants.items())[: 1 if kitchen.tiny else None]


def _matched(labels: np.ndarray, layers: np.ndarray) -> np.ndarray:
    """Names for domains, so that the picture shows what is alike in one colour: the pairs that share most spots."""
    table = pd.crosstab(labels, layers).reindex(index=range(len(LAYERS)), columns=list(LAYERS), fill_value=0)
    rows, columns = linear_sum_assignment(-table.to_numpy())
    return np.array(LAYERS, dtype=object)[columns[np.argsort(rows)]][labels]


def _parted(kitchen: Kitchen, name: str, variant: str, change: dict[str, Any]) -> tuple[np.ndarray, ...]:
    """A domain for each spot of a section; the same by directions averaged over neighbours; and where spots are."""
    others = [other for other in SLICES if other != name]
    spec = kitchen.spec(
        "dlpfc",
        {
            "data": {"split": {"column": "slice", "test": others, "validation": 0}},
            "modalities": {"section": SECTION | {"hide": 0.0, "turn": False} | change},
            "objectives": {"hidden": {"type": "masked", "rate": 0.5, "layers": 0}},
            "train": {"epochs": STEPS, "batch_size": 1, "members": 1},
        },
    )
    place = kitchen.pretrained(f"alone{variant.replace(' ', '_')}-{name}", spec)
    _, model, table = run.opened_table(place)
    reader, row = model.modalities["section"].reader, np.flatnonzero(table.column("slice").astype(str) == name)
    values = reader.collate(reader.read(table), row)[0]
    places = values.data["places"][0].numpy()
    held, told = expected(cast(Model, model.members[0]), "section", values, kitchen.seed)
    found = smoothed(domains(held, told, len(LAYERS), kitchen.seed), places)
    return found, domains(averaged(held, places), told, len(LAYERS), kitchen.seed, own=1.0), places


def _agreement(layers: np.ndarray, labels: np.ndarray) -> float:
    """The adjusted Rand index over spots with a layer (Hubert and Arabie 1985)."""
    return float(adjusted_rand_score(layers[layers != ""], labels[layers != ""]))


def _told(kitchen: Kitchen, name: str, place: str, change: dict[str, Any], what: str) -> Finding:
    """How many spots of a section get their layer, by a model that learned from the two others."""
    spec = kitchen.spec(
        "dlpfc",
        {
            "data": {"split": {"column": "slice", "test": [name], "validation": 0}},
            "modalities": {"section": SECTION | change},
            "train": {"epochs": PASSES, "batch_size": 1, "members": 1},
        },
    )
    return figure(kitchen.fitted(place, spec), "layer", "token_accuracy", f"{what}, token_accuracy")


def _plainly(kitchen: Kitchen, name: str, place: str, truth: pd.Series) -> Finding:
    """The same by logistic regression on what spots hold and what the 18 around them hold on average."""
    fitted, known = run.open_run(kitchen.out / place).fitted, {}
    reader, cells = fitted.samples.inputs["section"]
    for row, each in enumerate(fitted.table.column("slice").astype(str)):
        data = reader.collate(cells, np.array([row]))[0].data
        held, layers = data["genes"][0].numpy(), np.array([layer or "" for layer in truth[each]])
        told = np.hstack([held, averaged(held, data["places"][0].numpy())])
        known[each] = told[layers != ""], layers[layers != ""]
    asked = known.pop(name)
    seen, layers = (np.concatenate(part) for part in zip(*known.values(), strict=True))
    right = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(seen, layers).score(*asked)
    return Finding(f"{name} told by a plain model: linear, token_accuracy", float(right), None, len(asked[1]))


def _mean(found: Sequence[Finding]) -> float:
    return float(np.mean([one.value for one in found]))


# A step of training takes a whole section. Hidden spots are told no better after 200 steps.
STEPS = 300
# Two sections to learn from, and none to say when to stop.
PASSES = 60
RECIPE = Recipe("tissue_domains", "Layers of the cortex, found and told", ("dlpfc",), _cook)
