"""What could be had without us: the commonest answer, a linear model, boosted trees, on the very same rows.

Each is a floor that an honest report shows beside the model. They learn from training and validation rows together
(none of them needs validation rows to stop) and never see the truth of a test row.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from scipy import sparse
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold

from polymodal.core import PolymodalWarning
from polymodal.core.seeding import derive, numpy_generator
from polymodal.data.plain import Plain
from polymodal.evaluation.counting import chosen_penalty, mean_rate, poisson_regression, tree_rates
from polymodal.evaluation.design import Design
from polymodal.evaluation.proportional import Hazards, chosen_strength, penalised_cox, tree_hazards
from polymodal.tasks.hazards import Curves, baseline_hazard
from polymodal.tasks.metrics import SMALLEST, AnswerKind, Answers

__all__ = ["Baseline", "Question", "boosting", "fit_baselines", "linear", "trivial"]

STRENGTHS = (0.1, 0.5, 2.0, 10.0, 50.0, 250.0, 1000.0)
"""Inverse penalties that the linear model chooses from."""

CHOICE_ROWS = 2000  # rows that choose the penalty
FIT_ROWS = 100_000  # rows that are fitted
FIT_WORK = 2e8  # numbers × classes that the linear model reads in one pass: about half a minute for the whole fit
EXACT_WORK = 1e7  # the same, from which on texts are fitted by a few passes of stochastic descent
PASSES = 10
TREES = 1500  # over all classes


@dataclass(frozen=True)
class Question:
    """One task put to plain models: which rows teach, which rows ask, and what is true.

    `train` and `test` are row numbers of the design, labelled rows only; `train_truth` and `test_truth` are labels,
    numbers, outcomes or (n, classes) booleans as `Answers` has them. `groups` of the training rows stay together when
    the penalty is chosen. `times` are those of curves, where there are such.
    """

    kind: AnswerKind
    classes: Sequence[str]
    train: np.ndarray
    train_truth: np.ndarray
    test: np.ndarray
    test_truth: np.ndarray
    groups: np.ndarray | None = None
    times: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def answered(
        self, prediction: np.ndarray, probabilities: np.ndarray | None = None, curves: Curves | None = None
    ) -> Answers:
        """A plain model's predictions for the test rows beside the truth."""
        return Answers(self.kind, self.test_truth, prediction, probabilities, self.classes, curves)

    def timed(self, found: Hazards) -> Answers:
        """The risks of a plain model, and the curves that follow from them."""
        return self.answered(found.risk, curves=found.curves(self.times))

    def decided(self, probabilities: np.ndarray) -> Answers:
        """Labels out of probabilities, by the rule that our own tasks decide by."""
        names = np.asarray(self.classes, dtype=object)
        if self.kind == "labels":
            return self.answered(probabilities > 0.5, probabilities)
        if self.kind == "ordered":
            grade = probabilities @ np.arange(len(names))
            return self.answered(names[np.rint(grade).astype(int)], probabilities)
        return self.answered(names[probabilities.argmax(1)], probabilities)


@dataclass(frozen=True)
class Baseline:
    """A plain model's answers for the test rows, how many rows taught it, and what it chose on them."""

    answers: Answers
    rows: int
    settings: dict[str, Any] = field(default_factory=dict)


class _Plain(Protocol):
    def fit(self, features: Any, truth: Any) -> Any: ...

    def predict(self, features: Any) -> np.ndarray: ...


def fit_baselines(question: Question, blocks: Sequence[Plain] | Design, *, seed: int = 0) -> dict[str, Baseline]:
    """The three floors of one task: "trivial", "linear", "boosting".

    A design that was fitted on the training rows can serve all tasks of a run; blocks are fitted here. A floor that
    cannot be fitted is left out with a warning: it must not cost a run its report.
    """
    design = blocks if isinstance(blocks, Design) else Design(blocks, question.train, seed)
    made = {"trivial": trivial(question)}
    for floor in (linear, boosting):
        try:
            made[floor.__name__] = floor(question, design, seed=seed)
        except (ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
            found = f"the plain model {floor.__name__} cannot be fitted and is left out: {error}"
            warnings.warn(found, PolymodalWarning, stacklevel=2)
    return made


def trivial(question: Question) -> Baseline:
    """The same answer for every row: how often each class occurred, the mean, or one curve."""
    rows = len(question.train)
    if question.kind == "times":
        return Baseline(question.timed(Hazards.nobody_apart(question.train_truth, len(question.test))), rows)
    if question.kind == "counts":
        rate = mean_rate(question.train_truth)
        return Baseline(question.answered(np.full(len(question.test), rate)), rows, {"rate": rate})
    if question.kind == "numbers":
        middle = float(np.mean(question.train_truth))
        return Baseline(question.answered(np.full(len(question.test), middle)), rows, {"mean": middle})
    shares = _targets(question).mean(0)
    return Baseline(question.decided(np.tile(shares, (len(question.test), 1))), rows)


def linear(question: Question, design: Design, *, seed: int = 0) -> Baseline:
    """Logistic, ridge, Poisson or Cox regression; its penalty is the one that predicts held-out training rows best.

    Three folds, grouped where groups are given, of at most 2,000 training rows choose among seven penalties by log
    loss, squared error or partial likelihood; the chosen one is fitted to all training rows. Long texts of many rows
    are fitted by ten passes of SAGA (Defazio et al. 2014), whose log loss on new rows is as low as that of a fit that
    goes on for minutes.
    """
    if question.kind == "times":
        return _cox(question, design.linear, seed)
    if question.kind == "counts":
        return _poisson(question, design.linear, seed)
    features, targets = design.linear, _targets(question)
    rows = _some(np.arange(len(question.train)), _affordable(features, targets), seed, "fit")
    chosen = _some(rows, CHOICE_ROWS, seed, "choice")
    folds = _folds(question, chosen, seed)
    strength = _strength(features[question.train[chosen]], targets[chosen], folds, question.kind == "labels")
    long = sparse.issparse(features) and _work(features, targets) * len(rows) > EXACT_WORK
    make = _ridge(strength) if question.kind == "numbers" else _logistic(strength, stochastic=long)
    made = _predict(
        make, features[question.train[rows]], targets[rows], features[question.test], question.kind == "labels"
    )
    name = "alpha" if question.kind == "numbers" else "C"
    return Baseline(_as_answers(question, made), len(rows), {name: 1 / strength if name == "alpha" else strength})


def boosting(question: Question, design: Design, *, seed: int = 0) -> Baseline:
    """Gradient boosted trees on the table's columns and the main axes of texts and pictures.

    From 500 rows on, a tenth of them decides when to stop. A design without any column gets the trivial answer. Of
    times to an event they learn the risk on a baseline that is held fixed.
    """
    rows = _some(np.arange(len(question.train)), FIT_ROWS, seed, "fit")
    table, categories = design.table
    # What is known for other tasks only says nothing here, and trees cannot take it.
    known = np.flatnonzero(np.isfinite(table[question.train[rows]]).any(axis=0))
    if len(known) == 0:
        return trivial(question)
    table, categories = table[:, known], [categories[place] for place in known]
    targets = _targets(question)
    outputs = 1 if targets.ndim == 1 else targets.shape[1]
    # A class of one row can be on one side only of the rows that decide when to stop.
    counts = np.array([len(rows)]) if targets.ndim == 1 else targets[rows].sum(0)
    rarest = min(count for count in [*counts, *(len(rows) - counts)] if count)
    options: dict[str, Any] = {
        "learning_rate": 0.1,
        "max_iter": int(np.clip(TREES / max(1, outputs if outputs > 2 else 1), 30, 300)),
        "early_stopping": len(rows) >= 500 and rarest >= 2,
        "min_samples_leaf": int(np.clip(len(rows) // 20, 2, 20)),
        "categorical_features": categories if any(categories) else None,
        "random_state": derive(seed, "boosting") % 2**31,
    }
    if question.kind == "times":
        found = tree_hazards(options, table[question.train[rows]], targets[rows], table[question.test])
        return Baseline(question.timed(found), len(rows))
    if question.kind == "counts":
        told = tree_rates(options, table[question.train[rows]], question.train_truth[rows], table[question.test])
        return Baseline(question.answered(told), len(rows))
    kind = HistGradientBoostingRegressor if question.kind == "numbers" else HistGradientBoostingClassifier
    made = _predict(
        lambda: kind(**options),
        table[question.train[rows]],
        targets[rows],
        table[question.test],
        question.kind == "labels",
    )
    return Baseline(_as_answers(question, made), len(rows))


def _targets(question: Question) -> np.ndarray:
    """Numbers, counts or outcomes (n,), or classes as (n, classes) zeros and ones."""
    if question.kind in ("times", "counts"):
        return question.train_truth
    if question.kind == "numbers":
        return np.asarray(question.train_truth, dtype=np.float64)
    if question.kind == "labels":
        return np.asarray(question.train_truth, dtype=np.float64)
    return (question.train_truth[:, None] == np.asarray(question.classes, dtype=object)).astype(np.float64)


def _cox(question: Question, features: Any, seed: int) -> Baseline:
    truth = question.train_truth
    rows = _some(np.arange(len(question.train)), _affordable(features, truth), seed, "fit")
    chosen = _some(rows, CHOICE_ROWS, seed, "choice")
    folds = _folds(question, chosen, seed)
    strength = chosen_strength(features[question.train[chosen]], truth[chosen], STRENGTHS, folds)
    learned = features[question.train[rows]]
    weights = penalised_cox(learned, truth[rows], strength)
    baseline = baseline_hazard(truth[rows], np.asarray(learned @ weights))
    found = Hazards(np.asarray(features[question.test] @ weights), baseline)
    return Baseline(question.timed(found), len(rows), {"C": strength})


def _poisson(question: Question, features: Any, seed: int) -> Baseline:
    truth = question.train_truth
    rows = _some(np.arange(len(question.train)), _affordable(features, truth), seed, "fit")
    chosen = _some(rows, CHOICE_ROWS, seed, "choice")
    folds = _folds(question, chosen, seed)
    strength = chosen_penalty(features[question.train[chosen]], truth[chosen], STRENGTHS, folds)
    told = poisson_regression(features[question.train[rows]], truth[rows], strength, features[question.test])
    return Baseline(question.answered(told), len(rows), {"C": strength})


def _as_answers(question: Question, made: np.ndarray) -> Answers:
    return question.answered(made) if question.kind == "numbers" else question.decided(made)


def _predict(make: Callable[[], _Plain], features: Any, targets: np.ndarray, asked: Any, separate: bool) -> np.ndarray:
    """Numbers (n,) or probabilities (n, classes) for the rows asked; classes without a training row stay at zero."""
    if targets.ndim == 1:
        # In units of its own spread, so that one range of penalties suits every target.
        middle, spread = targets.mean(), targets.std() or 1.0
        return make().fit(features, (targets - middle) / spread).predict(asked) * spread + middle
    if separate:
        pairs = [np.stack([1 - column, column], axis=1) for column in targets.T]
        return np.stack([_predict(make, features, pair, asked, False)[:, 1] for pair in pairs], axis=1)
    probabilities = np.zeros((asked.shape[0], targets.shape[1]))
    labels = targets.argmax(1)
    if len(np.unique(labels)) == 1:
        probabilities[:, labels[0]] = 1
        return probabilities
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the last digits of a floor do not matter
        model: Any = make().fit(features, labels)
    probabilities[:, model.classes_] = model.predict_proba(asked)
    return probabilities


def _strength(features: Any, targets: np.ndarray, folds: list[tuple[np.ndarray, np.ndarray]], separate: bool) -> float:
    """The strength that errs least, trying stronger ones as long as they help."""
    best, least = 1.0, np.inf
    if folds and sparse.issparse(features):
        long = features.nnz > len(targets) ** 2 / 8  # a dense product is about eight times as fast as a sparse one
        features = _compact(features) if long else features[:, np.flatnonzero(features.getnnz(axis=0))]
    for strength in STRENGTHS if folds else ():
        make = _ridge(strength) if targets.ndim == 1 else _logistic(strength)
        made = [_predict(make, features[fit], targets[fit], features[held], separate) for fit, held in folds]
        errors = [_error(targets[held], part, separate) for (_, held), part in zip(folds, made, strict=True)]
        if np.mean(errors) >= least:
            break
        best, least = strength, float(np.mean(errors))
    return best


def _compact(features: sparse.csr_matrix) -> np.ndarray:
    """(rows, at most rows) with the same inner products between rows.

    A linear model with a quadratic penalty knows its rows by nothing else, so that it makes the same predictions (the
    representer theorem; Schölkopf et al. 2001), in a fraction of the time where there are more words than rows.
    """
    values, axes = np.linalg.eigh((features @ features.T).toarray().astype(np.float64))
    kept = max(1, int((values > 1e-6 * values[-1]).sum()))  # in rising order
    return (axes[:, -kept:] * np.sqrt(np.maximum(values[-kept:], 0))).astype(np.float32)


def _error(targets: np.ndarray, made: np.ndarray, separate: bool) -> float:
    if targets.ndim == 1:
        return float(np.mean((targets - made) ** 2))
    held = np.where(targets > 0, made, 1 - made) if separate else (targets * made).sum(1)
    return float(-np.log(np.clip(held, SMALLEST, 1)).mean())


def _folds(question: Question, rows: np.ndarray, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    if len(rows) < 6:
        return []
    place = np.zeros(len(rows))
    if question.groups is not None and len(np.unique(question.groups[rows])) >= 3:
        return list(GroupKFold(3).split(place, groups=question.groups[rows]))
    number = derive(seed, "folds") % 2**31
    if question.kind not in ("classes", "ordered"):
        return list(KFold(3, shuffle=True, random_state=number).split(place))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a class with fewer than three rows cannot be in each fold
        labels = question.train_truth[rows].astype(str)
        if np.unique(labels, return_counts=True)[1].max() < 3:
            return list(KFold(3, shuffle=True, random_state=number).split(place))
        return list(StratifiedKFold(3, shuffle=True, random_state=number).split(place, labels))


def _affordable(features: Any, targets: np.ndarray) -> int:
    return max(CHOICE_ROWS, min(FIT_ROWS, int(FIT_WORK / max(1, _work(features, targets)))))


def _work(features: Any, targets: np.ndarray) -> float:
    """Numbers × classes of one row."""
    outputs = 1 if targets.ndim == 1 or targets.shape[1] == 2 else targets.shape[1]
    return outputs * (features.nnz / features.shape[0] if sparse.issparse(features) else features.shape[1])


def _some(rows: np.ndarray, most: int, seed: int, purpose: str) -> np.ndarray:
    if len(rows) <= most:
        return rows
    return np.sort(numpy_generator(seed, "baseline", purpose).choice(rows, most, replace=False))


def _logistic(strength: float, *, stochastic: bool = False) -> Callable[[], _Plain]:
    if stochastic:
        return lambda: LogisticRegression(C=strength, solver="saga", max_iter=PASSES, random_state=0)
    return lambda: LogisticRegression(C=strength, max_iter=100, tol=1e-4)


def _ridge(strength: float) -> Callable[[], _Plain]:
    return lambda: Ridge(alpha=1 / strength)
