"""What does the energy of ethanol in motion cost to predict: a net of distances against plain models of them?

Question: xtb_ethanol, 900 frames to learn from, 150 for validation, 250 later ones for the test, with 50 frames left
out between parts. Ours is the set's own spec. Plain: ridge and kernel ridge regression (Gaussian) on the 36 inverse
distances, sorted (which, like ours, does not know the atoms by number) or in the order of the atoms (which does).
Penalty and width of these by the mean absolute error on the validation frames, ours by what training itself keeps.
Read by: mean absolute error in meV on the test frames, with the interval of the mean over ten stretches of 25 frames
(frames that follow one another are no separate proof).

    OMP_NUM_THREADS=1 python benchmarks/structure.py [SEEDS]
"""

import sys
from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
from compare import compare_fold, named_division, open_set
from record import write
from scipy import stats
from scipy.spatial.distance import pdist
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

__all__ = ["main"]

STRETCHES = 10


def candidates(kind: str) -> Iterator[Callable[[], object]]:
    """Plain models over a wide range of penalties and widths."""
    if kind == "ridge":
        yield from (lambda a=a: Ridge(a) for a in 10.0 ** np.arange(-6, 4))
    else:
        grid = product(10.0 ** np.arange(-10, 1), 10.0 ** np.arange(-5, 0.1, 0.5))
        yield from (lambda a=a, g=g: KernelRidge(kernel="rbf", alpha=a, gamma=g) for a, g in grid)


def read_by(error: np.ndarray) -> dict[str, float]:
    """Mean absolute error of frames in order, in meV, and its interval over stretches of time."""
    means = 1000 * np.array([each.mean() for each in np.array_split(np.abs(error), STRETCHES)])
    reach = stats.t.ppf(0.975, STRETCHES - 1) * means.std(ddof=1) / np.sqrt(STRETCHES)
    return {"mae_mev": means.mean(), "low": means.mean() - reach, "high": means.mean() + reach}


def main(seeds: int = 3) -> None:
    """The table is written at the end."""
    source = open_set("xtb_ethanol")
    division = named_division(source)
    frame, split = source.table.frame, division.split
    energy = frame["energy"].to_numpy(dtype=float)
    in_order = np.array([1 / pdist(np.reshape(place, (-1, 3))) for place in frame["positions"]])
    learned, tuned, asked = split.train, split.validation, split.test
    middle = energy[learned].mean()
    rows = [{"what": "mean of training", "seed": "", **read_by(energy[asked] - middle)}]
    for name, told in (("sorted", -np.sort(-in_order, axis=1)), ("in order", in_order)):
        for kind in ("ridge", "kernel ridge"):
            fitted = [
                make_pipeline(StandardScaler(), make()).fit(told[learned], energy[learned] - middle)
                for make in candidates(kind)
            ]
            best = min(fitted, key=lambda one: np.abs(one.predict(told[tuned]) + middle - energy[tuned]).mean())
            error = best.predict(told[asked]) + middle - energy[asked]
            rows.append({"what": f"{kind}, inverse distances {name}", "seed": "", **read_by(error)})
            print(rows[-1], flush=True)
    for seed in range(seeds):
        fold = compare_fold(source, division, seed=seed, floors=False)
        made = fold.ours()["energy"]
        error = np.asarray(made.prediction, dtype=float) - np.asarray(made.truth, dtype=float)
        rows.append({"what": "structure", "seed": seed, **read_by(error), "seconds": fold.seconds})
        print(rows[-1], flush=True)
        write("structure", rows, "")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
