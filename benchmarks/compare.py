"""One fold of a comparison: our model and the plain ones on the same rows, and differences with paired intervals."""

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import gettempdir

import numpy as np
import torch
from scipy import stats

from polymodal.core import Batch
from polymodal.data import sets
from polymodal.data.splits import Split, SplitPlan, make_split, strata_of
from polymodal.evaluation.baselines import Baseline
from polymodal.evaluation.runs import floors as fit_floors
from polymodal.run.division import Division
from polymodal.run.fitting import Fitted, fit_parts
from polymodal.run.judging import as_answers, group_labels
from polymodal.run.tables import Source, divide, open_source
from polymodal.spec import Spec
from polymodal.tasks.intervals import bootstrap
from polymodal.tasks.metrics import Answers, measure
from polymodal.training.predicting import answers, outputs

__all__ = [
    "Fold",
    "Gap",
    "compare_fold",
    "gap",
    "gap_over_folds",
    "named_division",
    "open_set",
    "row_division",
    "score",
]

torch.set_num_threads(1)
warnings.simplefilter("ignore")
HIGHER = {"log_loss": False, "brier": False, "mae": False, "rmse": False}  # the metrics of which less is better


@dataclass(frozen=True)
class Gap:
    """How much better one side is, and the 95 % interval of that."""

    difference: float
    low: float
    high: float


@dataclass(frozen=True)
class Fold:
    """A model that was fitted, its plain floors {task: {floor: …}}, and the seconds that fitting took."""

    source: Source
    fitted: Fitted
    floors: Mapping[str, Mapping[str, Baseline]]
    seconds: float

    def ours(self, kept: frozenset[str] | None = None) -> dict[str, Answers]:
        """Answers for the labelled test rows of each task; all modalities but the `kept` ones are dark."""
        fitted, rows = self.fitted, self.fitted.split.test

        def change(batch: Batch) -> Batch:
            return batch if kept is None else batch.only(kept)

        made = outputs(fitted.model, fitted.samples, rows, change)
        found = answers(fitted.model, fitted.samples, rows, made)
        return {name: as_answers(fitted.model, name, decoded, truth) for name, (decoded, truth, _) in found.items()}

    def groups(self, task: str) -> np.ndarray | None:
        """The group of each labelled test row of a task: what an interval draws together."""
        labels, rows = group_labels(self.fitted, self.source.spec.data.group), self.fitted.split.test
        return None if labels is None else labels[rows][self.fitted.samples.targets[task][1].present[rows]]

    def headline(self, task: str) -> str:
        """The metric that a task is read by."""
        return self.fitted.model.tasks[task].headline


def open_set(name: str) -> Source:
    """A data set by name, with its own spec."""
    return open_source(Spec.from_dict(sets.named(name).spec(), name=name), Path(gettempdir()))


def named_division(source: Source) -> Division:
    """The split that the set's own spec asks for."""
    return divide(source, source.spec.build())[0]


def row_division(source: Source, train: np.ndarray, test: np.ndarray, seed: int) -> Division:
    """These rows for the test, and a tenth of the others for validation: whole groups, shares of classes kept."""
    table, group, plan = source.table, source.spec.data.group, SplitPlan(test=0.0, validation=0.1, seed=seed)
    strata = strata_of(table, [task.target for task in source.spec.build().tasks.values()])
    drawn = make_split(table.take(train), plan, group, (), None if strata is None else strata[train])
    return Division(table, plan, Split(train[drawn.train], train[drawn.validation], test), group, (), strata)


def compare_fold(
    source: Source,
    division: Division,
    *,
    seed: int = 0,
    only: Sequence[str] | None = None,
    overrides: Sequence[str] = (),
    floors: bool = True,
) -> Fold:
    """Fit the set's spec on one division, and plain models on the same rows.

    `only` leaves the other modalities out of the model and of its floors; `overrides` are KEY=VALUE as of the command
    line.
    """
    parts = source.spec.override(*overrides).build()
    kept = {name: part for name, part in parts.modalities.items() if only is None or name in only}
    parts = replace(parts, modalities=kept, settings=replace(parts.settings, seed=seed))
    started = time.perf_counter()
    fitted = fit_parts(source.table, parts, division)
    seconds = time.perf_counter() - started
    plain = fit_floors(fitted, group_labels(fitted, source.spec.data.group), seed=seed) if floors else {}
    return Fold(source, fitted, plain, seconds)


def score(made: Answers, metric: str) -> float:
    """One metric of some answers."""
    return float(measure(made)[metric][0])


def gap(ours: Answers, theirs: Answers, metric: str, groups: np.ndarray | None = None) -> Gap:
    """How much better `ours` is on the same test rows: paired bootstrap, whole groups drawn, 1,000 draws."""
    one, other = (bootstrap(made, groups) for made in (ours, theirs))
    found = one.difference(other, metric, higher_is_better=HIGHER.get(metric, True))
    return Gap(np.nan, np.nan, np.nan) if found is None else Gap(found.difference, found.low, found.high)


def gap_over_folds(differences: Sequence[float], train: float, test: float) -> Gap:
    """The mean of differences over folds; its interval allows for training rows that folds share.

    Variance (1/k + test/train) s², Student's t with k - 1 degrees of freedom (Nadeau and Bengio 2003, eq. 9); `train`
    and `test` are the rows of a fold.
    """
    values = np.asarray(differences, dtype=float)
    if len(values) < 2:
        return Gap(float(values.mean()), np.nan, np.nan)
    error = np.sqrt((1 / len(values) + test / train) * values.var(ddof=1))
    reach = stats.t.ppf(0.975, len(values) - 1) * error
    return Gap(float(values.mean()), float(values.mean() - reach), float(values.mean() + reach))
