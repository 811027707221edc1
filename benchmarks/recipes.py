"""What do the recipes find when they are cooked in full, and does that hold over seeds?

Question: every figure of the named recipes, all of them unless named, on real data and with nothing tuned beside what
the recipe itself says.
Read by: the findings as `polymodal recipe run NAME` prints them, with their intervals (95 %), one row for each seed.
Rows of a recipe and seed that are there already are not found again; runs stay in the folder OUT, so that a stopped
one goes on (its processor time is then not known).

    python benchmarks/recipes.py OUT [NAME …] [--seeds N]
"""

import argparse
import time
from pathlib import Path

from record import read, write

from polymodal import recipes

__all__ = ["main"]


def main() -> None:
    """The table is written after each recipe and seed."""
    asked = argparse.ArgumentParser(description="Recipes in full.")
    asked.add_argument("out", type=Path)
    asked.add_argument("names", nargs="*", default=[each.name for each in recipes.listed()])
    asked.add_argument("--seeds", type=int, default=1)
    given = asked.parse_args()
    rows = read("recipes")
    done = {(row["recipe"], int(row["seed"])) for row in rows}
    for name in given.names:
        for seed in range(given.seeds):
            if (name, seed) in done:
                continue
            began = time.process_time()
            kitchen = recipes.Kitchen(given.out / f"{name}-{seed}", seed=seed)
            fresh = not kitchen.out.exists()
            told = recipes.cooked(recipes.named(name), kitchen)
            spent = round(time.process_time() - began) if fresh else None
            for found in told.findings:
                low, high = found.interval if found.interval is not None else (None, None)
                row = {"recipe": name, "seed": seed, "what": found.what, "value": found.value}
                rows.append(row | {"low": low, "high": high, "n": found.n, "cpu_seconds": spent})
                print(seed, name, found.what, f"{found.value:.4f}", flush=True)
            write("recipes", rows, seed)


if __name__ == "__main__":
    main()
