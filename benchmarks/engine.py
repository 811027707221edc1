"""What does our step cost beyond a bare PyTorch loop?

Question: one training step (making the batch, perturbation, modality dropout, balancer, guards against what is not
finite, average of the weights, schedule) against the least that a person would write for the same net: forward,
backward, clipping, AdamW. Synthetic rows of 16 numbers, 4 categories (net "table") and a text of about a dozen words
(net "table, text"), each absent in one row of eight; a yes or no and a number to predict; the default fusion. Both
sides make their batches by `samples.batch`, drop the same modalities, ask each of two modalities alone as well, and
start from the same weights.
Bar: at most 1.10 times the bare step. Read by: the median of paired ratios; pairs of 10 steps of each side alternate in
one process, and which side begins alternates, too. `cpu_ratio` counts processor time, which a busy machine disturbs
less.

    OMP_NUM_THREADS=1 python benchmarks/engine.py [PAIRS]
"""

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
import torch
from lightning_fabric import Fabric
from record import write

from polymodal.balancing import Equal
from polymodal.core.seeding import seeded, torch_generator
from polymodal.data.base import DataTable
from polymodal.data.samples import Samples
from polymodal.fusion import Late
from polymodal.modalities import Table, Text
from polymodal.model import Model
from polymodal.tasks import Binary, Regression
from polymodal.training import Settings
from polymodal.training.batches import Plan
from polymodal.training.dropout import drop_modalities
from polymodal.training.gradients import own_losses
from polymodal.training.learner import Learner
from polymodal.training.loop import Trainer, grouped
from polymodal.training.state import TrainingState

__all__ = ["main"]

ROWS, STEPS, SEED = 8192, 10, 0
WORDS = np.array([f"{start}{end}" for start in ("pain", "calm", "ache", "warm") for end in ("", "ful", "less", "er")])


@dataclass
class Side:
    """One way of training: what a step is, and the seconds that its blocks of steps took."""

    step: Callable[[int], object]
    done: int = 0

    def block(self) -> tuple[float, float]:
        """Seconds by the clock, and of the processor, for the next few steps."""
        began, used = time.perf_counter(), time.process_time()
        for _ in range(STEPS):
            self.step(self.done)
            self.done += 1
        return time.perf_counter() - began, time.process_time() - used


def made_up() -> DataTable:
    """Numbers, categories, texts and two targets that depend on them."""
    draw = np.random.default_rng(SEED)
    numbers = draw.normal(size=(ROWS, 16))
    frame = pd.DataFrame(numbers, columns=[f"n{place:02}" for place in range(16)])
    for place in range(4):
        frame[f"c{place}"] = draw.choice(list("abcdefgh"), size=ROWS)
    frame["note"] = [" ".join(draw.choice(WORDS, size=draw.integers(6, 18))) for _ in range(ROWS)]
    frame["sick"] = np.where(numbers[:, 0] + draw.normal(size=ROWS) > 0, "yes", "no")
    frame["score"] = numbers[:, 1] * 3 + draw.normal(size=ROWS)
    frame.loc[draw.random(ROWS) < 1 / 8, "note"] = None
    frame.loc[draw.random(ROWS) < 1 / 8, list(frame.columns[:20])] = None
    return DataTable(frame)


def fitted(table: DataTable, text: bool) -> tuple[dict[str, Table | Text], dict[str, Binary | Regression], Samples]:
    """The parts of the model with fitted readers, and the rows as they read them."""
    modalities: dict[str, Table | Text] = {"labs": Table(["n*", "c*"])} | ({"note": Text(["note"])} if text else {})
    tasks = {"sick": Binary("sick"), "score": Regression("score")}
    for part in (*modalities.values(), *tasks.values()):
        part.reader.fit(table, np.arange(ROWS))
    inputs, targets = ({name: part.reader for name, part in group.items()} for group in (modalities, tasks))
    return modalities, tasks, Samples.read(table, inputs, targets)


def ours(model: Model, plan: Plan, settings: Settings) -> Side:
    """The step of `training.train`, with everything that it does."""
    optimiser = torch.optim.AdamW(grouped(model, settings.weight_decay), lr=settings.lr, fused=True)
    state = TrainingState(Learner(model), optimiser, Equal(), settings.averaging)
    trainer = Trainer(Fabric(accelerator="cpu"), state, settings, lambda _: None, plan, None, lambda: False)
    return Side(lambda number: trainer.step(plan[number]))


def bare(model: Model, plan: Plan, settings: Settings) -> Side:
    """The same net, data and losses with nothing but a gradient, clipping and AdamW."""
    weights = list(model.parameters())
    optimiser = torch.optim.AdamW(weights, lr=settings.lr, weight_decay=settings.weight_decay, fused=True)

    def step(number: int) -> None:
        generator = torch_generator(settings.seed, "perturb", number)
        batch = drop_modalities(plan[number], settings.modality_dropout, generator)
        representation = model.represent(batch)
        outputs = model.decide(representation)
        several = len(model.modalities) > 1
        loss = own_losses(model, representation, batch).sum() if several else torch.zeros(())
        for name, task in model.tasks.items():
            loss = loss + task.losses(outputs[name], batch.targets[name].data["target"]).mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, settings.clip)
        optimiser.step()

    return Side(step)


def measured(width: int, batch_size: int, parts: tuple, pairs: int) -> dict[str, object]:
    """Medians for one width and batch size."""
    modalities, tasks, samples = parts
    settings = Settings(epochs=10_000, batch_size=batch_size, seed=SEED)
    plan, sides = Plan(samples, np.arange(ROWS), batch_size, SEED), []
    for make in (ours, bare):
        with seeded(SEED, "model"):
            sides.append(make(Model(modalities, tasks, Late(), width).train(), plan, settings))
    told = []
    for number in range(pairs + 1):
        order = (0, 1) if number % 2 else (1, 0)
        took = {place: sides[place].block() for place in order}
        told.append([took[0][0], took[1][0], took[0][0] / took[1][0], took[0][1] / took[1][1]])
    own, least, ratio, cpu = (statistics.median(column) for column in zip(*told[1:], strict=True))  # the first warms up
    made = {
        "net": ", ".join(type(part).__name__.lower() for part in modalities.values()),
        "width": width,
        "batch": batch_size,
        "ours_ms": 1e3 * own / STEPS,
        "bare_ms": 1e3 * least / STEPS,
    }
    return made | {"ratio": ratio, "cpu_ratio": cpu, "pairs": pairs, "bar_met": ratio <= 1.10}


def main(pairs: int = 20) -> None:
    """Two nets, four sizes of each."""
    table, rows = made_up(), []
    for text, width, batch_size in product((False, True), (64, 256), (64, 512)):
        rows.append(measured(width, batch_size, fitted(table, text), pairs))
        print(rows[-1], flush=True)
    write("engine", rows, SEED)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
