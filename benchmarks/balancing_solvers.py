"""Do the balancing methods keep their promises where task gradients differ a millionfold, and are they quick?

Questions and bars, float64 on one thread:
- conflicts: 200 random matrices of task gradients (3 to 11 tasks, 20 numbers, sizes spread over a ratio of 1 to 10⁶) in
  which at least two tasks conflict. How often does a step go against a task, by a cosine under −.001? `up_grad`: never.
  Beside it the other methods that promise it, the plain sum, and torchjd's UPGrad where it is installed.
- nash: 99 such matrices of 2, 3 and 11 tasks and ratios of 1, 100 and 10⁴, and 33 of 10⁶. How often is a weight times
  its task's gain more than 1 % away from the mean over tasks? `nash_mtl`: never.
- time: median of 300 calls, processor time, at 3 tasks, and at 11: `up_grad` .5 ms, `nash_mtl` 1 ms at 3 tasks.
- toy: the two losses of two numbers of Navon et al. 2022 (after Liu et al. 2021), the first one a tenth as large, and
  their 5 starts; Adam with a rate of .005 for 7,000 steps, or until none moves by .02 in 1,000 (theirs: .001 for
  35,000, which goes as far and takes five times as long). How many end on the front (no place of a fine grid is better
  in both losses by more than .05 of the 20 that they span, the first one counted tenfold), and in the middle half of
  it? `nash_mtl`: 5 of 5. The losses go down to −20, so that methods which need losses above zero are given them less
  that lowest value, which a real problem would not tell.

    OMP_NUM_THREADS=1 python benchmarks/balancing_solvers.py [PARTS]
"""

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from record import write
from torch import Tensor

from polymodal.balancing import (
    FAMO,
    MGDA,
    Balancer,
    CAGrad,
    ConFIG,
    Equal,
    FairGrad,
    GeometricMean,
    ImtlG,
    NashMTL,
    PCGrad,
    UPGrad,
)
from polymodal.core.seeding import torch_generator
from polymodal.spec.parts import snake_case

__all__ = ["main"]

SEED, WIDTH = 0, 20
RATIOS = (1.0, 1e2, 1e4, 1e6)
STARTS = np.array([[-8.5, 7.5], [0.0, 0.0], [9.0, 9.0], [-7.5, -0.5], [9.0, -1.0]])
SCALES, LOWEST = np.array([0.1, 1.0]), 20.0  # of the two losses; what both are above, but for the scale
STEPS, RATE = 7_000, 5e-3
Numbers = NDArray[np.float64]
Row = dict[str, object]


def drawn(number: int, tasks: int, ratio: float) -> Tensor:
    """(tasks, numbers) gradients, of which at least two conflict; the largest is `ratio` times the smallest."""
    draw = torch_generator(SEED, "gradients", number, tasks)
    sizes = torch.from_numpy(np.geomspace(1.0, ratio, tasks))
    while True:
        rows = torch.randn(tasks, WIDTH, generator=draw, dtype=torch.float64) + 0.1
        if (rows @ rows.T < 0).any():
            rows = torch.nn.functional.normalize(rows)
            return rows * sizes[torch.randperm(tasks, generator=draw)].unsqueeze(1)


def ours(balancer: Balancer) -> Callable[[Tensor], Tensor]:
    """(tasks,) weights of gradients (tasks, numbers), all losses being 1."""
    return lambda rows: balancer.weights(torch.ones(len(rows), dtype=torch.float64), rows @ rows.T)


def theirs() -> dict[str, Callable[[Tensor], Tensor]]:
    """torchjd's weights, where it is installed with what it needs."""
    try:
        from torchjd.aggregation import UPGradWeighting
    except ImportError:
        return {}
    method = UPGradWeighting()
    return {"torchjd up_grad": lambda rows: method(rows @ rows.T)}


def named(*methods: Balancer) -> dict[str, Callable[[Tensor], Tensor]]:
    """Methods by the names that a spec knows them by."""
    return {snake_case(type(method).__name__): ours(method) for method in methods}


def conflicts() -> Iterator[Row]:
    """A row for each method."""
    methods = named(UPGrad(), MGDA(), NashMTL(), FairGrad(), ImtlG(), ConFIG(), PCGrad(), CAGrad(), Equal()) | theirs()
    for name, weights in methods.items():
        worst = []
        for number in range(200):
            rows = drawn(number, 3 + number % 9, RATIOS[number % len(RATIOS)])
            step = weights(rows) @ rows
            worst.append(float((rows @ step / rows.norm(dim=1)).min() / step.norm().clamp(min=1e-300)))
        wrong = sum(cosine < -1e-3 for cosine in worst)
        bar = {"bar": "0", "bar_met": wrong == 0} if name == "up_grad" else {}
        yield {"question": "conflicts", "method": name, "of": 200, "wrong": wrong, "worst": min(worst)} | bar


def nash() -> Iterator[Row]:
    """A row for each number of tasks and ratio."""
    weights = ours(NashMTL())
    for tasks, ratio in product((2, 3, 11), RATIOS):
        apart = []
        for number in range(11):
            rows = drawn(number, tasks, ratio)
            found = weights(rows)
            gains = found * (rows @ (found @ rows))
            apart.append(float((gains / gains.mean() - 1).abs().max()))
        wrong = sum(share > 0.01 for share in apart)
        row = {"question": "nash", "method": "nash_mtl", "tasks": tasks, "ratio": ratio, "of": len(apart)}
        yield row | {"wrong": wrong, "worst": max(apart), "bar": "0", "bar_met": wrong == 0}


def seconds() -> Iterator[Row]:
    """A row for each method and number of tasks."""
    bars = {("up_grad", 3): 0.5, ("nash_mtl", 3): 1.0}
    kinds = (UPGrad, NashMTL, FairGrad, MGDA, CAGrad, PCGrad, ImtlG, ConFIG, FAMO)
    names = [*named(*(kind() for kind in kinds)), *theirs()]
    for name, tasks in product(names, (3, 11)):
        weights, took = (named(*(kind() for kind in kinds)) | theirs())[name], []
        for number in range(310):
            rows = drawn(number, tasks, 1e2)
            began = time.process_time()
            weights(rows)
            took.append(1e3 * (time.process_time() - began))
        found, bar = statistics.median(took[10:]), bars.get((name, tasks))
        judged = {} if bar is None else {"bar": str(bar), "bar_met": found <= bar}
        yield {"question": "time", "method": name, "tasks": tasks, "of": 300, "ms": found} | judged


def losses(x: Numbers) -> tuple[Numbers, Numbers]:
    """(starts, 2) losses at (starts, 2) places, and (starts, 2, 2) their gradients."""
    across, up = x.T
    bent, fall = np.tanh(up), 1 - np.tanh(up) ** 2
    valleys = np.stack([0.5 * (-across - 7) + bent, 0.5 * (-across + 3) - bent + 2])
    deep = np.abs(valleys) > 5e-6
    logs = np.log(np.maximum(np.abs(valleys), 5e-6)) + 6
    along = np.stack([np.where(deep, -0.5 / valleys, 0.0), np.where(deep, [[1.0], [-1.0]] * fall / valleys, 0.0)])
    apart = np.stack([across - 7, across + 7])
    bowls = (apart**2 + 0.1 * (up + 8) ** 2) / 10 - 20
    slopes = np.stack([apart / 5, np.broadcast_to((up + 8) / 50, apart.shape)])
    gate = np.tanh(0.5 * up)
    rise = 0.5 * (1 - gate**2)
    above, below = np.maximum(gate, 0), np.maximum(-gate, 0)
    values = logs * above + bowls * below
    gradients = along * above + slopes * below
    gradients[1] += logs * rise * (up >= 0) - bowls * rise * (up <= 0)
    return (values * SCALES[:, None]).T, (gradients * SCALES[:, None]).transpose(2, 1, 0)


def toy() -> Iterator[Row]:
    """A row for each method."""
    grid = np.stack(np.meshgrid(np.linspace(-8, 8, 321), np.linspace(-10, -6, 161)), axis=-1).reshape(-1, 2)
    for kind in (NashMTL, Equal, GeometricMean, FAMO, UPGrad, MGDA):
        before, x, mean, square = STARTS + 1, STARTS.copy(), np.zeros_like(STARTS), np.zeros_like(STARTS)
        methods = [kind() for _ in STARTS]
        for step in range(1, STEPS + 1):
            values, gradients = losses(x)
            above = torch.from_numpy(values + LOWEST * SCALES)
            products = torch.from_numpy(gradients @ gradients.transpose(0, 2, 1))
            shares = [method.weights(*given).numpy() for method, *given in zip(methods, above, products, strict=True)]
            slope = np.einsum("st,stx->sx", np.stack(shares), gradients)
            mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope**2
            if step % 1000 == 0:
                if np.abs(x - before).max() < 0.02:
                    break
                before = x
            x = x - RATE * mean / (1 - 0.9**step) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
        front = ~(losses(grid)[0] < losses(x)[0][:, None] - 0.05 * SCALES).all(-1).any(-1)
        middle = front & (np.abs(x[:, 0]) <= 3.5)
        name = snake_case(kind.__name__)
        bar = {"bar": "5 and 5", "bar_met": bool(middle.all())} if kind is NashMTL else {}
        ends = " ".join(f"{across:.1f},{up:.1f}" for across, up in x)
        row = {"question": "toy", "method": name, "of": len(x), "on_front": int(front.sum())}
        yield row | {"in_middle": int(middle.sum()), "steps": step, "ends": ends} | bar


def main(*parts: str) -> None:
    """Four questions, or some of them."""
    asked = {"conflicts": conflicts, "nash": nash, "time": seconds, "toy": toy}
    rows: list[Row] = []
    for part in parts or asked:
        for row in asked[part]():
            rows.append(row)
            print(row, flush=True)
    if not parts:
        write("balancing_solvers", rows, SEED)


if __name__ == "__main__":
    main(*sys.argv[1:])
