"""The plain floor of retrieval: ridge regression from what is asked with to what is sought, and the nearest to that."""

from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.model_selection import GroupKFold, KFold

from polymodal.core.seeding import derive, numpy_generator
from polymodal.data.base import Rows
from polymodal.evaluation.baselines import Baseline
from polymodal.evaluation.design import Design
from polymodal.run.fitting import Fitted
from polymodal.tasks import Retrieval
from polymodal.tasks.metrics import Answers, ranking_scores
from polymodal.tasks.ranking import alike, ranks, without_copies
from polymodal.training.predicting import answers, outputs

__all__ = ["Search", "Searched", "search_baselines", "searches"]

FIT_ROWS = 4000  # pairs that are fitted: a system of so many equations takes some ten seconds
CHOICE_ROWS = 1500  # pairs that choose the penalty
PENALTIES = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
"""Of the ridge, as multiples of the mean eigenvalue of what is asked with."""
TILE = 1024  # queries whose likeness to all training pairs is held at a time


@dataclass(frozen=True)
class Search:
    """One direction of retrieval put to a plain model.

    `train` and `test` are row numbers of the designs, rows that have both sides; `same` (test,) numbers what is sought:
    rows with an equal number are right answers to each other. `groups` (train,) stay together while the penalty is
    chosen. `offered` are the places of the test rows that are offered, None = all.
    """

    train: np.ndarray
    test: np.ndarray
    same: np.ndarray
    groups: np.ndarray | None = None
    offered: np.ndarray | None = None


@dataclass(frozen=True)
class Searched:
    """One direction of a task of a run: our ranks, those of plain models, and the groups that are drawn together."""

    ours: Answers
    floors: dict[str, Baseline]
    groups: np.ndarray | None


def searches(fitted: Fitted, groups: np.ndarray | None = None, *, seed: int = 0) -> dict[str, Searched]:
    """Every direction of every retrieval task of a fit, by the name that its entry in metrics.json has.

    Plain models learn from the training and validation rows that have both sides, and search the same test rows.
    """
    tasks = {name: task for name, task in fitted.model.tasks.items() if isinstance(task, Retrieval)}
    taught, rows = np.concatenate([fitted.split.train, fitted.split.validation]), fitted.split.test
    if not tasks or not len(rows):
        return {}
    every, kept, found = np.concatenate([taught, rows]), np.arange(len(taught)), {}
    sides = {name for task in tasks.values() for name in task.between}
    inputs = {name: fitted.samples.inputs[name] for name in sorted(sides)}
    there = {name: cells.present[every] for name, (_, cells) in inputs.items()}
    designs = {name: Design(reader.plain(cells, every), kept, seed) for name, (reader, cells) in inputs.items()}
    told = answers(fitted.model, fitted.samples, rows, outputs(fitted.model, fitted.samples, rows))
    for name, task in tasks.items():
        decoded, truth, labelled = told[name]
        for (one, other), aspect in zip(permutations(task.between, 2), task.aspects(decoded, truth), strict=True):
            train, test = np.flatnonzero((there[one] & there[other])[kept]), np.flatnonzero(labelled)[aspect.rows]
            if not len(train) or not len(test):
                continue
            same, vectors = truth[aspect.rows], decoded.prediction[aspect.rows, task.between.index(other)]
            offered = without_copies(vectors, same)
            search = Search(train, len(taught) + test, same, _taken(groups, taught[train]), offered)
            floors = search_baselines(search, designs[one], designs[other], seed=seed)
            found[f"{name}.{aspect.name}"] = Searched(
                _answers(aspect.decoded.prediction), floors, _taken(groups, rows[test])
            )
    return found


def _taken(groups: np.ndarray | None, rows: Rows) -> np.ndarray | None:
    return None if groups is None else groups[rows]


def search_baselines(search: Search, asked: Design, offered: Design, *, seed: int = 0) -> dict[str, Baseline]:
    """Two floors: "trivial", which knows nothing, and "linear".

    The linear one predicts the plain features of the offered side from those of the asked side, and orders the test
    rows by the cosine to that. Its penalty is the one of five with the best mean reciprocal rank on held-out training
    rows. At most 4,000 pairs are fitted.
    """
    drawn = numpy_generator(seed, "search", "fit").permutation(len(search.train))[:FIT_ROWS]
    pairs, chosen, sides = search.train[drawn], drawn[:CHOICE_ROWS], (asked.linear, offered.linear)
    penalty = _penalty(sides, search.train[chosen], _taken(search.groups, chosen), seed)
    things = np.arange(len(search.test)) if search.offered is None else search.offered
    found = _searched(sides, pairs, search.test, search.same, [penalty], things)[0]
    blind = 1 + (len(things) - np.array([len(right) for right in alike(search.same, things)])) / 2
    return {
        "trivial": Baseline(_answers(blind), len(search.train)),
        "linear": Baseline(_answers(found), len(pairs), {"penalty": penalty}),
    }


def _answers(ranks: np.ndarray) -> Answers:
    return Answers("ranks", np.zeros(len(ranks)), ranks)


def _penalty(sides: tuple[Any, Any], pairs: np.ndarray, groups: np.ndarray | None, seed: int) -> float:
    """Three folds of training pairs, among each of which its own partners are sought."""
    if len(pairs) < 6:
        return 1.0
    grouped = groups is not None and len(np.unique(groups)) >= 3
    folds = GroupKFold(3) if grouped else KFold(3, shuffle=True, random_state=derive(seed, "folds") % 2**31)
    scores = np.zeros(len(PENALTIES))
    for fit, held in folds.split(pairs, groups=groups if grouped else None):
        made = _searched(sides, pairs[fit], pairs[held], np.arange(len(held)), PENALTIES)
        scores += [ranking_scores(came)["mrr"] for came in made]
    return PENALTIES[int(scores.argmax())]


def _searched(
    sides: tuple[Any, Any],
    train: np.ndarray,
    test: np.ndarray,
    same: np.ndarray,
    penalties: Any,
    things: np.ndarray | slice = slice(None),
) -> list[np.ndarray]:
    """(test,) ranks for each penalty, by ridge regression in its dual form (Saunders et al. 1998, eq. 6).

    Only inner products of rows are needed, of which there are fewer than words.
    """
    asked, offered = (_Centred(side, train) for side in sides)
    values, axes = np.linalg.eigh(asked.products(train))
    values = np.maximum(values, 0.0)
    lengths = np.sqrt(np.maximum(offered.squares(test[things]), 1e-12))
    gallery = (axes.T @ offered.products(test[things]) / lengths).T
    found: list[list[np.ndarray]] = [[] for _ in penalties]
    positives = alike(same, np.arange(len(same))[things])
    for start in range(0, len(test), TILE):
        part = slice(start, start + TILE)
        reached = asked.products(test[part]).T @ axes
        for place, penalty in enumerate(penalties):
            queries = reached / (values + penalty * max(values.mean(), 1e-12))
            found[place].append(ranks(queries, gallery, positives[part]))
    return [np.concatenate(parts) for parts in found]


class _Centred:
    """Inner products of rows with the training rows, after the mean of these is taken away."""

    def __init__(self, features: np.ndarray | sparse.csr_matrix, train: np.ndarray) -> None:
        self.features, self.train = features, train
        self.middle = np.asarray(features[train].mean(axis=0), dtype=np.float64).ravel()
        self.own = np.asarray(features[train] @ self.middle) - self.middle @ self.middle

    def products(self, rows: np.ndarray) -> np.ndarray:
        """(training rows, rows)."""
        plain = self.features[self.train] @ self.features[rows].T
        dense = plain.toarray() if sparse.issparse(plain) else plain
        return np.asarray(dense, dtype=np.float64) - self.own[:, None] - np.asarray(self.features[rows] @ self.middle)

    def squares(self, rows: np.ndarray) -> np.ndarray:
        """(rows,) the squared length of each row."""
        part = self.features[rows]
        own = np.asarray(part.multiply(part).sum(axis=1) if sparse.issparse(part) else (part**2).sum(axis=1)).ravel()
        return own.astype(np.float64) - 2 * np.asarray(part @ self.middle) + self.middle @ self.middle
