"""Lesions in drawn heads (synthetic): which half one lies in, and how large it is, by a scan and a table.

Files store their axes in six ways; the header tells which. The same scans are read once more as they are stored, to
show what is lost where headers are passed over. A sixth of the people have no scan: the table is all that is known of
them.
"""

from collections.abc import Mapping
from typing import Any

from polymodal.recipes.base import Finding, Kitchen, Recipe, Told, figure

__all__ = ["RECIPE"]

SENSES = ("scan", "person")


def _cook(kitchen: Kitchen) -> Told:
    spec = kitchen.spec("drawn_volumes", {"train": TRAIN})
    both = kitchen.fitted("both", spec)
    found = _figures(both, "scan and table")
    for sense in SENSES:
        plain = spec.to_dict()
        plain["modalities"] = {sense: plain["modalities"][sense]}
        found += _figures(kitchen.fitted(sense, spec.replaced(plain)), f"{sense} alone")
    stored = spec.to_dict()
    stored["modalities"]["scan"]["oriented"] = False
    found += _figures(kitchen.fitted("stored", spec.replaced(stored)), "axes as they are stored")
    for task, metric in (("hemisphere", "accuracy"), ("volume", "mae")):
        for floor, told in both["tasks"][task]["baselines"].items():
            interval = told["intervals"].get(metric)
            found.append(
                Finding(f"{task}, {metric}, plain model: {floor}", told["metrics"][metric], interval, told["n"])
            )
        dark = both["tasks"][task]["dark"]["scan"]
        found.append(Finding(f"{task}, {metric}, scan gone dark", dark["metrics"][metric], None, dark["n"]))
    return Told(found, ["both/report.html"])


def _figures(told: Mapping[str, Any], what: str) -> list[Finding]:
    return [
        figure(told, "hemisphere", "accuracy", f"hemisphere, accuracy, {what}"),
        figure(told, "volume", "mae", f"volume, mae in ml, {what}"),
    ]


# One model and 20 passes: sides and volumes are learned by then (validation rows), in under a minute of one core.
TRAIN = {"epochs": 20, "members": 1}
RECIPE = Recipe("neuro_volumes", "Lesions in drawn heads (synthetic): side and volume", ("drawn_volumes",), _cook)
