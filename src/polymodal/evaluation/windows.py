"""The plain floor of answers for each residue: what a linear model reads off the residue and its neighbours.

Windows of neighbours are how secondary structure has been told since Garnier, Osguthorpe and Robson (1978).
"""

import warnings
from collections.abc import Sequence

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge

from polymodal.core.seeding import numpy_generator
from polymodal.data.residues import CODES, PADDING, ResidueCells, ResidueColumn
from polymodal.evaluation.baselines import Baseline
from polymodal.evaluation.searching import Searched
from polymodal.run.fitting import Fitted
from polymodal.run.judging import as_answers
from polymodal.tasks import Decoded, TokenLabels, TokenValues
from polymodal.training.predicting import answers, outputs

__all__ = ["told_by_windows", "windowed"]

REACH = 8
"""Residues to either side: with the residue itself, the 17 of Garnier, Osguthorpe and Robson."""
FIT_RESIDUES = 50_000  # from 20,000 to 80,000, a share of right answers rises by a third of a point
PASSES = 60


def windowed(fitted: Fitted, groups: np.ndarray | None = None, *, seed: int = 0) -> dict[str, Searched]:
    """Every task about the residues of a protein, by name: our answers for the test rows, and the plain ones.

    Plain models learn from residues drawn from the training and validation rows.
    """
    found = {}
    for name, task in fitted.model.tasks.items():
        if not isinstance(task, TokenLabels | TokenValues):
            continue
        column, cells = fitted.samples.inputs[task.of]
        if not isinstance(column, ResidueColumn) or not isinstance(cells, ResidueCells):
            continue
        split, test = fitted.split, fitted.split.test
        made = outputs(fitted.model, fitted.samples, test)
        decoded, truth, labelled = answers(fitted.model, fitted.samples, test, {name: made[name]})[name]
        reader, target = fitted.samples.targets[name]
        learned = reader.collate(target, np.concatenate([split.train, split.validation]))[0]
        rows = np.concatenate([split.train, split.validation])[learned.present.numpy()]
        if len(truth) == 0 or len(rows) == 0:
            continue
        known = task.truth(learned.data["target"])
        chains = [_chain(cells, row) for row in rows], [_chain(cells, row) for row in test[labelled]]
        floors = {}
        for floor, said in told_by_windows(chains[0], known, chains[1], bool(task.classes), seed).items():
            told = as_answers(fitted.model, name, Decoded(said, classes=task.classes), truth)
            floors[floor] = Baseline(told, len(rows), {"residues": 2 * REACH + 1})
        ours = as_answers(fitted.model, name, decoded, truth)
        found[name] = Searched(ours, floors, None if groups is None else groups[test][labelled])
    return found


def told_by_windows(
    taught: Sequence[np.ndarray], known: np.ndarray, asked: Sequence[np.ndarray], labels: bool, seed: int = 0
) -> dict[str, np.ndarray]:
    """Lists for each chain that is asked: "trivial" (the commonest label, or the mean) and "linear".

    `taught` and `asked` are codes of chains; `known` (n,) lists of labels or numbers for those that teach, None where
    nothing is known.
    """
    places = [(row, place) for row, each in enumerate(known) for place, answer in enumerate(each) if answer is not None]
    drawn = numpy_generator(seed, "windows").permutation(len(places))[:FIT_RESIDUES]
    chosen = np.array(places)[np.sort(drawn)]
    truth = np.array([known[row][place] for row, place in chosen], dtype=object if labels else np.float64)
    features = np.concatenate(
        [windows_of(taught[row])[chosen[chosen[:, 0] == row, 1]] for row in np.unique(chosen[:, 0])]
    )
    sorts, counts = np.unique(truth, return_counts=True) if labels else (truth, truth)
    usual = sorts[counts.argmax()] if labels else float(truth.mean())
    made = {"trivial": _listed([[usual] * len(chain) for chain in asked])}
    if not labels or len(sorts) > 1:
        model = LogisticRegression(max_iter=PASSES) if labels else Ridge()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the last digits of a floor do not matter
            model.fit(features, truth.astype(str) if labels else truth)
        made["linear"] = _listed([model.predict(windows_of(chain)).tolist() if len(chain) else [] for chain in asked])
    return made


def windows_of(codes: np.ndarray) -> np.ndarray:
    """(residues, window · codes) 1 for the code at each place about each residue of a chain (residues,)."""
    padded = np.pad(codes.astype(np.int64), REACH, constant_values=PADDING)
    about = np.lib.stride_tricks.sliding_window_view(padded, 2 * REACH + 1)
    return np.eye(CODES, dtype=np.float32)[about].reshape(len(codes), -1)


def _chain(cells: ResidueCells, row: int) -> np.ndarray:
    """The codes of a row's chain; none where it is absent."""
    code = int(cells.code[row])
    return cells.sequences[code] if code >= 0 else np.zeros(0, dtype=np.uint8)


def _listed(lists: Sequence[list[object]]) -> np.ndarray:
    made = np.empty(len(lists), dtype=object)
    made[:] = lists
    return made
