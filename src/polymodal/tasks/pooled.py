"""How well lists are met, all their entries taken together, for many sets of weights of the rows at once.

What a row says is summed up once, so that drawing rows again costs the same however many tokens they have.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
from scipy import sparse
from scipy.stats import rankdata

from polymodal.tasks.weighted import mean_of_defined

__all__ = ["RowSums", "label_tables", "row_sums", "table_scores"]


@dataclass(frozen=True)
class RowSums:
    """Sums over the known tokens of each row.

    `moments` and `ranks` (6, n): how many, the sums of truth and answer, of their squares, of their products, of the
    numbers less the mean truth, and of ranks; `errors` (2, n) absolute and squared. `largest` is the largest square.
    """

    moments: np.ndarray
    ranks: np.ndarray
    errors: np.ndarray
    largest: float

    def scores(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """mse, mae, rmse, r2, pearson, spearman where rows count `weights` (draws, n) times.

        Ranks are those among all tokens counted once: drawing rows again changes them little, and sorting a hundred
        thousand tokens for each draw would take minutes.
        """
        total = weights @ self.moments[0]
        absolute, squared = (weights @ each / total for each in self.errors)
        spread = weights @ self.moments[3] / total - (weights @ self.moments[1] / total) ** 2
        varies = spread > 1e-12 * max(self.largest, 1e-300)
        return {
            "mse": squared,
            "mae": absolute,
            "rmse": np.sqrt(squared),
            "r2": np.where(varies, 1 - squared / np.where(varies, spread, 1.0), np.nan),
            "pearson": _correlation(self.moments, weights),
            "spearman": _correlation(self.ranks, weights),
        }


def row_sums(truth: np.ndarray, prediction: np.ndarray) -> RowSums:
    """Of (n,) lists of numbers, None where the truth of a token is not known.

    The mean of all that was told stands for a token of which nothing was told (its modality is absent).
    """
    rows, known, guess = _paired(truth, prediction)
    centre = known.mean() if len(known) else 0.0
    # Moments about the true mean: of large numbers that differ little, moments about zero would be rounding alone.
    moments = _sums(rows, known - centre, guess - centre, len(truth))
    ranks = [rankdata(part) - (len(part) + 1) / 2 for part in (known, guess)]
    gap = known - guess
    errors = np.stack([np.bincount(rows, part, len(truth)) for part in (np.abs(gap), gap**2)])
    largest = float(((known - centre) ** 2).max(initial=0.0))
    return RowSums(moments, _sums(rows, ranks[0], ranks[1], len(truth)), errors, largest)


def label_tables(truth: np.ndarray, prediction: np.ndarray, classes: Sequence[str]) -> sparse.csr_matrix:
    """(n, classes · (classes + 1)) how often each true label of each row was told as each; last, as none of them."""
    side = len(classes)
    place: dict[object, int] = {name: number for number, name in enumerate(classes)}
    held = sparse.lil_matrix((len(truth), side * (side + 1)))
    for row, (known, told) in enumerate(zip(truth, prediction, strict=True)):
        pairs = Counter(zip_longest(known, told[: len(known)]))
        for (label, said), many in pairs.items():
            if label in place:
                held[row, place[label] * (side + 1) + place.get(said, side)] += many
    return held.tocsr()


def table_scores(held: sparse.csr_matrix, side: int, weights: np.ndarray) -> dict[str, np.ndarray]:
    """token_accuracy, balanced_accuracy, macro_f1 of `label_tables` of so many classes, summed up over rows drawn."""
    tables = np.asarray(weights @ held).reshape(len(weights), side, side + 1)
    hits, true, told_so = np.einsum("dcc->dc", tables[..., :-1]), tables.sum(axis=2), tables.sum(axis=1)[:, :-1]
    return {
        "token_accuracy": hits.sum(axis=1) / true.sum(axis=1),
        "balanced_accuracy": mean_of_defined(hits / true),
        "macro_f1": mean_of_defined(2 * hits / (true + told_so)),
    }


def _paired(truth: np.ndarray, prediction: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The row, the true number and the predicted one of each token whose truth is known."""
    counts, known, told = [], [], []
    for true, said in zip(truth, prediction, strict=True):
        pairs = [pair for pair in zip_longest(true, said[: len(true)]) if pair[0] is not None]
        counts.append(len(pairs))
        known += [pair[0] for pair in pairs]
        told += [np.nan if pair[1] is None else pair[1] for pair in pairs]
    guess = np.array(told, dtype=np.float64)
    there = ~np.isnan(guess)
    middle = guess[there].mean() if there.any() else np.nan
    rows = np.repeat(np.arange(len(truth)), np.array(counts, dtype=np.int64))
    return rows, np.array(known, dtype=np.float64), np.where(there, guess, middle)


def _sums(rows: np.ndarray, first: np.ndarray, second: np.ndarray, count: int) -> np.ndarray:
    parts = (np.ones(len(rows)), first, second, first**2, second**2, first * second)
    return np.stack([np.bincount(rows, part, count) for part in parts])


def _correlation(moments: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(draws,) Pearson's r out of the sums of each row (6, n)."""
    many, *sums = (weights @ each for each in moments)
    first, second, squares, others, products = (each / many for each in sums)
    of_first, of_second = squares - first**2, others - second**2
    vary = (of_first > 1e-12 * squares) & (of_second > 1e-12 * others)
    spread = np.sqrt(np.where(vary, of_first * of_second, np.nan))
    return np.clip((products - first * second) / spread, -1, 1)
