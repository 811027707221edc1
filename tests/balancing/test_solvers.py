"""The small solvers find what slower, outside ones find, and what their conditions ask for."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize, nnls

from polymodal.balancing.solvers import bisector, dual_projections, fair_point, least, mean_one, over_known, shortest
from polymodal.balancing.solvers import weighed as weighed_by
from tests.balancing.reference import NAN, drawn


def unit(seed: int, tasks: int, width: int = 20) -> np.ndarray:
    return torch.nn.functional.normalize(drawn(seed, tasks, width=width)).numpy()


@pytest.mark.parametrize("tasks", [1, 2, 3, 7, 11])
@pytest.mark.parametrize("seed", range(5))
def test_the_least_value_above_zero_is_that_of_scipy(tasks, seed):
    rows = unit(seed, max(tasks, 2))[:tasks]
    aim = np.random.default_rng(seed).standard_normal(rows.shape[1])
    found = least(rows @ rows.T, -rows @ aim)
    np.testing.assert_allclose(found, nnls(rows.T, aim)[0], atol=1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_on_the_simplex_no_single_step_goes_lower(seed):
    rows, draw = unit(seed, 5), np.random.default_rng(seed)
    slopes, units = draw.standard_normal(5), draw.uniform(0.1, 3, 5)
    x = least(rows @ rows.T, slopes, units)
    assert x @ units == pytest.approx(1)
    assert (x >= 0).all()
    rise = (rows @ rows.T @ x + slopes) / units
    assert rise.min() >= rise[x > 0].max() - 1e-9


def test_the_shortest_vector_between_two_gradients_is_the_closed_form():
    for seed in range(20):
        first, second = rows = drawn(seed, 2, ratio=3.0).numpy()
        share = np.clip(second @ (second - first) / ((first - second) @ (first - second)), 0, 1)
        sizes = np.linalg.norm(rows, axis=1)
        found = shortest(rows @ rows.T / np.outer(sizes, sizes), sizes)
        np.testing.assert_allclose(found, [share, 1 - share], atol=1e-9)


def test_projections_are_those_of_a_general_solver():
    rows = drawn(3, 4, ratio=10.0).numpy()
    sizes = np.linalg.norm(rows, axis=1)
    wanted = np.zeros(rows.shape[1])
    for row in rows:
        condition = {"type": "ineq", "fun": lambda x: rows @ x / sizes, "jac": lambda x: rows / sizes[:, None]}
        done = minimize(
            lambda x, row=row: ((x - row) ** 2).sum(),
            row,
            jac=lambda x, row=row: 2 * (x - row),
            constraints=condition,
            method="SLSQP",
            options={"ftol": 1e-14, "maxiter": 500},
        )
        wanted += done.x
    found = dual_projections(rows @ rows.T / np.outer(sizes, sizes), sizes) @ rows
    np.testing.assert_allclose(found, wanted, atol=1e-4)


@pytest.mark.parametrize("power", [0.1, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("tasks", [2, 3, 11])
def test_the_fair_point_keeps_its_condition(power, tasks):
    rows, pulls = unit(tasks, tasks), np.logspace(-1, 1, tasks)
    x = fair_point(rows @ rows.T, pulls, power)
    assert (x > 0).all()
    np.testing.assert_allclose(rows @ rows.T @ x, pulls * x**-power, rtol=1e-6)


def test_the_bisector_has_the_same_projection_on_all():
    rows = unit(1, 4)
    np.testing.assert_allclose(rows @ rows.T @ bisector(rows @ rows.T), 1.0)
    assert bisector(np.array([[1.0, -1.0], [-1.0, 1.0]])).tolist() == [0, 0]
    np.testing.assert_allclose(bisector(np.ones((2, 2))), [0.5, 0.5])


def test_sizes_have_a_mean_of_one():
    assert mean_one(np.array([1.0, -3.0])).tolist() == [0.5, -1.5]
    assert mean_one(np.zeros(2)).tolist() == [0, 0]


def test_what_cannot_be_weighed_has_weight_one_and_what_is_unlabelled_none():
    losses = torch.tensor([1.0, NAN, 2.0, 3.0, 0.0])
    usable = np.array([True, True, True, True, False])
    found = over_known(losses, usable, lambda places: places + 10.0)
    assert found.tolist() == [10, 0, 12, 13, 1]
    assert over_known(losses, usable, lambda places: np.full(3, np.nan)).tolist() == [1, 0, 1, 1, 1]
    assert over_known(losses[:1], usable[:1], lambda places: 1 / 0).tolist() == [1]


def test_a_gradient_of_zero_or_infinity_is_left_out():
    rows = drawn(0, 4)
    rows[2] = 0
    gramian = rows @ rows.T
    gramian[3, 3] = torch.inf
    seen = []
    weighed_by(torch.ones(4), gramian, lambda cosines, sizes: seen.append(cosines) or sizes)
    assert seen[0].shape == (2, 2)
    with pytest.raises(ValueError, match="Gramian"):
        weighed_by(torch.ones(4), None, lambda cosines, sizes: sizes)
