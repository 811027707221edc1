"""What a fresh model can still read of something that was to be kept out, or of any other column.

That the adversary of training reads nothing proves nothing: it may have been deceived where a fresh one is not. So new
probes, a linear one and one with a hidden layer, are taught on what the finished model makes of rows, and judged on
rows that were held out (Alain and Bengio 2017; Elazar and Goldberg 2018, who found that adversaries leave much behind).
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from polymodal.core.masking import keep, masked_mean
from polymodal.core.seeding import derive, numpy_generator
from polymodal.data.base import Rows
from polymodal.data.kinds import parse_labels
from polymodal.data.plain import Plain
from polymodal.evaluation.design import Design
from polymodal.model import Model
from polymodal.objectives.nuisance import NuisanceColumn
from polymodal.run import Run
from polymodal.run.fitting import Fitted
from polymodal.run.judging import group_labels
from polymodal.tasks.intervals import bootstrap
from polymodal.tasks.metrics import Answers
from polymodal.training.batches import sweep

__all__ = ["kept_out", "probes", "vectors_of"]

MOST_ROWS = 4000
"""Rows that teach a probe, and rows that it is judged on, at most: half a minute for all probes of one column."""
FOLDS = 5
FEWEST = 20
"""Rows under which a probe is neither taught nor judged."""
HIDDEN = 128
METRICS = ("accuracy", "balanced_accuracy", "r2")
LAYERS = ("pooled", "tokens")
"""What the heads read, and the layer before: the mean of the tokens of each encoder."""


@dataclass(frozen=True)
class _Lesson:
    """Who is asked what: `truth` (n,) labels or numbers, and the folds, pairs of places that teach and are judged."""

    numbers: bool
    truth: np.ndarray
    folds: Sequence[tuple[np.ndarray, np.ndarray]]
    seed: int

    @property
    def judged(self) -> np.ndarray:
        """Places of the rows that are judged, in the order of the folds."""
        return np.concatenate([test for _, test in self.folds])

    def answers(self, features: Any, probe: str) -> Answers:
        """What a fresh probe says of the rows that are judged, taught by the others."""
        told = np.concatenate([self._told(features, probe, *fold) for fold in self.folds])
        truth = self.truth[self.judged]
        if self.numbers:
            return Answers("numbers", truth.astype(np.float64), told.astype(np.float64))
        classes = sorted(set(truth) | set(told))
        return Answers("classes", truth, told, None, classes)

    def _told(self, features: Any, probe: str, train: np.ndarray, test: np.ndarray) -> np.ndarray:
        truth, seed = self.truth[train], derive(self.seed, "probe") % 2**31
        if self.numbers:
            middle, spread = truth.mean(), max(float(truth.std()), 1e-30)
            net = MLPRegressor(hidden_layer_sizes=(HIDDEN,), random_state=seed, max_iter=300)
            model, truth = (Ridge() if probe == "linear" else net), (truth - middle) / spread
        else:
            net = MLPClassifier(hidden_layer_sizes=(HIDDEN,), random_state=seed, max_iter=300)
            model, middle, spread = (LogisticRegression(max_iter=500) if probe == "linear" else net), None, None
        whole = make_pipeline(StandardScaler(with_mean=isinstance(features, np.ndarray)), model)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            told = whole.fit(features[train], truth).predict(features[test])
        return np.asarray(told) if middle is None else np.asarray(told) * spread + middle

    def chance(self) -> dict[str, float]:
        """What is reached without looking: the commonest class of the rows that teach, or their mean."""
        if self.numbers:
            return {"r2": 0.0}
        right = []
        for train, test in self.folds:
            names, counts = np.unique(self.truth[train], return_counts=True)
            right.append(self.truth[test] == names[counts.argmax()])
        found = len(np.unique(self.truth[self.judged]))
        return {"accuracy": float(np.concatenate(right).mean()), "balanced_accuracy": 1 / found}


def kept_out(run: Run) -> dict[str, NuisanceColumn]:
    """The columns that objectives of a run keep out, not fitted."""
    found: dict[str, NuisanceColumn] = {}
    for objective in run.spec.build().objectives.values():
        found |= {each.column: each for each in objective.reads.values() if isinstance(each, NuisanceColumn)}
    return found


def probes(run: Run, columns: Sequence[str] = (), *, seed: int = 0) -> dict[str, Any]:
    """What can be read of each column that an objective keeps out, and of those that are named, by fresh probes.

    By column: "kind" ("classes" or "numbers"), "n" rows that were judged, "taught" (how many rows taught, and whether
    these are "training" rows or "test" rows), "chance", and "layers": {"pooled" | "tokens": {"linear" | "mlp": {"n",
    "metrics", "intervals"}}}; also "plain", a linear probe on plain features of the inputs, which says what there was
    to be read. Probes learn from training rows and are judged on test rows; where test rows have classes that no
    training row has, by five folds within the test rows. A column of which there are too few rows is left out. Raises
    DataError for a column that is not there, or of which the training rows hold one value only.
    """
    wanted = kept_out(run)
    wanted |= {name: NuisanceColumn(name) for name in columns if name not in wanted}
    fitted = run.fitted
    found: dict[str, Any] = {}
    for name, column in wanted.items():
        column.fit(fitted.table, fitted.split.train if len(fitted.split.train) else fitted.split.test)
        asked = _asked(fitted, column, seed)
        if asked is not None:
            groups = None if run.spec.data.group == name else group_labels(fitted, run.spec.data.group)
            found[name] = _probed(fitted, *asked, groups)
    return found


def _asked(fitted: Fitted, column: NuisanceColumn, seed: int) -> tuple[_Lesson, Rows] | None:
    """The lesson about a column, and the rows that its places stand for; None where there are too few."""
    cells = column.read(fitted.table)
    truth = cells.values
    known = cells.present
    if not column.is_numbers:
        labels = parse_labels(fitted.table.column(column.column), fitted.table.missing)
        truth = np.array(["" if label is None else str(label) for label in labels], dtype=object)
        known = np.array([label is not None for label in labels])
    there = np.any(list(fitted.samples.present().values()), axis=0) & known
    train, test = (_some(rows[there[rows]], seed) for rows in (fitted.split.train, fitted.split.test))
    strange = not column.is_numbers and not set(truth[test]) <= set(truth[train])
    if strange or len(train) < FEWEST:
        return _within(column.is_numbers, truth, test, seed)
    if len(test) < FEWEST or len(set(truth[train])) < 2:
        return None
    rows = np.concatenate([train, test])
    fold = np.arange(len(train)), np.arange(len(train), len(rows))
    return _Lesson(column.is_numbers, truth[rows], [fold], seed), rows


def _within(numbers: bool, truth: np.ndarray, rows: Rows, seed: int) -> tuple[_Lesson, Rows] | None:
    """Folds among the test rows alone; classes with fewer rows than folds are left out."""
    if not numbers and len(rows):
        names, counts = np.unique(truth[rows], return_counts=True)
        rows = rows[np.isin(truth[rows], names[counts >= FOLDS])]
    if len(rows) < FEWEST or len(set(truth[rows])) < 2:
        return None
    kind = KFold if numbers else StratifiedKFold
    folds = kind(FOLDS, shuffle=True, random_state=derive(seed, "folds") % 2**31).split(rows, truth[rows])
    return _Lesson(numbers, truth[rows], list(folds), seed), rows


def _probed(fitted: Fitted, lesson: _Lesson, rows: Rows, groups: np.ndarray | None) -> dict[str, Any]:
    judged = rows[lesson.judged]

    def table(answers: Answers) -> dict[str, Any]:
        drawn = bootstrap(answers, None if groups is None else groups[judged], seed=lesson.seed)
        bounds = drawn.intervals()
        metrics = {name: drawn.metrics[name] for name in METRICS if name in drawn.metrics}
        spans = {name: list(bounds[name]) for name in metrics if name in bounds}
        return {"n": len(answers), "metrics": metrics, "intervals": spans}

    layers = {
        layer: {probe: table(lesson.answers(vectors, probe)) for probe in ("linear", "mlp")}
        for layer, vectors in vectors_of(fitted, rows).items()
    }
    whole = len(lesson.folds) == 1
    return {
        "kind": "numbers" if lesson.numbers else "classes",
        "n": len(judged),
        "taught": {"by": "training" if whole else "test", "rows": len(lesson.folds[0][0])},
        "chance": lesson.chance(),
        "layers": layers,
        "plain": {"linear": table(lesson.answers(_plain(fitted, rows, lesson), "linear"))},
    }


def vectors_of(fitted: Fitted, rows: Rows) -> Mapping[str, np.ndarray]:
    """By layer, (rows, features) what the finished model makes of these rows; of several members side by side.

    "pooled" is what the heads read, zero where a view is absent; "tokens" the mean of the tokens of each encoder.
    """
    found: dict[str, list[np.ndarray]] = {layer: [] for layer in LAYERS}
    for member in fitted.model.members:
        parts = list(_represented(cast(Model, member), fitted, rows))
        for layer, pieces in zip(LAYERS, zip(*parts, strict=True), strict=True):
            found[layer].append(np.concatenate(pieces))
    return {layer: np.hstack(parts) for layer, parts in found.items()}


def _represented(model: Model, fitted: Fitted, rows: Rows) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batch by batch, (batch, features) of both layers."""
    device, training = next(model.parameters()).device, model.training
    model.eval()
    with torch.no_grad():
        for batch in sweep(fitted.samples, rows, 512):
            made = model.represent(batch.to(device))
            pooled = keep(made.pooled, made.view_mask).flatten(1)
            tokens = [masked_mean(part.values, part.mask) for _, part in sorted(made.unfused.items())]
            yield pooled.float().cpu().numpy(), torch.cat(tokens, 1).float().cpu().numpy()
    model.train(training)


def _plain(fitted: Fitted, rows: Rows, lesson: _Lesson) -> Any:
    """(rows, features) what plain models see of the inputs of these rows."""
    blocks = [Plain("numbers", np.zeros((len(rows), 0)))]  # so that a modality may have nothing plain to give
    for reader, cells in fitted.samples.inputs.values():
        blocks += reader.plain(cells, rows)
    # No label takes part in this design, so that the rows of other folds may.
    taught = lesson.folds[0][0] if len(lesson.folds) == 1 else np.arange(len(rows))
    return Design(blocks, taught, lesson.seed).linear


def _some(rows: Rows, seed: int) -> Rows:
    """At most so many of the rows, in their order."""
    if len(rows) <= MOST_ROWS:
        return rows
    return np.sort(numpy_generator(seed, "probed").choice(rows, MOST_ROWS, replace=False))
