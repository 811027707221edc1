"""End-to-end stories on real data, one file each: what is asked, what is trained, what came out.

    polymodal recipe list
    polymodal recipe run senses_digits --out digits

A recipe trains by specs and `run` alone; it has no loop of its own. `--tiny` cooks a taste of it in a minute.

To add a recipe: one module here that defines RECIPE.
"""

import json
from dataclasses import asdict, replace
from importlib import import_module
from pkgutil import iter_modules

from polymodal.core import UsageProblem, did_you_mean
from polymodal.data import sets
from polymodal.recipes.base import Finding, Kitchen, Recipe, Told
from polymodal.report import lines_picture

__all__ = ["Finding", "Kitchen", "Recipe", "Told", "cooked", "listed", "named"]


def listed() -> list[Recipe]:
    """Every recipe, by name."""
    modules = [each.name for each in iter_modules(__path__) if each.name != "base"]
    return [import_module(f"{__name__}.{name}").RECIPE for name in sorted(modules)]


def named(name: str) -> Recipe:
    """One recipe. Raises UsageProblem, with the nearest name, where there is none."""
    known = {each.name: each for each in listed()}
    if name in known:
        return known[name]
    raise UsageProblem(
        "no-such-recipe",
        where="NAME",
        expected=f"one of {', '.join(known)}",
        found=repr(name),
        remedy=did_you_mean(name, known),
    )


def cooked(recipe: Recipe, kitchen: Kitchen) -> Told:
    """Cook a recipe; what it found goes to result.json and findings.png in its folder, too.

    Raises DataError, before anything is trained, where one of its data sets is not there.
    """
    for needed in recipe.sets:
        sets.named(needed).find()
    kitchen.out.mkdir(parents=True, exist_ok=True)
    told = recipe.cook(kitchen)
    lines = [(found.what, found.value, found.interval) for found in told.findings]
    drawn = lines_picture(recipe.title + (" (a taste)" if kitchen.tiny else ""), lines, kitchen.out / "findings.png")
    told = replace(told, files=[*told.files, drawn.name])
    document = {"recipe": recipe.name, "tiny": kitchen.tiny, "seed": kitchen.seed, **asdict(told)}
    (kitchen.out / "result.json").write_text(json.dumps(document, indent=1), encoding="utf-8")
    return told
