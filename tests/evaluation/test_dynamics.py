"""Atoms that move by known forces, and by those of a model."""

import numpy as np
import pytest

from polymodal.core import DataError, UsageProblem
from polymodal.evaluation.dynamics import BOLTZMANN, Motion, Release, drift, move, surface
from tests.tasks.atoms import model_of, springs, told

MASSES = np.array([16.0, 1.0])


def spring(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two atoms held 1 Å apart by 30 eV/Å²."""
    away = places[:, 1] - places[:, 0]
    long = np.linalg.norm(away, axis=-1, keepdims=True)
    pull = 30 * (long - 1) * away / long
    return 15 * (long[:, 0] - 1) ** 2, np.stack([pull, -pull], axis=1)


def test_energy_stays_and_the_spring_swings_in_its_own_time() -> None:
    start = np.array([[[0.0, 0, 0], [1.1, 0, 0]]])
    motion = move(spring, start, Release(MASSES, 0.0, step=0.1, every=1), steps=800)
    assert np.ptp(motion.total) < 2e-4  # of 0.15
    assert motion.total[0, 0] == pytest.approx(0.15)
    assert abs(drift(motion)[0]) < 1e-3
    swings = np.diff(np.sign(motion.distances()[:, 0, 0] - 1)).nonzero()[0]
    period = 2 * np.diff(swings).mean() * 0.1
    assert period == pytest.approx(2 * np.pi * np.sqrt(16 / 17 / (30 * 9.648533e-3)), rel=0.01)


def test_velocities_have_the_temperature_and_no_drift_of_the_whole() -> None:
    start = np.tile([[[0.0, 0, 0], [1.0, 0, 0]]], (4000, 1, 1))
    motion = move(spring, start, Release(MASSES, 300.0, step=1e-6, every=1), steps=1)
    assert motion.kinetic[0].mean() == pytest.approx(3 / 2 * BOLTZMANN * 300, rel=0.05)  # three ways to move are gone
    middle = (MASSES[:, None] * (motion.positions[1] - motion.positions[0])).sum(axis=1)
    assert np.abs(middle).max() < 1e-12


def test_what_gains_energy_is_seen() -> None:
    times = np.arange(0.0, 1000.0, 10.0)
    rising = np.stack([times / 1000 * 0.5, np.zeros_like(times)], axis=1)
    motion = Motion(times, np.zeros((100, 2, 1, 3)), rising, np.zeros_like(rising))
    assert drift(motion) == pytest.approx([0.5, 0.0])


def test_a_model_moves_what_it_tells_the_energy_of() -> None:
    frame = springs(4).iloc[::2].reset_index(drop=True)
    model, samples = model_of(frame)
    model, numbers = model.double(), np.array(frame["numbers"][0])
    forces, places = surface(model, "potential", numbers), np.array(frame["places"].tolist())
    energies, pulls = forces(places)
    wanted = model.tasks["potential"].decode(told(model, samples.batch(np.arange(2)))).prediction
    assert energies == pytest.approx(wanted["energy"], abs=1e-5)
    assert pulls.reshape(2, -1) == pytest.approx(np.array(wanted["forces"].tolist()), abs=1e-5)
    motion = move(forces, places, Release(np.array([16.0, 1.0, 1.0]), 100.0, every=5), steps=40)
    assert motion.positions.shape == (9, 2, 3, 3)
    assert np.ptp(motion.total, axis=0).max() < 1e-3


def test_what_is_no_potential_is_refused() -> None:
    model, _ = model_of(springs(2))
    with pytest.raises(UsageProblem, match="potential"):
        surface(model, "energy", np.array([8, 1, 1]))
    with pytest.raises(DataError, match="at one place"):
        surface(model, "potential", np.array([8, 1, 1]))(np.zeros((1, 3, 3)))
