"""Energy, forces and dipole of ethanol: is a balance that is found while training as good as the best of a grid?

Question: recipe chemistry_potential (900 frames to learn from, 250 later ones for the test, 50 frames left out between
parts) on a small budget. The grid is five fixed weights by hand: the energy has w of .01, .1, .5, .9 and .99, the
forces 1 - w, the dipole .5, all doubled, so that .5 is the plain sum of losses that are in units of their targets'
size. The others find weights themselves. One net, one learning rate, the same seed and steps for all.
Read by: mean absolute errors on the test frames, and their geometric mean, each over its bar (10 meV, 50 meV/Å,
.02 e·Å). The best of the grid is chosen on the very figures that it is read by, which can only favour it.

    OMP_NUM_THREADS=1 python benchmarks/potential.py [EPOCHS]
"""

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from record import read, write

from polymodal import run
from polymodal.data import sets
from polymodal.recipes.chemistry_potential import ETHANOL
from polymodal.spec import Spec

__all__ = ["main"]

GRID = (0.5, 0.1, 0.9, 0.01, 0.99)
FOUND = ("uncertainty", "geometric_mean", "famo", "up_grad", "nash_mtl")
BARS = {"energy": 0.010, "forces": 0.050, "dipole": 0.020}


def fitted(balancer: str, weights: dict[str, float] | None, epochs: int) -> dict[str, Any]:
    """Errors of one balance, in eV, eV/Å and e·Å, and seconds of processor time."""
    spec = sets.named("xtb_ethanol").spec() | ETHANOL
    spec["tasks"] = {"potential": ETHANOL["tasks"]["potential"] | ({} if weights is None else {"fixed": weights})}
    spec["train"] = ETHANOL["train"] | {"epochs": epochs, "balancer": {"type": balancer}}
    began = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        told = run.fit(Spec.from_dict(spec, name="xtb_ethanol"), Path(folder) / "run")
    errors = {part: told["tasks"][f"potential.{part}"]["metrics"]["mae"] for part in BARS}
    joined = float(np.exp(np.mean([np.log(errors[part] / bar) for part, bar in BARS.items()])))
    return errors | {"over_bars": joined, "seconds": time.process_time() - began}


def main(epochs: int = 15) -> None:
    """The table is written after each line; what stands there for this number of epochs is not run again."""
    rows = [row for row in read("potential") if row["epochs"] == epochs]
    by_hand = {f"fixed {w:g}": {"energy": 2 * w, "forces": 2 - 2 * w, "dipole": 1.0} for w in GRID}
    asked = [(name, "equal", by_hand[name]) for name in by_hand] + [(name, name, None) for name in FOUND]
    for name, balancer, weights in asked:
        if name not in {row["balance"] for row in rows}:
            rows.append({"balance": name, "epochs": epochs, **fitted(balancer, weights, epochs)})
            print(rows[-1], flush=True)
            write("potential", rows, 0)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
