"""Ethanol in motion: its energy, forces and dipole, frame by frame, by GFN2-xTB (Bannwarth et al. 2019).

One trajectory of 3.75 ps at 500 K (Langevin, steps of 0.5 fs), a frame each 2.5 fs: positions in Å, the total energy in
eV (mean -309.37, standard deviation .20), forces in eV/Å (.91 in the mean, without sign) and the dipole in e·Å. Frames
follow one another closely (the energy is correlated by .33 still after 50 frames), so that rows drawn at random for the
test lie between near-equal ones of training. Here parts are stretches of time with 50 frames left out between them, and
the first 100 frames are left out, because the simulation had not settled: 900 frames to learn from, then 150 for
validation, then 250 for the test.

One trajectory of one molecule says nothing of other molecules, nor of other temperatures.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from polymodal.data.sets.base import DataSet

__all__ = ["PARTS", "SET"]

ARRAYS, TABLE = "ethanol_gfn2_500K.npz", "frames.parquet"
PARTS = {"train": (100, 1000), "validation": (1050, 1200), "test": (1250, 1500)}
"""First frame of each part, and the first one behind it."""


def _derive(source: Path, target: Path) -> None:
    """One row for each frame: frame, part, numbers (atomic numbers), positions (Å, flat), energy (eV) and more."""
    with np.load(source / ARRAYS, allow_pickle=False) as arrays:
        numbers, positions, energy, forces, dipole = (arrays[name] for name in ("z", "R", "E", "F", "mu"))
    frames = np.concatenate([np.arange(*stretch) for stretch in PARTS.values()])
    frame = pd.DataFrame({"frame": frames})
    frame["part"] = np.repeat(list(PARTS), [end - start for start, end in PARTS.values()])
    frame["numbers"] = [numbers.tolist()] * len(frame)
    frame["positions"] = positions[frames].reshape(len(frame), -1).tolist()
    frame["energy"] = energy[frames]
    frame["forces"] = forces[frames].astype(np.float64).reshape(len(frame), -1).tolist()
    frame["dipole"] = dipole[frames].astype(np.float64).tolist()
    frame.to_parquet(target / TABLE, index=False)


def _describe(_source: Path, target: Path) -> dict[str, Any]:
    return {
        "version": 1,
        "data": {
            "table": str(target / TABLE),
            "split": {"column": "part", "validation": ["validation"], "test": ["test"]},
        },
        "modalities": {"molecule": {"type": "structure", "column": "positions", "numbers": "numbers"}},
        "tasks": {"energy": {"type": "regression", "target": "energy"}},
        # Energies take more passes than the 18 that open epochs give; 250 were no better on the validation frames.
        "train": {"epochs": 60},
    }


SET = DataSet(
    name="xtb_ethanol",
    title="Ethanol in motion: positions of its atoms and its energy by GFN2-xTB",
    origin="made for this project with tblite 0.8.0 and ase 3.29: Langevin dynamics at 500 K",
    licence="own data, no restriction",
    rows=1_300,
    tables={
        TABLE: "derived; one row for each frame: frame, part, numbers, positions (Å), energy (eV), forces (eV/Å), "
        "dipole (e·Å); three numbers of one atom after the other"
    },
    files={ARRAYS: "89a17fedcca8070beec36f05eb98ed17971bb4faa18417c7a5beeff7e44b5d71"},
    derive=_derive,
    describe=_describe,
)
