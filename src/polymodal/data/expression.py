"""What spots express, told in a few numbers each, although sections may have measured different genes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from scipy import sparse

from polymodal.core.seeding import numpy_generator
from polymodal.data.genes import dispersion

__all__ = ["RAREST", "WILDEST", "Expression", "Spots", "logged", "some_spots", "totals"]

WILDEST = 50.0
"""Beyond this a number is cut off. The first directions spread by five, the mean over directions is 1."""

RAREST = 10.0
"""Standard deviations of a gene that one spot may have: one that is seen in a few spots has many there."""
ROOM, LEAST = 2**25, 500
"""Numbers of genes that are held at once, zeros among them; and the spots that are learned from, at least."""

Spots = tuple[np.ndarray, sparse.csr_matrix]
"""Names of genes (genes,), and the logarithms (spots, genes) that some spots have of them."""


@dataclass(frozen=True)
class Expression:
    """What was learned of genes: which are kept, and how what a spot has of them becomes a few numbers.

    `names` are the genes that every training section measured and that vary most there; `mean` and `spread` those of
    their logarithms, in units of which genes are compared: else the few that are frequent everywhere decide. `basis`
    (genes, numbers) are main directions of these, of one length, `centre` the mean coordinates, `variance` the variance
    along each, and `noise` that of a gene about what the directions tell. Without a basis, genes are told themselves.
    `depth` is how many counts the middle spot of the training sections has.

    A gene that a section has not measured is unknown there, and never a count of zero: coordinates are then the most
    probable ones under those genes that are known (probabilistic principal components, Tipping and Bishop 1999, eq.
    6), and a gene that is told itself is NaN.
    """

    names: Sequence[str] = ()
    mean: Sequence[float] = ()
    spread: Sequence[float] = ()
    basis: Sequence[Sequence[float]] = ()
    centre: Sequence[float] = ()
    variance: Sequence[float] = ()
    noise: float = 0.0
    depth: float = 1.0

    @property
    def size(self) -> int:
        """How many numbers are told of a spot."""
        return len(self.centre) or len(self.names)

    @classmethod
    def learn(cls, sections: Sequence[Spots], genes: int | None, directions: int | None) -> "Expression":
        """Out of some spots of each training section; nothing is kept where they have no gene that varies in common."""
        names = sorted(set.intersection(*(set(held) for held, _ in sections)))
        rows = sparse.vstack([spots[:, _places(held, names)[1]] for held, spots in sections]).tocsr()
        mean, variance = _moments(rows)
        varied = np.flatnonzero(variance > 1e-9 * np.maximum(1.0, mean**2))
        if len(varied) == 0:
            return cls()
        told = rows[:, varied].copy()
        told.data = np.expm1(told.data)
        score = dispersion(*_moments(told))
        kept = varied[np.sort(np.argsort(-score, kind="stable")[: genes or len(score)])]
        chosen = [str(names[place]) for place in kept]
        made = cls(chosen, mean[kept].tolist(), np.sqrt(variance[kept]).tolist())
        if directions is None:
            return made
        some = some_spots(rows[:, kept], max(LEAST, ROOM // len(kept)), 0)
        return replace(made, **_directions(made._standard(np.arange(len(kept)), some), directions))

    def told(self, names: np.ndarray, rows: sparse.csr_matrix) -> np.ndarray:
        """(spots, size) float32 of logarithms (spots, genes); NaN where nothing is known."""
        known, places = _places(names, self.names)
        held, step = rows[:, places], max(1, ROOM // max(1, len(places)))
        parts = [self._told(known, held[start : start + step]) for start in range(0, rows.shape[0], step)]
        return np.clip(np.concatenate(parts), -WILDEST, WILDEST).astype(np.float32)

    def _told(self, known: np.ndarray, rows: sparse.csr_matrix) -> np.ndarray:
        """(spots, size) of the logarithms of those genes that are known."""
        standard = self._standard(known, rows)
        if self.basis:
            return self._coordinates(known, standard)
        made = np.full((rows.shape[0], len(self.names)), np.nan)
        made[:, known] = standard
        return made

    def _standard(self, known: np.ndarray, rows: sparse.csr_matrix) -> np.ndarray:
        """(spots, known genes) float32 in standard deviations of the training spots, cut at ten."""
        mean, spread = (np.asarray(each, dtype=np.float32)[known] for each in (self.mean, self.spread))
        return np.clip((rows.toarray() - mean) / spread, -RAREST, RAREST)

    def measures(self, names: np.ndarray) -> int:
        """How many of the kept genes are among these."""
        return len(set(self.names) & set(names))

    def _coordinates(self, known: np.ndarray, standard: np.ndarray) -> np.ndarray:
        basis, centre = np.asarray(self.basis), np.asarray(self.centre)
        if len(known) == len(self.names):
            return np.asarray(standard @ basis) - centre
        length = np.linalg.norm(basis[:, 0])
        axes, middle = basis[known] / length, centre / length
        inner = axes.T @ axes + np.diag(self.noise * length**2 / np.maximum(self.variance, 1e-12))
        away = np.asarray(standard @ axes) - (axes.T @ axes @ middle)
        return np.asarray(length * np.linalg.solve(inner + 1e-6 * np.eye(len(inner)), away.T).T)


def logged(
    counts: sparse.csr_matrix, values: Literal["counts", "logged"] = "counts", depth: float = 1.0
) -> sparse.csr_matrix:
    """log(1 + counts as if each spot had `depth` of them); measures that are logarithms already stay as they are.

    The depth is that of the middle spot: with ten thousand, as is usual for cells, a single count of a spot that has
    fifteen hundred would be as much as seven, and noise the larger part (Ahlmann-Eltze and Huber 2023).
    """
    if values == "logged":
        return counts
    total = totals(counts)
    made = sparse.diags(depth / np.where(total > 0, total, 1.0)) @ counts.astype(np.float64)
    return made.log1p().tocsr().astype(np.float32)


def totals(counts: sparse.csr_matrix) -> np.ndarray:
    """(spots,) how many counts each has."""
    return np.asarray(counts.sum(axis=1, dtype=np.float64)).ravel()


def some_spots(rows: sparse.csr_matrix, most: int, section: int) -> sparse.csr_matrix:
    """At most so many of the spots of a section, drawn evenly."""
    if rows.shape[0] <= most:
        return rows
    return rows[np.sort(numpy_generator(0, "spots", section).choice(rows.shape[0], most, replace=False))]


def _places(names: np.ndarray | Sequence[str], wanted: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Which of the wanted genes are among the names, and their places there."""
    place = {name: number for number, name in enumerate(names)}
    known = [number for number, name in enumerate(wanted) if name in place]
    return np.array(known, dtype=np.int64), np.array([place[wanted[number]] for number in known], dtype=np.int64)


def _moments(rows: sparse.csr_matrix) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance (genes,) of each column."""
    wide = rows.astype(np.float64)
    mean = np.asarray(wide.mean(axis=0)).ravel()
    return mean, np.maximum(np.asarray(wide.multiply(wide).mean(axis=0)).ravel() - mean**2, 0.0)


def _directions(rows: np.ndarray, many: int) -> dict[str, Any]:
    """Basis, centre, variance and noise, as plain numbers. Every spot counts: they say little each."""
    from sklearn.decomposition import PCA  # takes most of a second to load

    found = PCA(
        max(1, min(many, len(rows) - 1, rows.shape[1])), svd_solver="randomized", iterated_power=7, random_state=0
    )
    seen = found.fit_transform(rows).astype(np.float64)
    scale = 1.0 / max(seen.std(axis=0).mean(), 1e-6)
    basis, centre = found.components_.T * scale, (found.mean_ @ found.components_.T) * scale
    left = float(np.square(rows - found.mean_, dtype=np.float64).sum()) - float((seen**2).sum())
    noise = max(left, 0.0) / (rows.shape[0] * max(rows.shape[1] - basis.shape[1], 1))
    made = {"basis": basis, "centre": centre, "variance": (seen * scale).var(axis=0)}
    return {name: _short(numbers) for name, numbers in made.items()} | {"noise": noise}


def _short(numbers: np.ndarray) -> list[Any]:
    """Nested lists of numbers of six digits, as many as the decomposition gives: a state of half the size."""
    return [_short(line) if line.ndim else float(f"{line:.6g}") for line in numbers]
