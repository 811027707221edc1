"""In which mood does a stranger speak: seven emotions, each of ten speakers held out in turn.

Nothing is chosen on the speaker who is asked: who says when to stop is carved out of the other nine. What the modality
does by default was settled on the speakers in `SEEN`; the others are told by themselves, too.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from polymodal.data.sets.emodb import MOODS, SPEAKERS
from polymodal.recipes.base import Finding, Kitchen, Recipe, Told
from polymodal.tasks.intervals import intervals
from polymodal.tasks.metrics import Answers

__all__ = ["RECIPE"]

SEEN = ("03", "08", "09", "10", "11")
"""Speakers on whose clips the defaults for sounds were compared."""

TASTE = 2


def _cook(kitchen: Kitchen) -> Told:
    asked, parts = SPEAKERS[:TASTE] if kitchen.tiny else SPEAKERS, []
    plain: dict[str, float] = {}
    for speaker in asked:
        name = f"speaker_{speaker}"
        spec = kitchen.spec("emodb", {"data": {"split": {"column": "speaker", "test": [speaker]}}})
        told = kitchen.fitted(name, spec)["tasks"]["emotion"]
        for floor, entry in told["baselines"].items():
            plain[floor] = plain.get(floor, 0.0) + entry["metrics"]["accuracy"] * entry["n"]
        made = pd.read_parquet(kitchen.out / name / "predictions.parquet").query("split == 'test'")
        parts.append(made.assign(speaker=speaker, sentence=made["id"].str[2:5]))
    made = pd.concat(parts, ignore_index=True)
    right = made["emotion.prediction"] == made["emotion.target"]
    found = _over(made, "speakers held out, ")
    fresh = made[~made["speaker"].isin(SEEN)]
    found += _over(fresh, "the five whom no choice was made on, ") if len(fresh) else []
    found += [Finding(f"accuracy of a plain model: {floor}", hits / len(made)) for floor, hits in plain.items()]
    for what, column in (("recall of", "emotion.target"), ("sentence", "sentence"), ("speaker", "speaker")):
        for value, rows in right.groupby(made[column]):
            found.append(Finding(f"{what} {value}", float(rows.mean()), None, len(rows)))
    return Told(found, [f"speaker_{speaker}/report.html" for speaker in asked])


def _over(made: pd.DataFrame, what: str) -> list[Finding]:
    """Accuracy, and the mean recall of the emotions; whole speakers are drawn for the intervals."""
    truth, said = made["emotion.target"].to_numpy(), made["emotion.prediction"].to_numpy()
    chances = made[[f"emotion.probability.{mood}" for mood in CLASSES]].to_numpy()
    bounds = intervals(Answers("classes", truth, said, chances, CLASSES), made["speaker"].to_numpy())
    right = truth == said
    values = {
        "accuracy": float(right.mean()),
        "balanced_accuracy": float(np.mean([right[truth == mood].mean() for mood in np.unique(truth)])),
    }
    return [Finding(f"{what}{metric}", value, bounds.get(metric), len(made)) for metric, value in values.items()]


CLASSES: Sequence[str] = sorted(MOODS.values())
RECIPE = Recipe("speech_emotion", "In which mood a stranger speaks", ("emodb",), _cook)
