"""What holds a molecule together: energy, forces and dipole of ethanol, learned from 900 frames, and set in motion.

One net tells the energy; forces are minus its slope, so that they cannot disagree with it. How much each of the three
losses weighs is found while training. Then copies of the molecule are let go from test frames for 10 ps, with nothing
but the learned forces to hold them, and a wall where atoms come closer than training ever saw them. It is told how much
energy they gain or lose, how far bonds stretch beyond what was seen, and, where tblite is installed, how far the forces
are off where the molecules went.
"""

from contextlib import suppress
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch

from polymodal import run
from polymodal.core import Batch, Values
from polymodal.evaluation.dynamics import Forces, Motion, Release, drift, move, surface
from polymodal.model import Ensemble
from polymodal.recipes.base import Finding, Kitchen, Recipe, Told, figure
from polymodal.run.fitting import Fitted

__all__ = ["RECIPE"]

MASSES = {1: 1.008, 6: 12.011, 8: 15.999}
KELVIN, COPIES, STEPS = 300.0, 4, 20_000
"""Cooler than the frames were made (500 K), which have to show all that is met; 10 ps in steps of 0.5 fs."""
BONDED = 1.9
"""Å; atoms that were ever farther apart in training are no bond."""
BOHR, HARTREE = 0.529177210903, 27.211386245988


def _cook(kitchen: Kitchen) -> Told:
    told = kitchen.fitted("ethanol", kitchen.spec("xtb_ethanol", ETHANOL))
    named = {"energy": (1000.0, "meV"), "forces": (1000.0, "meV/Å"), "dipole": (1.0, "e·Å")}
    found = []
    for part, (times, unit) in named.items():
        one = figure(told, f"potential.{part}", "mae", f"{part}, mean absolute error, {unit}")
        bounds = None if one.interval is None else [times * bound for bound in one.interval]
        found.append(Finding(one.what, times * one.value, bounds, one.n))
    fitted = run.open_run(kitchen.out / "ethanol").fitted
    return Told(found + _lawful(fitted) + _moved(kitchen, fitted), ["ethanol/report.html"])


def _lawful(fitted: Fitted) -> list[Finding]:
    """In float64: how far forces are from slopes of the energy, and what turning a molecule changes."""
    rows = fitted.split.test[:4]
    batch, model = fitted.samples.batch(rows), fitted.model.double()
    places = batch.inputs["frame"].data["positions"].double()
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    said, turned = (_said(model, batch, each) for each in (places, places @ torch.from_numpy(turn)))
    off, step = 0.0, 1e-4
    for atom in range(places.shape[1]):
        for axis in range(3):
            nudge = torch.zeros_like(places)
            nudge[:, atom, axis] = step
            ahead, behind = (_said(model, batch, places + sign * nudge)[0] for sign in (1, -1))
            off = max(off, float(np.abs(said[1][:, atom, axis] + (ahead - behind) / (2 * step)).max()))
    model.float()
    changed = max(float(np.abs(said[0] - turned[0]).max()), float(np.abs(said[1] @ turn - turned[1]).max()))
    return [
        Finding("forces off the slope of the energy, at most, eV/Å", off, None, len(rows)),
        Finding("changed by turning, at most, eV and eV/Å", changed, None, len(rows)),
    ]


def _said(model: Ensemble, batch: Batch, places: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    values = batch.inputs["frame"]
    given = Batch({"frame": Values({**values.data, "positions": places}, values.index)}, {}, batch.rows)
    task = model.tasks["potential"]
    with torch.no_grad():
        made = task.decode(model(given)["potential"]).prediction
    return made["energy"], np.array([np.reshape(each, (-1, 3)) for each in made["forces"]])


def _moved(kitchen: Kitchen, fitted: Fitted) -> list[Finding]:
    """What becomes of copies that are let go, beside what is known of the molecule from training."""
    frame = fitted.table.frame
    numbers, places = (
        np.array(frame["numbers"].iloc[0]),
        np.array([np.reshape(each, (-1, 3)) for each in frame["positions"]]),
    )
    known = places[np.concatenate([fitted.split.train, fitted.split.validation])]
    starts = places[np.linspace(fitted.split.test[0], fitted.split.test[-1], COPIES).astype(int)]
    kitchen.note(f"{COPIES} copies move for 10 ps")
    masses = np.array([MASSES[number] for number in numbers.tolist()])
    forces = surface(fitted.model, "potential", numbers)
    motion = move(forces, starts, Release(masses, KELVIN, seed=kitchen.seed), 20 if kitchen.tiny else STEPS)
    seen = Motion(np.zeros(len(known)), known[:, None], np.zeros(0), np.zeros(0)).distances().reshape(len(known), -1)
    bonds = seen.max(axis=0) < BONDED
    beyond = np.maximum(motion.distances() - seen.max(axis=0), seen.min(axis=0) - motion.distances())[..., bonds]
    found = [
        Finding(
            "drift of the energy, largest of the copies, meV a picosecond", float(np.abs(drift(motion)).max() * 1e3)
        ),
        Finding("spread of the total energy, largest of the copies, meV", float(motion.total.std(axis=0).max() * 1e3)),
        Finding("bonds beyond the range of training, at most, Å", float(max(0.0, beyond.max()))),
        Finding("frames with a bond more than 0.1 Å beyond it", float((beyond.max(axis=-1) > 0.1).mean())),
    ]
    return found + _checked(motion, numbers, forces) if find_spec("tblite") else found


def _checked(motion: Motion, numbers: np.ndarray, forces: Forces) -> list[Finding]:
    """How far the forces are from those of GFN2-xTB where the molecules went; some frames of every copy."""
    from tblite.interface import Calculator

    visited = motion.positions[:: max(1, len(motion.times) // 20)].reshape(-1, len(numbers), 3)
    asked = Calculator("GFN2-xTB", numbers, visited[0] / BOHR)
    asked.set("verbosity", 0)
    off, told = [], forces(visited)[1]
    for each, said in zip(visited, told, strict=True):
        asked.update(each / BOHR)
        with suppress(RuntimeError):  # no molecule any more
            off.append(np.abs(said + asked.singlepoint().get("gradient") * HARTREE / BOHR).mean())
    return [Finding("forces off where the molecules went, meV/Å", float(np.mean(off) * 1e3), None, len(off))]


FRAME = {"type": "structure", "column": "positions", "numbers": "numbers"}
# Settings were compared on the validation frames. Patience beyond all epochs: frames of one trajectory are few and
# alike, and the last average is as good as any.
ETHANOL: dict[str, Any] = {
    "modalities": {"frame": FRAME | {"encoder": "vectors", "tokens": "atoms"}},
    "tasks": {
        "potential": {
            "type": "potential",
            "of": "frame",
            "target": "energy",
            "forces": "forces",
            "dipole": "dipole",
            "repulsion": True,
        }
    },
    "model": {"width": 64},
    "train": {
        "epochs": 80,
        "batch_size": 8,
        "lr": 1e-3,
        "members": 1,
        "patience": 1000,
        "balancer": {"type": "uncertainty"},
    },
}
RECIPE = Recipe("chemistry_potential", "Energy, forces and dipole of ethanol, set in motion", ("xtb_ethanol",), _cook)
