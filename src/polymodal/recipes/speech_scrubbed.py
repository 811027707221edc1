"""What was said, without who said it: digits and strings of digits, and what fresh probes still read of the speaker.

Each question is learned three times on the same rows: as it comes, against a second net that reads the speaker, and
with a penalty on what depends on the speaker. The same six people speak in every part, which is the hard case for
whoever wants to forget voices: they are known. Strings of digits are joined of real clips, and read by CTC.
"""

from typing import Any

from polymodal import run
from polymodal.data import sets
from polymodal.data.sets.fsdd import STRINGS
from polymodal.evaluation.probes import probes
from polymodal.recipes.base import Finding, Kitchen, Recipe, Told, figure
from polymodal.spec import Spec

__all__ = ["RECIPE"]


def _cook(kitchen: Kitchen) -> Told:
    found, files = [], []
    for question, (metric, what) in TOLD.items():
        for way, objective in WAYS.items():
            name = f"{question}-{way}"
            told = kitchen.fitted(name, _asked(kitchen, question, objective))
            found.append(figure(told, question, metric, f"{what}, {way}"))
            left = told.get("probes") or probes(run.open_run(kitchen.out / name), ["speaker"], seed=kitchen.seed)
            found += _read(left.get("speaker", {"layers": {}}), f"{question}, {way}: speaker")
            files.append(f"{name}/report.html")
    return Told(found, files)


def _asked(kitchen: Kitchen, question: str, objective: dict[str, Any]) -> Spec:
    """One question, learned one way."""
    change: dict[str, Any] = {"model": {"width": 64}, "train": {"members": 1, "epochs": EPOCHS[question]}}
    if objective:
        strength = STRENGTHS[question] if objective["type"] == "adversarial" else {}
        change["objectives"] = {"hidden": {"column": "speaker"} | objective | strength}
    if question == "digit":
        return kitchen.spec("fsdd", change)
    change["data"] = {"files": str(sets.named("fsdd").ready()), "id": "string"}
    change["modalities"] = {"speech": {"type": "audio", "column": "file", "tokens": "steps"}}
    change["tasks"] = {"string": {"type": "transcript", "target": "digits", "of": "speech"}}
    return kitchen.spec("fsdd", change, STRINGS)


def _read(left: dict[str, Any], what: str) -> list[Finding]:
    """What fresh probes read of the speaker on the two layers, a linear one and one with a hidden layer."""
    found = []
    for layer, each in left["layers"].items():
        for probe, told in each.items():
            bounds = told["intervals"].get("accuracy")
            found.append(Finding(f"{what} read off {layer} ({probe})", told["metrics"]["accuracy"], bounds, told["n"]))
    return found


TOLD = {"digit": ("accuracy", "digits right"), "string": ("character_error_rate", "digits of strings wrong")}
EPOCHS = {"digit": 90, "string": 60}
WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "adversarial": {"type": "adversarial"},
    "independence": {"type": "independence"},
}
# Five times as strong, a second net keeps strings from ever being read: nothing is written at all.
STRENGTHS = {"digit": {"weight": 0.5}, "string": {"weight": 0.1}}
RECIPE = Recipe("speech_scrubbed", "What was said, without who said it", ("fsdd",), _cook)
