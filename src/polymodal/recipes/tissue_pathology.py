"""How long patients with glioma live: tissue, genes, alterations and the clinic, together and with each one dark.

Patients are divided three times into five parts, each of which is the test once. The tissue is not seen here: it is the
hazard that a net of others gave to its pictures.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from polymodal import run
from polymodal.data.sets.tcga_gbmlgg import FOLDS, JOINED, REPEATS
from polymodal.evaluation import Design, Question
from polymodal.evaluation.baselines import linear
from polymodal.recipes.base import Finding, Kitchen, Recipe, Told
from polymodal.run import Run
from polymodal.spec import Spec
from polymodal.tasks.metrics import c_index, measure
from polymodal.training.predicting import answers, outputs

__all__ = ["RECIPE"]

TASK, PLAIN = "survival", "a plain Cox model of all"


def _cook(kitchen: Kitchen) -> Told:
    repeats, folds = (1, 1) if kitchen.tiny else (REPEATS, FOLDS)
    found = pd.DataFrame([_fold(kitchen, repeat, fold) for repeat in range(repeats) for fold in range(folds)])
    means = found.mean()
    single = max((name for name in found if name.startswith("alone: ")), key=lambda name: means[name])
    told = [_finding(f"c_index, {name}", found[name]) for name in found]
    told.append(_finding(f"all modalities less the best single one ({single})", found["all"] - found[single]))
    told.append(_finding(f"all modalities less {PLAIN}", found["all"] - found[PLAIN]))
    if kitchen.tiny:
        return Told(told)
    kitchen.fitted("all-0-0", _spec(kitchen, 0, 0))
    return Told(told, ["all-0-0/report.html"])


def _spec(kitchen: Kitchen, repeat: int, fold: int) -> Spec:
    data: dict[str, object] = {"group": None, "split": {"column": f"fold_{repeat}", "test": [str(fold)]}}
    # Two people may be of one age and sex, and have the same mutations: each row is a person.
    data["allow"] = ["same-row-on-both-sides"]
    # Of 75 models, each is an ensemble; more than three members take longer than they are worth here.
    return kitchen.spec("tcga_gbmlgg", {"data": data, "train": {"members": 3}}, JOINED)


def _fold(kitchen: Kitchen, repeat: int, fold: int) -> dict[str, float]:
    """The c-index in one part: of all modalities, with each dark, of each alone, of a plain model, and of age."""
    spec = _spec(kitchen, repeat, fold)
    kitchen.note(f"part {fold} of division {repeat}: learning")
    opened = _run(kitchen, kitchen.out / f"all-{repeat}-{fold}", spec)
    names = list(opened.fitted.model.modalities)
    found = {"all": _concordance(opened, frozenset(names))}
    for name in names:
        found[f"{name} dark"] = _concordance(opened, frozenset(names) - {name})
    for name in names:
        plain: Mapping[str, object] = spec.to_dict() | {"modalities": {name: spec.to_dict()["modalities"][name]}}
        alone = _run(kitchen, kitchen.out / f"{name}-{repeat}-{fold}", spec.replaced(dict(plain)))
        found[f"alone: {name}"] = _concordance(alone, frozenset({name}))
    return found | {PLAIN: _plain(opened), "age": _age(opened)}


def _run(kitchen: Kitchen, place: Path, spec: Spec) -> Run:
    """A run without plain models and without a report; one that is finished is not run again."""
    if not (place / "metrics.json").exists():
        run.fit(kitchen.seeded(spec), place, resume=place.exists())
    return run.open_run(place)


def _concordance(opened: Run, kept: frozenset[str]) -> float:
    fitted, rows = opened.fitted, opened.fitted.split.test
    made = outputs(fitted.model, fitted.samples, rows, lambda batch: batch.only(kept))
    decoded, truth, _ = answers(fitted.model, fitted.samples, rows, made)[TASK]
    return fitted.model.tasks[TASK].metrics(decoded, truth)["c_index"]


def _plain(opened: Run) -> float:
    """A ridge-penalised Cox model of the same columns."""
    fitted = opened.fitted
    split, inputs = fitted.split, fitted.samples.inputs.values()
    taught = np.concatenate([split.train, split.validation])
    rows = np.concatenate([taught, split.test])
    blocks = [block for reader, cells in inputs for block in reader.plain(cells, rows)]
    reader, cells = fitted.samples.targets[TASK]
    target = reader.collate(cells, rows)[0]
    truth = fitted.model.tasks[TASK].truth(target.data["target"])
    train, test = np.arange(len(taught)), np.arange(len(taught), len(rows))
    question = Question("times", [], train, truth[train], test, truth[test])
    return float(measure(linear(question, Design(blocks, train)).answers)["c_index"][0])


def _age(opened: Run) -> float:
    held = opened.fitted.table.frame.iloc[opened.fitted.split.test]
    return c_index(held["survival_months"], -held["age"], held["died"] == 1) or 0.5


def _finding(what: str, values: pd.Series) -> Finding:
    """The mean over the parts, with an interval that knows that training rows are shared (Nadeau and Bengio 2003)."""
    mean, count = float(values.mean()), len(values)
    if count < 2:
        return Finding(what, mean)
    error = float(values.std() * np.sqrt(1 / count + 1 / (FOLDS - 1)))
    reach = float(stats.t.ppf(0.975, count - 1)) * error
    return Finding(what, mean, [mean - reach, mean + reach], count)


RECIPE = Recipe("tissue_pathology", "Glioma: survival by tissue, genes and clinic", ("tcga_gbmlgg",), _cook)
