"""The main directions in which sparse rows differ: a few dense coordinates in place of many thousand columns."""

import numpy as np
from scipy import sparse

from polymodal.core.seeding import numpy_generator

__all__ = ["main_directions"]

SAMPLE = 2000
"""Rows that the directions are found from: more change them little and cost seconds."""


def main_directions(matrix: sparse.csr_matrix, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """Directions (columns, rank) along which rows vary most, and the rows' mean coordinates (rank,), float32.

    Latent semantic analysis (Deerwester et al. 1990) by a randomised decomposition (Halko et al. 2011) of at most 2,000
    rows. Coordinates of a row are `row @ directions`; they are scaled by one number to a mean square of 1. The rank is
    lowered where there are fewer rows or columns.
    """
    from sklearn.utils.extmath import randomized_svd  # scikit-learn takes most of a second to load

    rows, columns = matrix.shape
    rank = max(min(rank, rows - 1, columns - 1), 1)
    if columns == 0 or matrix.nnz == 0:
        return np.zeros((columns, rank), dtype=np.float32), np.zeros(rank, dtype=np.float32)
    if rows > SAMPLE:
        matrix = matrix[np.sort(numpy_generator(0, "directions").choice(rows, SAMPLE, replace=False))]
    _, _, found = randomized_svd(matrix, rank, n_iter=2, random_state=0)
    directions = np.ascontiguousarray(found.T, dtype=np.float32)
    seen = matrix @ directions
    scale = np.float32(1.0 / max(seen.std(axis=0).mean(), 1e-6)) if rows > 1 else np.float32(1.0)
    return directions * scale, seen.mean(axis=0) * scale
