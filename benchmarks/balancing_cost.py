"""What does a balancing method add to a training step?

Question: a whole step of `training` (forward, gradients, weights, clipping, AdamW, average) with each method against
the same step with the plain sum: three tasks, a net of about 10⁵ parameters on 128 rows of 64 numbers ("mlp"), and a
convolution net on 32 pictures of 32 × 32 ("cnn"). `at` is where gradients are compared (`train.gramian_at`). Beside it
the same step with the gradients made by torchjd, where it is installed: its `mtl_backward` for all shared weights, and
the inner products of its `jac` where fewer are compared. It takes all tasks at once, as it does by itself, but one by
one through the convolution net, whose backward pass it cannot take at once.
Bars: times the plain sum, at most 1.35 at the features, and at most 2.5 at all parameters for `pc_grad`, `up_grad`,
`mgda` and `nash_mtl`; and no dearer than torchjd's step. Read by: medians of paired ratios; single steps alternate in
one process, and which side begins goes round. Time is that of the processor.

    OMP_NUM_THREADS=1 python benchmarks/balancing_cost.py [ROUNDS]
"""

import io
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import torch
from lightning_fabric import Fabric
from PIL import Image as Pillow
from record import write
from torch import Tensor

from polymodal.balancing import MGDA, Balancer, Equal, NashMTL, PCGrad, Uncertainty, UPGrad
from polymodal.core import Batch
from polymodal.core.seeding import seeded
from polymodal.data.base import DataTable
from polymodal.data.samples import Samples
from polymodal.fusion import Intermediate
from polymodal.modalities import Image, Modality, Table
from polymodal.model import Model
from polymodal.spec.parts import snake_case
from polymodal.tasks import Binary, Regression
from polymodal.training import Settings
from polymodal.training.batches import Plan
from polymodal.training.gradients import gramian_places
from polymodal.training.learner import Judged, Learner
from polymodal.training.loop import Trainer, grouped
from polymodal.training.state import TrainingState

__all__ = ["main"]

SEED, WARM = 0, 3
METHODS: tuple[type[Balancer], ...] = (PCGrad, UPGrad, MGDA, NashMTL)
PLACES = ("features", "last_layer", "parameters")
BARS = {"features": 1.35, "parameters": 2.5}


@dataclass
class Side:
    """One way of training: a step, and the milliseconds that each took."""

    name: str
    step: Callable[[], object]

    def took(self) -> float:
        """Milliseconds of one step."""
        began = time.process_time()
        self.step()
        return 1e3 * (time.process_time() - began)


def made_up(net: str) -> tuple[Modality, Samples, int, dict[str, Any]]:
    """What a net reads, its rows, the width, and the tasks."""
    draw, count = np.random.default_rng(SEED), 128 if net == "mlp" else 32
    numbers = draw.normal(size=(count, 64))
    frame = pd.DataFrame(numbers, columns=[f"n{place:02}" for place in range(64)])
    frame["picture"] = [picture(draw) for _ in range(count)]
    frame["sick"] = np.where(numbers[:, 0] > 0, "yes", "no")
    frame["score"], frame["other"] = numbers[:, 1] * 3 + 1, numbers[:, 0] - numbers[:, 2]
    modality: Modality = Table(["n*"], encoder="mlp") if net == "mlp" else Image("picture", encoder="convolution")
    tasks = {"sick": Binary("sick"), "score": Regression("score"), "other": Regression("other")}
    table, rows = DataTable(frame), np.arange(count)
    for part in (modality, *tasks.values()):
        part.reader.fit(table, rows)
    targets = {name: task.reader for name, task in tasks.items()}
    return modality, Samples.read(table, {"input": modality.reader}, targets), 64, tasks


def picture(draw: np.random.Generator) -> bytes:
    """Noise, as the bytes of a PNG."""
    held = io.BytesIO()
    Pillow.fromarray(draw.integers(0, 256, size=(32, 32, 3), dtype=np.uint8)).save(held, "PNG")
    return held.getvalue()


def trainer(net: tuple[Modality, Samples, int, dict[str, Any]], balancer: Balancer, at: Any) -> tuple[Trainer, Batch]:
    """A trainer of a fresh net, the same one each time, and its one batch."""
    modality, samples, width, tasks = net
    rows = np.arange(len(samples))
    settings = Settings(epochs=10_000, batch_size=len(rows), seed=SEED, gramian_at=at, modality_dropout=0.0)
    with seeded(SEED, "model"):
        model = Model({"input": modality}, tasks, Intermediate(), width).train()
    optimiser = torch.optim.AdamW(grouped(model, settings.weight_decay), lr=settings.lr, fused=True)
    state = TrainingState(Learner(model), optimiser, balancer, settings.averaging)
    plan = Plan(samples, rows, len(rows), SEED)
    made = Trainer(Fabric(accelerator="cpu"), state, settings, lambda _: None, plan, None, lambda: False)
    return made, plan[0][0]


class Elsewhere:
    """The gradients of a step as torchjd makes them, in the place of those that ours keeps."""

    def __init__(self, made: Trainer, objective: Tensor, pooled: Tensor, places: list[Tensor], method: Any) -> None:
        self.made, self.objective, self.pooled, self.places, self.method = made, objective, pooled, places, method
        self.chunk = 1 if any(isinstance(part, torch.nn.Conv2d) for part in made.state.model.modules()) else None

    def fill(self, weights: Tensor, rest: Tensor | None = None) -> None:
        """Gradients of all weights; those that were given are left aside, and nothing asks for a `rest` here."""
        from torchjd.autojac import jac, jac_to_grad, mtl_backward

        losses = list(self.objective.unbind())
        if self.made.settings.gramian_at == "parameters":
            heads = [list(head.parameters()) for head in self.made.state.model.heads.values()]
            given = {"tasks_params": heads, "shared_params": self.places, "parallel_chunk_size": self.chunk}
            mtl_backward(losses, features=self.pooled, retain_graph=True, **given)
            jac_to_grad(self.places, self.method)
            return
        slopes = jac(losses, self.places, retain_graph=True, parallel_chunk_size=self.chunk)
        rows = torch.cat([slope.flatten(1) for slope in slopes], dim=1)
        self.made.fabric.backward(self.objective @ self.method.weighting(rows))


def theirs(net: tuple[Modality, Samples, int, dict[str, Any]], kind: type[Balancer], at: str) -> Side | None:
    """The step with torchjd's gradients; None without it, or without what its method needs."""
    try:
        import torchjd.aggregation as other

        method = {PCGrad: other.PCGrad, UPGrad: other.UPGrad, MGDA: other.MGDA}[kind]()
    except (ImportError, KeyError):
        return None
    made, batch = trainer(net, Equal(), at)

    def compared(objective: Tensor, judged: Judged) -> tuple[None, Elsewhere]:
        places = gramian_places(made.state.model, judged.seen, made.settings)
        return None, Elsewhere(made, objective, judged.representation.pooled, places, method)

    made._compared = compared  # type: ignore[assignment, method-assign]
    return Side("theirs", lambda: made.step([batch]))


def measured(
    net: tuple[Modality, Samples, int, dict[str, Any]], kind: type[Balancer], at: str, rounds: int
) -> dict[str, Any]:
    """Medians of the plain sum, of ours, and of torchjd's."""
    plain, batch = trainer(net, Equal(), "features")
    made, _ = trainer(net, kind(), at)
    sides = [Side("plain", lambda: plain.step([batch])), Side("ours", lambda: made.step([batch]))]
    other = theirs(net, kind, at)
    sides += [other] if other else []
    told: list[dict[str, float]] = []
    for number in range(WARM + rounds):
        order = sides[number % len(sides) :] + sides[: number % len(sides)]
        told.append({side.name: side.took() for side in order})
    told = told[WARM:]
    found: dict[str, Any] = {f"{side.name}_ms": statistics.median(row[side.name] for row in told) for side in sides}
    found["ratio"] = statistics.median(row["ours"] / row["plain"] for row in told)
    if other:
        found["theirs_ratio"] = statistics.median(row["theirs"] / row["plain"] for row in told)
        found["ours_to_theirs"] = statistics.median(row["ours"] / row["theirs"] for row in told)
    if at in BARS:
        found |= {"bar": BARS[at], "bar_met": found["ratio"] <= BARS[at]}
    if other:
        found["no_dearer"] = found["ours_to_theirs"] <= 1.0
    return found | {"rounds": rounds}


def main(rounds: int = 24) -> None:
    """Two nets, three places, four methods; and one method without a Gramian."""
    rows: list[dict[str, object]] = []
    for net in ("mlp", "cnn"):
        parts = made_up(net)
        size = sum(weight.numel() for weight in trainer(parts, Equal(), "features")[0].state.live)
        asked: Iterator[tuple[type[Balancer], str]] = product(METHODS, PLACES)
        for kind, at in [(Uncertainty, "none"), *asked]:
            found = measured(parts, kind, "features" if at == "none" else at, rounds)
            if at == "none":
                found = {name: value for name, value in found.items() if not name.startswith("bar")}
            rows.append({"net": net, "parameters": size, "method": snake_case(kind.__name__), "at": at} | found)
            print(rows[-1], flush=True)
    write("balancing_cost", rows, SEED)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
