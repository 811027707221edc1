"""Neighbours and patches of spots."""

import numpy as np
import pytest

from polymodal.core import DataError
from polymodal.data.neighbourhoods import lattice_of, patches_of

GRID = np.stack(np.meshgrid(np.arange(4.0), np.arange(5.0), indexing="ij"), axis=-1).reshape(-1, 2)


@pytest.mark.parametrize("unit", [1e-3, 1.0, 137.0])
def test_the_unit_of_places_does_not_matter(unit):
    found = lattice_of(unit * GRID + 7, 4)
    assert found.spacing == pytest.approx(unit)
    np.testing.assert_allclose(found.places, GRID - [1.5, 2.0], atol=1e-4)
    inner = 1 * 5 + 2
    assert sorted(found.neighbours[inner].tolist()) == [2, 6, 8, 12]


def test_no_spot_is_its_own_neighbour():
    found = lattice_of(GRID, 6).neighbours
    assert (found != np.arange(len(GRID))[:, None]).all()
    assert all(len(set(each)) == 6 for each in found.tolist())
    doubled = lattice_of(np.concatenate([GRID, GRID[:3], GRID[:3], GRID[:3]]), 2).neighbours
    assert (doubled != np.arange(len(doubled))[:, None]).all()


def test_where_there_are_fewer_spots_than_neighbours():
    assert lattice_of(GRID[:3], 5).neighbours[:, 2:].tolist() == [[-1] * 3] * 3
    lone = lattice_of(GRID[5:6], 2)
    assert (lone.places.tolist(), lone.neighbours.tolist(), lone.spacing) == ([[0, 0]], [[-1, -1]], 1.0)


def test_spots_at_one_place_are_refused():
    with pytest.raises(DataError, match="section-places"):
        lattice_of(np.zeros((5, 2)), 2)


def test_a_patch_shows_what_lies_about_its_spot():
    picture = np.zeros((60, 80, 3), dtype=np.uint8)
    picture[20:30, 40:50] = 200
    middle = np.array([[25.0, 45.0], [25.0, 15.0], [2.0, 2.0], [58.0, 40.0]])
    patches, seen = patches_of(picture, middle, 10.0, 5, 10**6)
    assert seen.tolist() == [True, True, False, False]
    assert patches.shape == (4, 3, 5, 5)
    assert patches[0].min() == 200
    assert patches[1:].max() == 0


def test_rows_come_before_columns():
    picture = np.repeat(np.arange(50, dtype=np.uint8)[:, None, None], 40, axis=1).repeat(3, axis=2)
    patches, seen = patches_of(picture, np.array([[45.0, 20.0], [20.0, 45.0]]), 4.0, 4, 10**6)
    assert seen.tolist() == [True, False]
    assert patches[0, 0, :, 0].tolist() == [43, 44, 45, 46]


def test_a_picture_that_would_swell_is_refused():
    with pytest.raises(DataError, match="section-picture"):
        patches_of(np.zeros((10, 10, 3), dtype=np.uint8), np.zeros((1, 2)), 1e-3, 8, 10**6)
