"""Sixteen ways to weigh three tasks on real data, clean and with one task's labels spoiled: which one to take?

Question: women's clothing reviews, 4,000 of them to learn from and 1,900 of other garments to be asked about: is it
recommended, with how many stars, in which department. Every method trains the three together with the same steps and
learning rate; beside them each task alone, with as many steps.
Read by: the mean gain in percent over learning alone (Maninis et al. 2019), over two seeds and the same draws of test
rows; and what the other two tasks lose once 40 % of the training labels of `recommended` are wrong.

    OMP_NUM_THREADS=1 python benchmarks/balancers.py
"""

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from record import read, write

from polymodal.core.seeding import numpy_generator
from polymodal.data import sets
from polymodal.data.tables import read_table
from polymodal.evaluation.arms import Arm, Bench
from polymodal.evaluation.effects import Effect, effect, mean_effect
from polymodal.spec import Spec
from polymodal.spec.parts import BALANCERS

__all__ = ["main"]

ROWS, SEEDS, SPOILT = 5900, (0, 1), ("recommended", 0.4)


def asked(folder: Path) -> Spec:
    """The spec of the set on some of its rows."""
    spec = sets.named("womens_clothing").spec()
    table = read_table(Path(spec["data"]["table"])).frame
    rows = numpy_generator(0, "balancers").permutation(len(table))[:ROWS]
    table.iloc[sorted(rows)].to_csv(folder / "reviews.csv", index=False)
    spec["data"] |= {"table": str(folder / "reviews.csv"), "split": {"test": 0.3, "seed": 42}}
    return Spec.from_dict(spec | {"train": {"epochs": 6, "members": 1}}, name="womens_clothing")


def told(what: str, found: Effect) -> dict[str, Any]:
    """A difference and its interval, as columns."""
    return {what: found.difference, f"{what}_low": found.low, f"{what}_high": found.high}


def main() -> None:
    """The table is written after each line; a method that stands there is not run again."""
    rows = read("balancers")
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(asked(Path(name)), Path(name) / "runs", SEEDS, note=lambda line: print(line, flush=True))
        tasks = tuple(bench.names)
        alone = {task: bench.scores(Arm((task,)))[task] for task in tasks}
        for method in sys.argv[1:] or sorted(BALANCERS.parts()):
            if any(row["balancer"] == method for row in rows):
                continue
            began = time.process_time()
            clean, wrong = bench.scores(Arm(tasks, method)), bench.scores(Arm(tasks, method, SPOILT))
            row = {"balancer": method} | told("gain", mean_effect([(clean[task], alone[task]) for task in tasks]))
            for task in tasks:
                row |= told(task, effect(clean[task], alone[task]))
            for task in set(tasks) - {SPOILT[0]}:
                row |= told(f"{task}_spoilt", effect(wrong[task], clean[task]))
            rows.append(row | {"seconds": time.process_time() - began, "steps": bench.steps})
            write("balancers", rows, "0 and 1")


if __name__ == "__main__":
    main()
