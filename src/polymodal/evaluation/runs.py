"""The truth about a finished run: plain floors, what each modality adds, what is missing where."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from polymodal.core import Batch
from polymodal.data.base import Rows
from polymodal.data.plain import Plain
from polymodal.evaluation.baselines import Baseline, Question, fit_baselines
from polymodal.evaluation.controls import controls
from polymodal.evaluation.costs import costs
from polymodal.evaluation.design import Design
from polymodal.evaluation.missing import group_sizes, missing_map
from polymodal.evaluation.probes import probes
from polymodal.evaluation.searching import searches
from polymodal.evaluation.subsets import Subsets, alone_and_dark
from polymodal.evaluation.windows import windowed
from polymodal.run import Run
from polymodal.run.fitting import Fitted
from polymodal.run.judging import as_answers, group_labels, named
from polymodal.tasks.intervals import Bootstrap, bootstrap
from polymodal.tasks.metrics import Answers
from polymodal.training.predicting import answers, outputs

__all__ = ["Answered", "answered", "floors", "judge_run"]

FLOORS = ("linear", "boosting")
PLAIN = ("classes", "ordered", "labels", "numbers", "counts", "times")
"""Kinds of answers that plain models can give."""


def judge_run(run: Run, *, seed: int = 0) -> dict[str, Any]:
    """Judge a finished run beside plain models and with modalities taken away; metrics.json is written anew.

    Plain models learn from the training and validation rows and answer for the same test rows. `versus_plain` compares
    with the better of the linear model and the boosted trees, better on these very test rows, which can only favour
    them. What objectives keep out is probed by fresh models. Returns the content of metrics.json.
    """
    fitted, told = run.fitted, run.folder.read_json("metrics.json")
    rows, groups = fitted.split.test, group_labels(fitted, run.spec.data.group)
    found = floors(fitted, groups, seed=seed)
    names = list(fitted.model.modalities) if found else []
    subsets = alone_and_dark(names, lambda kept: _asked(fitted, rows, kept))
    labelled = _labelled(fitted, rows)
    for name, task in told["tasks"].items():
        if name not in found:
            continue
        blocks = None if groups is None else groups[rows][labelled[name]]
        better = bool(task["higher_is_better"])
        judge = _Judge(task["headline"], better, blocks, seed)
        task |= judge.beside(subsets.whole[name], found[name]) | _shown(judge, subsets, name)
    for name, search in (searches(fitted, groups, seed=seed) | windowed(fitted, groups, seed=seed)).items():
        task = told["tasks"][name]
        judge = _Judge(task["headline"], bool(task["higher_is_better"]), search.groups, seed)
        task |= judge.beside(search.ours, search.floors)
    for name, more in controls(fitted, rows, seed=seed).items():
        told["tasks"][name] |= more
    parts = {part: getattr(fitted.split, part) for part in ("train", "validation", "test")}
    told["missing"] = missing_map(fitted.samples.present(), parts, groups).as_dict()
    told["costs"] = costs(fitted)
    readable = probes(run, seed=seed)
    if readable:
        told["probes"] = readable
    if groups is not None:
        told["groups"] = group_sizes(groups, parts)
    run.folder.write_json("metrics.json", told)
    return told


class _Judge:
    """Metrics, intervals and differences under one headline, on one set of draws that is made once for each answer."""

    def __init__(self, headline: str, higher_is_better: bool, groups: np.ndarray | None, seed: int) -> None:
        self.headline, self.higher_is_better, self.groups, self.seed = headline, higher_is_better, groups, seed
        self.known: dict[int, Bootstrap] = {}

    def drawn(self, made: Answers) -> Bootstrap:
        """The answers judged on all draws."""
        if id(made) not in self.known:  # what is kept holds the answers, so that no other object takes their id
            self.known[id(made)] = bootstrap(made, self.groups, seed=self.seed)
        return self.known[id(made)]

    def table(self, made: Answers) -> dict[str, Any]:
        """n, metrics, intervals."""
        judged = self.drawn(made)
        bounds = {name: list(pair) for name, pair in judged.intervals().items()}
        return {"n": len(made), "metrics": dict(judged.metrics), "intervals": bounds}

    def beside(self, ours: Answers, plain: Mapping[str, Baseline]) -> dict[str, Any]:
        """The tables of plain models, with how many rows taught each and what it chose, and the gap to the best."""
        tables = {
            name: self.table(made.answers) | {"rows": made.rows, "settings": made.settings}
            for name, made in plain.items()
        }
        return {"baselines": tables, "versus_plain": self.versus(ours, plain)}

    def gap(self, ours: Answers, theirs: Answers) -> dict[str, Any] | None:
        """How much better `ours` is by the headline metric; None where that is undefined."""
        found = self.drawn(ours).difference(self.drawn(theirs), self.headline, higher_is_better=self.higher_is_better)
        if found is None:
            return None
        return {"metric": found.metric, "difference": found.difference, "interval": [found.low, found.high]}

    def versus(self, ours: Answers, plain: Mapping[str, Baseline]) -> dict[str, Any] | None:
        """The gap to the better one of the plain models; the closest when a metric is undefined for one."""
        gaps = {name: self.gap(ours, plain[name].answers) for name in FLOORS if name in plain}
        known = {name: gap for name, gap in gaps.items() if gap is not None}
        if not known:
            return None
        best = min(known, key=lambda name: known[name]["difference"])
        return {"baseline": best} | known[best]


def _shown(judge: _Judge, subsets: Subsets, task: str) -> dict[str, Any]:
    whole = subsets.whole[task]
    dark = {
        modality: judge.table(made[task]) | {"adds": judge.gap(whole, made[task])}
        for modality, made in subsets.dark.items()
    }
    return {"alone": {modality: judge.table(made[task]) for modality, made in subsets.alone.items()}, "dark": dark}


def _asked(fitted: Fitted, rows: Rows, kept: frozenset[str]) -> dict[str, Answers]:
    def change(batch: Batch) -> Batch:
        return batch.only(kept)

    made = outputs(fitted.model, fitted.samples, rows, change, taught=False)
    found = answers(fitted.model, fitted.samples, rows, made)
    return {name: as_answers(fitted.model, name, decoded, truth) for name, (decoded, truth, _) in found.items()}


class Answered(NamedTuple):
    """What the model says to a task, or to one aspect of it, as metrics read it, and (rows,) which rows are judged."""

    task: str
    answers: Answers
    rows: np.ndarray


def answered(fitted: Fitted, rows: Rows) -> dict[str, Answered]:
    """What the model answers for these rows, by task, and by "task.aspect" where a task has several."""
    made, told = outputs(fitted.model, fitted.samples, rows), {}
    for name, (decoded, truth, labelled) in answers(fitted.model, fitted.samples, rows, made).items():
        for aspect in fitted.model.tasks[name].aspects(decoded, truth):
            judged = labelled.copy()
            judged[labelled] = aspect.rows
            told[named(name, aspect)] = Answered(
                name, as_answers(fitted.model, name, aspect.decoded, aspect.truth), judged
            )
    return told


def _labelled(fitted: Fitted, rows: Rows) -> dict[str, np.ndarray]:
    return {name: cells.present[rows] for name, (_, cells) in fitted.samples.targets.items()}


def _truth(fitted: Fitted, task: str, rows: Rows) -> np.ndarray:
    reader, cells = fitted.samples.targets[task]
    target, _ = reader.collate(cells, rows)
    return fitted.model.tasks[task].truth(target.data["target"][target.index])


def floors(fitted: Fitted, groups: np.ndarray | None = None, *, seed: int = 0) -> dict[str, dict[str, Baseline]]:
    """What plain models answer for the test rows of a fit: {task: {"trivial", "linear", "boosting": …}}.

    They learn from its training and validation rows together. `groups` (rows of the table,) stay together while a
    penalty is chosen. A task without a labelled row on either side is left out, and one that no
    plain model can answer.
    """
    split = fitted.split
    taught = np.concatenate([split.train, split.validation])
    rows = np.concatenate([taught, split.test])
    blocks = [Plain("numbers", np.zeros((len(rows), 0)))]  # so that a modality may have nothing plain to give
    for reader, cells in fitted.samples.inputs.values():
        blocks += reader.plain(cells, rows)
    design, found = Design(blocks, np.arange(len(taught)), seed), {}
    for name, task in fitted.model.tasks.items():
        if task.answers not in PLAIN:
            continue
        known = _labelled(fitted, rows)[name]
        train, test = np.flatnonzero(known[: len(taught)]), len(taught) + np.flatnonzero(known[len(taught) :])
        if len(test) == 0 or len(train) == 0:
            continue
        question = Question(
            task.answers,
            list(task.classes),
            train,
            _truth(fitted, name, rows[train]),
            test,
            _truth(fitted, name, rows[test]),
            None if groups is None else groups[rows[train]],
            task.times,
        )
        found[name] = fit_baselines(question, design, seed=seed)
    return found
