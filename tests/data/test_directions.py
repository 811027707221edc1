"""Main directions: few coordinates that hold what differs."""

import numpy as np
import pytest
from scipy import sparse

from polymodal.data.directions import Pieces, main_directions


def test_low_rank_rows_keep_their_distances() -> None:
    draw = np.random.default_rng(0)
    rows = draw.random((50, 3)) @ draw.random((3, 200))
    directions, centre = main_directions(sparse.csr_matrix(rows, dtype=np.float32), rank=3)
    seen = rows @ directions
    scale = np.linalg.norm(seen[0] - seen[1]) / np.linalg.norm(rows[0] - rows[1])
    for other in range(2, 50):
        wanted = scale * np.linalg.norm(rows[0] - rows[other])
        assert np.linalg.norm(seen[0] - seen[other]) == pytest.approx(wanted, rel=1e-3)
    np.testing.assert_allclose(seen.mean(axis=0), centre, atol=1e-3)
    assert (seen - centre).std(axis=0).mean() == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("shape", [(1, 5), (5, 1), (0, 3), (3, 0), (2, 2)])
def test_too_few_rows_or_columns_lower_the_rank(shape: tuple[int, int]) -> None:
    directions, centre = main_directions(sparse.csr_matrix(np.ones(shape, dtype=np.float32)), rank=8)
    assert directions.shape == (shape[1], len(centre))
    assert np.isfinite(directions).all()


def test_the_same_rows_give_the_same_directions() -> None:
    rows = sparse.random(3000, 40, 0.3, "csr", dtype=np.float32, random_state=0)
    one, other = main_directions(rows, 8), main_directions(rows.copy(), 8)
    assert np.array_equal(one[0], other[0])


def test_pieces_know_what_differs_and_how_long_rows_are() -> None:
    counts = np.zeros((60, 9), dtype=np.uint8)
    counts[:, 0], counts[::2, 3] = 1, 7
    learned = Pieces.learn(counts)
    assert (learned.basis[[0, 3]] != 0).any(axis=1).all()
    assert np.abs(learned.basis[[1, 2, 4, 5, 6, 7, 8]]).max() < 1e-5
    logs = np.log1p(counts.astype(float))
    assert learned.length == pytest.approx(np.sqrt((logs**2).sum(axis=1).mean()))
    np.testing.assert_allclose((logs @ learned.basis).mean(axis=0), learned.centre, atol=1e-5)


def test_room_for_what_is_saved_elsewhere() -> None:
    assert Pieces.unknown(9, 4).basis.shape == (9, 4)
    assert Pieces.learn(np.zeros((5, 9), dtype=np.uint8)).length == 1.0
