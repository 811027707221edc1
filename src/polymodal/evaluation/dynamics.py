"""How atoms move by a potential that was learned, and whether they stay together as they should.

>>> from polymodal.evaluation.dynamics import Motion
>>> Motion.__dataclass_fields__.keys() >= {"positions", "potential", "kinetic"}
True
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from polymodal.core import Batch, UsageProblem
from polymodal.core.seeding import numpy_generator
from polymodal.data.atoms import checked
from polymodal.data.structures import StructureColumn
from polymodal.model import Ensemble, Model
from polymodal.tasks import Potential

__all__ = ["BOLTZMANN", "Forces", "Motion", "Release", "drift", "move", "surface"]

BOLTZMANN = 8.617333e-5
"""eV for each kelvin."""
PUSH = 9.648533e-3
"""Å/fs² that 1 eV/Å gives to an atom of mass 1."""

Forces = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Positions (n, atoms, 3) in Å to energies (n,) in eV and forces (n, atoms, 3) in eV/Å."""


@dataclass(frozen=True)
class Motion:
    """Copies of a molecule as they moved: every few steps, where atoms were and how much energy there was.

    `times` (frames,) in fs, `positions` (frames, n, atoms, 3) in Å, `potential` and `kinetic` (frames, n) in eV.
    """

    times: np.ndarray
    positions: np.ndarray
    potential: np.ndarray
    kinetic: np.ndarray

    @property
    def total(self) -> np.ndarray:
        """(frames, n) energies that should stay as they are."""
        return self.potential + self.kinetic

    def distances(self) -> np.ndarray:
        """(frames, n, pairs) between atoms, in Å, pairs as those of an upper triangle."""
        one, other = np.triu_indices(self.positions.shape[2], 1)
        return np.asarray(np.linalg.norm(self.positions[:, :, one] - self.positions[:, :, other], axis=-1))


def surface(model: Ensemble | Model, task: str, numbers: np.ndarray) -> Forces:
    """The energies and forces that a model tells for one kind of molecule: atomic numbers (atoms,).

    Other modalities are absent. Raises UsageProblem for a task of another kind, and the function that is returned
    DataError for positions that cannot be: two atoms at one place, say.
    """
    asked = model.tasks.get(task)
    reader = None if not isinstance(asked, Potential) else model.modalities[asked.of].reader
    if not isinstance(asked, Potential) or not isinstance(reader, StructureColumn):
        raise UsageProblem(
            "no-potential",
            where=task,
            expected="a task of type potential, of a structure",
            found="none of this name" if asked is None else type(asked).__name__,
            remedy=f"name one of {', '.join(model.tasks)}",
        )
    model.eval()

    def told(positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        atoms = [checked(numbers, each, reader.reach.largest) for each in positions]
        batch = Batch({asked.of: reader.values(atoms)}, {}, torch.arange(len(atoms)))
        with torch.no_grad():
            made = asked.decode(model(batch.to(next(model.parameters()).device))[task]).prediction
        forces = np.array([np.reshape(each, (-1, 3)) for each in made["forces"]])
        return made["energy"], forces

    return told


@dataclass(frozen=True)
class Release:
    """How atoms are let go: masses (atoms,) in atomic mass units, velocities drawn for a temperature in `kelvin`.

    Of each step of `step` fs, one in `every` is kept.
    """

    masses: np.ndarray
    kelvin: float
    step: float = 0.5
    every: int = 20
    seed: int = 0


def move(forces: Forces, positions: np.ndarray, release: Release, steps: int) -> Motion:
    """Let atoms move freely, by velocity Verlet (Swope et al. 1982), each of n copies by itself.

    positions (n, atoms, 3) in Å. Velocities hold none of the whole. Nothing is added or taken away, so that the total
    energy tells how well forces belong to energies, and steps to forces.
    """
    draw, weights = numpy_generator(release.seed, "velocities"), release.masses[:, None]
    speeds = draw.normal(size=positions.shape) * np.sqrt(BOLTZMANN * release.kelvin * PUSH / weights)
    speeds = speeds - (weights * speeds).sum(axis=1, keepdims=True) / release.masses.sum()
    places, (energy, pull), step = positions.astype(np.float64), forces(positions), release.step
    frames = [(places, energy, _kinetic(speeds, weights))]
    for number in range(1, steps + 1):
        speeds = speeds + 0.5 * step * PUSH * pull / weights
        places = places + step * speeds
        energy, pull = forces(places)
        speeds = speeds + 0.5 * step * PUSH * pull / weights
        if number % release.every == 0:
            frames.append((places, energy, _kinetic(speeds, weights)))
    held = [np.array(each) for each in zip(*frames, strict=True)]
    return Motion(np.arange(len(frames)) * release.every * step, held[0], held[1], held[2])


def drift(motion: Motion) -> np.ndarray:
    """(n,) eV that each copy gains in a picosecond: the slope of a line through its total energy."""
    centred = (motion.times - motion.times.mean()) / 1000
    return np.asarray(centred @ (motion.total - motion.total.mean(axis=0)) / (centred @ centred))


def _kinetic(speeds: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return np.asarray(0.5 * (weights * speeds**2).sum(axis=(1, 2)) / PUSH)
