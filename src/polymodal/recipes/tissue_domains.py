"""Layers of the cortex: found without labels in each of three sections, and told in a section that no label was of.

Without labels, a net learns to tell the genes of spots that are hidden from it by what is around them; spots are then
parted by what they express and by what is expected of them. Nothing is chosen on the layers that experts drew: settings
are usual ones, or were compared by how well hidden spots are told, by the likelihood of the other half of the counts,
and by how much clusterings of several seeds agree. Genes and picture are joined before a spot hears its neighbours, or
after that; where layers are taught, also by the mean of what two models say. (Of clusterings no such mean is made.)
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from polymodal import run
from polymodal.data import sets
from polymodal.data.sets.dlpfc import LAYERS, SLICES, TABLE
from polymodal.evaluation.domains import agreement, averaged, matched, parted
from polymodal.evaluation.together import told_together
from polymodal.model import Model
from polymodal.recipes.base import Finding, Kitchen, Recipe, Told, figure
from polymodal.report import Card, contact_sheet
from polymodal.report.spots import spots_picture
from polymodal.tasks.metrics import token_scores

__all__ = ["RECIPE"]

# What a spot expresses is told by all genes of its slide, in 30 directions; 3 rounds of messages reach 37 spots.
SECTION: dict[str, Any] = {"type": "tissue", "column": "file", "genes": "all", "directions": 30, "layers": 3}
BLIND: dict[str, Any] = {"layers": 0}
SEEN: dict[str, Any] = {"picture": "lowres"}
AFTER = SEEN | {"joined": "intermediate"}
ALONE: Mapping[str, dict[str, Any]] = {
    "": {},
    " without space": BLIND,
    " with the picture": SEEN,
    " with the picture joined after": AFTER,
}
TAUGHT: Mapping[str, dict[str, Any]] = {
    "genes": {},
    "genes without space": BLIND,
    "genes and picture": SEEN,
    "both without space": BLIND | SEEN,
    "genes and picture joined after": AFTER,
    "picture": SEEN | {"genes": "none"},
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
            figures.append(agreement(layers, labels))
            found.append(Finding(f"section {name}{variant}, ari", figures[-1], None, int((layers != "").sum())))
            if not variant:
                of_means = agreement(layers, plain)
                found.append(Finding(f"section {name}, ari of directions averaged over 18 neighbours", of_means))
                sides = {"drawn by experts": layers, "found": matched(labels, layers, LAYERS)}
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
    if not kitchen.tiny:
        late = [_together(kitchen, name) for name in asked]
        found += [*late, Finding("told by genes and picture apart, token_accuracy", _mean(late))]
    return Told(found, files)


def _some(variants: Mapping[str, dict[str, Any]], kitchen: Kitchen) -> list[tuple[str, dict[str, Any]]]:
    return list(variants.items())[: 1 if kitchen.tiny else None]


def _change(test: Sequence[str], section: dict[str, Any], epochs: int) -> dict[str, Any]:
    """What is said of the sections that are held out, of how the others are read, and of how long they teach."""
    return {
        "data": {"split": {"column": "slice", "test": test, "validation": 0}},
        "modalities": {"section": SECTION | section},
        "train": {"epochs": epochs, "batch_size": 1, "members": 1},
    }


def _parted(kitchen: Kitchen, name: str, variant: str, change: dict[str, Any]) -> tuple[np.ndarray, ...]:
    """A domain for each spot of a section; the same by directions averaged over neighbours; and where spots are."""
    others = [other for other in SLICES if other != name]
    hiding = {"objectives": {"hidden": {"type": "masked", "rate": 0.5, "layers": 0}}}
    spec = kitchen.spec("dlpfc", _change(others, {"hide": 0.0, "turn": False} | change, STEPS) | hiding)
    place = kitchen.pretrained(f"alone{variant.replace(' ', '_')}-{name}", spec)
    _, model, table = run.opened_table(place)
    reader, row = model.modalities["section"].reader, np.flatnonzero(table.column("slice").astype(str) == name)
    values = reader.collate(reader.read(table), row)[0]
    found = parted(cast(Model, model.members[0]), "section", values, len(LAYERS), kitchen.seed)
    return *found, values.data["places"][0].numpy()


def _told(kitchen: Kitchen, name: str, place: str, change: dict[str, Any], what: str) -> Finding:
    """How many spots of a section get their layer, by a model that learned from the two others."""
    spec = kitchen.spec("dlpfc", _change([name], change, PASSES))
    return figure(kitchen.fitted(place, spec), "layer", "token_accuracy", f"{what}, token_accuracy")


def _together(kitchen: Kitchen, name: str) -> Finding:
    """The same by the mean of what two models say, one of genes and one of the picture."""
    taught = [run.open_run(kitchen.out / f"{each}-{name}") for each in ("genes", "picture")]
    decoded, truth = told_together(taught, "layer")
    right = token_scores(truth, decoded.prediction, LAYERS)["token_accuracy"]
    return Finding(f"{name} told by genes and picture apart, token_accuracy", right, None, len(truth))


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
