"""Without a single option set: is the default as good as the best plain model, whatever the number of rows?

Question: women's clothing reviews with n training rows (drawn from the rows outside the set's test split, the same for
both sides), the set's own spec, three tasks; and, where n is beyond its rows, synthetic rows of ten numbers and three
categories with two tasks, of which 10,000 more are the test.
Bar: at least the best plain baseline at each n: the lower 95 % bound of the difference is above -1 point. Read by:
paired bootstrap on the same test rows (whole items drawn), the baseline that is best on them. A seed draws its own
training rows, so the spread over seeds is shown too.

    python benchmarks/defaults.py [SEEDS [N ...]]
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from compare import Fold, compare_fold, named_division, open_set, row_division
from record import write
from womens_clothing import table

from polymodal.run.tables import open_source
from polymodal.spec import Spec

__all__ = ["main", "real", "synthetic"]

SIZES = (100, 1_000, 10_000, 100_000)
TEST = 10_000


def real(rows: int, seed: int) -> Fold | None:
    """The default on some of the reviews; None where the set has fewer."""
    source = open_set("womens_clothing")
    split = named_division(source).split
    known = np.concatenate([split.train, split.validation])
    if rows > len(known):
        return None
    train = np.sort(np.random.default_rng(seed).choice(known, rows, replace=False))
    return compare_fold(source, row_division(source, train, split.test, seed), seed=seed)


def synthetic(rows: int, seed: int) -> Fold:
    """The default on synthetic rows: a bent rule with interactions, noise, and 5 % of the numbers missing."""
    generator = np.random.default_rng(seed)
    numbers = generator.normal(size=(rows + TEST, 10))
    codes = generator.integers(0, (3, 12, 200), (len(numbers), 3))
    hidden = np.sin(2 * numbers[:, 0]) + numbers[:, 1] * numbers[:, 2] + (codes[:, 0] == 1) * numbers[:, 3]
    hidden = hidden + 0.7 * generator.normal(size=200)[codes[:, 2]] + generator.normal(size=len(numbers))
    shown = np.where(generator.random(numbers.shape) < 0.05, np.nan, numbers)
    inputs = {f"number_{place}": column for place, column in enumerate(shown.T)}
    inputs |= {f"code_{place}": [f"c{code}" for code in column] for place, column in enumerate(codes.T)}
    spec = {
        "version": 1,
        "modalities": {"table": {"type": "table", "columns": list(inputs)}},
        "tasks": {
            "amount": {"type": "regression", "target": "amount"},
            "high": {"type": "binary", "target": "high", "positive": "yes"},
        },
    }
    targets = {"amount": hidden, "high": np.where(hidden + generator.normal(size=len(hidden)) > 1, "yes", "no")}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "synthetic.parquet"
        pd.DataFrame(inputs | targets).to_parquet(path, index=False)
        source = open_source(Spec.from_dict(spec | {"data": {"table": str(path)}}, name="synthetic"), Path(folder))
        every = np.arange(len(numbers))
        return compare_fold(source, row_division(source, every[:rows], every[rows:], seed), seed=seed)


def main(seeds: int = 1, *sizes: int) -> None:
    """Write each size to its own file as it comes."""
    for size in sizes or SIZES:
        rows: list[dict[str, object]] = []
        for seed in range(seeds):
            fold = real(size, seed)
            data = "synthetic" if fold is None else "womens_clothing"
            made = table(fold if fold is not None else synthetic(size, seed))
            rows += [{"data": data, "n": size, "seed": seed} | row for row in made]
            print(*rows[-len(made) :], sep="\n", flush=True)
            write(f"defaults_{size}", rows, seed)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
