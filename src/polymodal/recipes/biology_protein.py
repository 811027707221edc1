"""What a chain of amino acids tells of its fold, residue by residue: four questions by one net, and two of them alone.

From the sequence alone, without relatives: three states of structure (9,600 chains of FLIP, tested on CB513), how
conserved a residue is (9,000 chains), and for 230 chains of the docking benchmark eight states and how much of a
residue water reaches. The few chains of the last two are the reason to learn together. Every arm has as many steps.
No chain that is tested has a relative among those that teach.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from polymodal import run
from polymodal.data import sets
from polymodal.data.sets.protein import TABLE
from polymodal.evaluation import judge_run
from polymodal.evaluation.arms import Arm, Bench
from polymodal.evaluation.effects import effect
from polymodal.recipes.base import Finding, Kitchen, Recipe, Told, figure
from polymodal.report import build_report
from polymodal.spec import Spec

__all__ = ["RECIPE"]

TOLD = {
    "fold": ("token_accuracy", "three states, CB513 (Q3)"),
    "states": ("token_accuracy", "eight states, docking benchmark (Q8)"),
    "access": ("pearson", "accessibility, docking benchmark (Pearson)"),
    "conserved": ("token_accuracy", "conservation, nine classes"),
}
TASTE = 24


def _cook(kitchen: Kitchen) -> Told:
    bench = Bench(_asked(kitchen), kitchen.out, [kitchen.seed], note=kitchen.note)
    together = Arm(tuple(bench.names))
    opened = run.open_run(bench.folders(together)[0])
    told = judge_run(opened)
    build_report(opened.folder.path)
    found = [figure(told, task, *TOLD[task]) for task in bench.names]
    for task in ("access", "fold"):
        alone = Arm((task,))
        judged = run.open_run(bench.folders(alone)[0]).folder.read_json("metrics.json")
        found.append(figure(judged, task, TOLD[task][0], f"{TOLD[task][1]}, learned alone"))
        gain = effect(bench.scores(together)[task], bench.scores(alone)[task])
        bounds = None if gain.low is None or gain.high is None else [gain.low, gain.high]
        headline = bench.headlines[task]
        found.append(Finding(f"{task}: gain of learning together, {headline}", gain.difference, bounds))
    return Told(found + _floors(told), ["together_seed-0/report.html"])


def _asked(kitchen: Kitchen) -> Spec:
    """The spec of the set with all four questions; of a taste, with a few chains of every source."""
    own = sets.named("protein").spec()
    own["tasks"] |= MORE
    if not kitchen.tiny:
        return kitchen.seeded(Spec.from_dict(own, name="protein"))
    chains = pd.read_parquet(sets.named("protein").ready() / TABLE)
    table = (kitchen.out / "taste.parquet").resolve()
    chains.groupby(["source", "part"]).head(TASTE).reset_index(drop=True).to_parquet(table, index=False)
    own["data"] |= {"table": str(table)}
    return kitchen.seeded(Spec.from_dict(own, name="protein").override("train.epochs=1"))


def _floors(told: Mapping[str, Any]) -> list[Finding]:
    """What plain models reach, where there are any."""
    found = []
    for task, (metric, what) in TOLD.items():
        for floor, entry in told["tasks"][task]["baselines"].items():
            if metric in entry["metrics"]:
                found.append(Finding(f"{what}, plain: {floor}", float(entry["metrics"][metric])))
    return found


MORE: dict[str, dict[str, Any]] = {
    "states": {"type": "token_labels", "target": "states", "of": "chain", "separator": ""},
    "conserved": {"type": "token_labels", "target": "conserved", "of": "chain", "separator": ""},
}
RECIPE = Recipe("biology_protein", "What a chain of amino acids tells of its fold", ("protein",), _cook)
