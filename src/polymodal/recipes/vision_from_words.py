"""Draw a small picture from words, on combinations of colour and shape that training never showed.

Whether a drawing shows what was asked is told by a classifier that was trained apart, on true pictures alone; beside
each drawing stands the nearest training picture, so that a copy would be seen as one.
"""

import numpy as np
import pandas as pd
from PIL import Image

from polymodal import run
from polymodal.recipes.base import Finding, Kitchen, Recipe, Told
from polymodal.report import Card, contact_sheet
from polymodal.report.found import picture_of
from polymodal.training.predicting import outputs

__all__ = ["RECIPE"]


def _cook(kitchen: Kitchen) -> Told:
    spec = kitchen.spec("drawn_world", CHANGE, "words.parquet")
    kitchen.fitted("drawer", spec)
    opened = run.open_run(kitchen.out / "drawer")
    fitted, rows = opened.fitted, opened.fitted.split.test
    task = fitted.model.tasks["drawing"]
    drawn = task.decode(outputs(fitted.model, fitted.samples, rows)["drawing"]).prediction
    folder = kitchen.out / "drawn"
    folder.mkdir(exist_ok=True)
    asked = fitted.table.frame.iloc[rows].reset_index(drop=True)
    for at, pixels in enumerate(drawn):
        Image.fromarray(pixels).save(folder / f"{at}.png")
    judged = _judged(kitchen, spec.tables[0], asked)
    pairs = zip(judged, asked["caption"], strict=True)
    right = np.array([all(word in caption for word in words) for words, caption in pairs])
    unseen = asked["unseen"].to_numpy().astype(bool)
    found = [
        Finding(f"drawings recognised, {what}", float(right[there].mean()), None, int(there.sum()))
        for there, what in ((unseen, "combinations never seen"), (~unseen, "combinations seen"))
        if there.any()
    ]
    learned = fitted.split.train
    near = _nearest(drawn, np.stack([np.asarray(picture_of(fitted.table, "picture", int(row))) for row in learned]))
    cards = [
        Card(
            [Image.fromarray(drawn[at]), picture_of(fitted.table, "picture", int(learned[near[at]]))],
            [str(asked["caption"][at]), "left: drawn; right: nearest in training"],
        )
        for at in asked[unseen].drop_duplicates("caption").groupby("combination").head(3).index[:12]
    ]
    contact_sheet("Drawn from words, combinations never seen", cards, kitchen.out / "drawings", columns=2)
    return Told(found, ["drawings.png", "drawer/report.html"])


def _judged(kitchen: Kitchen, table: object, asked: pd.DataFrame) -> list[tuple[str, str]]:
    """Colour and shape that the classifier sees in each drawing; it learns from true pictures of all combinations."""
    frame = pd.read_parquet(str(table))
    frame[["colour", "shape"]] = frame["combination"].str.split(" ", n=1, expand=True)
    frame["part"] = np.where(np.arange(len(frame)) % 5 == 0, "test", "train")
    truth, shown = kitchen.out / "true.parquet", kitchen.out / "drawn.parquet"
    frame.to_parquet(truth, index=False)
    spec = kitchen.spec("drawn_world", {"data": {"group": None}, "modalities": SEEN, "tasks": NAMED}, "words.parquet")
    plain = spec.to_dict()
    plain["data"] |= {"table": str(truth.resolve()), "split": {"column": "part", "test": ["test"]}}
    kitchen.fitted("classifier", spec.replaced(plain))
    pd.DataFrame({"picture": [f"{at}.png" for at in range(len(asked))]}).to_parquet(shown, index=False)
    told = kitchen.out / "recognised.csv"
    run.predict(kitchen.out / "classifier", shown, told, kitchen.out / "drawn", overwrite=True)
    seen = pd.read_csv(told)
    return list(zip(seen["colour.prediction"], seen["shape.prediction"], strict=True))


def _nearest(drawn: np.ndarray, learned: np.ndarray) -> np.ndarray:
    """(n,) the place of the training picture nearest to each drawing, by squared difference."""
    ours, theirs = (each.reshape(len(each), -1).astype(np.float32) / 255 for each in (drawn, learned))
    away = (ours**2).sum(1)[:, None] - 2 * ours @ theirs.T + (theirs**2).sum(1)[None]
    return np.asarray(away.argmin(axis=1))


CHANGE = {
    "data": {"group": None},
    "modalities": {
        "words": {"type": "text", "columns": ["caption"], "encoder": "transformer", "tokens": "all", "drop": 0.0}
    },
    "tasks": {"drawing": {"type": "picture", "target": "picture", "size": 32}},
    # Colours and places come within ten passes, the outlines of shapes later.
    "train": {"epochs": 40},
}
SEEN = {"picture": {"type": "image", "column": "picture", "size": 32}}
NAMED = {name: {"type": "multiclass", "target": name} for name in ("colour", "shape")}
RECIPE = Recipe("vision_from_words", "Draw a small picture from words", ("drawn_world",), _cook)
