"""Say what a drawn picture shows, and judge by whether it is true, of combinations never seen, too.

The drawn world is synthetic. A picture has many true captions, of which each row holds one, so that an exact match
asks for luck; but the scene is known, and so is whether a caption names all of its objects and tells the truth of them.
"""

import json

import numpy as np

from polymodal import run
from polymodal.data.sets.drawn_scenes import Thing, is_true_of, understood
from polymodal.recipes.base import Finding, Kitchen, Recipe, Told, figure
from polymodal.report import Card, contact_sheet
from polymodal.report.found import picture_of
from polymodal.training.predicting import answers, outputs

__all__ = ["RECIPE"]


def _cook(kitchen: Kitchen) -> Told:
    told = kitchen.fitted("caption", kitchen.spec("drawn_world", CHANGE, "scenes.parquet"))
    found = [figure(told, "caption", metric, f"captions, {metric}") for metric in ("exact_match", "chrf")]
    opened = run.open_run(kitchen.out / "caption")
    fitted, rows = opened.fitted, opened.fitted.split.test
    made = answers(fitted.model, fitted.samples, rows, outputs(fitted.model, fitted.samples, rows))["caption"]
    written, truth, rows = made[0].prediction, made[1], rows[made[2]]
    frame = fitted.table.frame.iloc[rows]
    right = np.array([_is_true(str(text), scene) for text, scene in zip(written, frame["scene"], strict=True)])
    unseen = frame["unseen"].to_numpy().astype(bool)
    every = np.ones(len(unseen), dtype=bool)
    for there, what in ((every, ""), (unseen, " of combinations never seen"), (~unseen, " of combinations seen")):
        share = float(np.mean(right[there])) if there.any() else 0.0
        found.append(Finding(f"captions that are true and whole{what}", share, None, int(there.sum())))
    cards = [
        Card([picture_of(fitted.table, "picture", int(rows[at]))], [str(written[at]), f"true: {truth[at]}"])
        for at in range(min(12, len(rows)))
    ]
    contact_sheet("Captions of pictures that were never seen", cards, kitchen.out / "captions")
    return Told(found, ["captions.png", "caption/report.html"])


def _is_true(text: str, scene: str) -> bool:
    told = understood(text)
    return told is not None and is_true_of(told, tuple(Thing(**thing) for thing in json.loads(scene)))


# What a caption tells of stands somewhere: patches know their place, and words take long to learn which one to look at.
PICTURE = {"type": "image", "column": "picture", "size": 48, "augment": 0, "tokens": "grid"}
CHANGE = {
    "data": {"group": None},
    "modalities": {"picture": PICTURE | {"encoder": "patches", "patch": 8, "layers": 2}},
    "tasks": {"caption": {"type": "caption", "target": "caption", "vocabulary": 320}},
    "train": {"epochs": 40},
}
RECIPE = Recipe("vision_caption", "Say what a drawn picture shows", ("drawn_world",), _cook)
