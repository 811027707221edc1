"""Does an objective keep its promises: nothing to say means no loss, one modality is enough to stay finite."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from polymodal.core import Batch, UsageProblem
from polymodal.core.seeding import seeded
from polymodal.data.base import Column, DataTable
from polymodal.data.samples import Samples
from polymodal.fusion import Late
from polymodal.modalities import Image, Modality, Table, Text
from polymodal.model import Model
from polymodal.objectives.base import Objective
from polymodal.tasks import Binary
from polymodal.testing.making import check_options
from polymodal.testing.verdict import check_gradients, near, require, same_bits

__all__ = ["check_objective", "example_model"]

ROWS = 24
DRAWS = 60


@dataclass(frozen=True)
class Scene:
    """A built objective in evaluation mode beside a model and a batch for it."""

    who: str
    objective: Objective
    model: Model
    batch: Batch

    def losses(self, batch: Batch, seed: int = 0) -> dict[str, Tensor]:
        """What it says of a batch; all that it draws depends on the seed."""
        with seeded(seed, "objective"):
            return self.objective.losses(self.model, batch, self.model.represent(batch))


def check_objective(objective: Objective, model: Model | None = None, batch: Batch | None = None) -> None:
    """Hold an objective to its contract, on a model and a batch of a small table, pictures and texts unless given.

    `objective` is not built and stays as it is. Raises ContractBroken.
    """
    check_options(objective)
    built = copy.deepcopy(objective)
    if model is None or batch is None:
        model, batch = example_model(reads=built.reads)
    _check_choice(built, model)
    with seeded(0, "build"):
        built.build(model)
    scene = Scene(type(objective).__name__, built.eval(), model.eval(), batch)
    for check in (_check_losses, _check_absence, _check_gradients, _check_order):
        check(scene)


def example_model(rows: int = ROWS, reads: Mapping[str, Column[Any]] = MappingProxyType({})) -> tuple[Model, Batch]:
    """A model of a table, a picture and a text for one task, and a batch of rows that lack some of each.

    `reads` are columns that are neither input nor task, as objectives name them; they are fitted.
    """
    modalities: dict[str, Modality] = {
        "numbers": Table(["first", "second"]),
        "picture": Image("picture", size=8),
        "words": Text(["words"]),
    }
    frame = pd.concat([part.example(rows, seed=7).frame for part in modalities.values()], axis=1)
    frame["sick"] = np.resize(np.array(["no", "yes", "", "yes"], dtype=object), rows)
    table, tasks = DataTable(frame), {"sick": Binary("sick")}
    inputs = {name: part.reader for name, part in modalities.items()}
    targets: dict[str, Column[Any]] = {name: part.reader for name, part in tasks.items()} | dict(reads)
    for column in [*inputs.values(), *targets.values()]:
        column.fit(table, np.arange(rows))
    with seeded(0, "model"):
        model = Model(modalities, tasks, Late(), width=16)
    # Sure of its answers, as a trained model is.
    with torch.no_grad():
        dict(model.heads["sick"].named_parameters())["prior"].fill_(5.0)
    return model, Samples.read(table, inputs, targets).batch(np.arange(rows))


def _check_choice(objective: Objective, model: Model) -> None:
    who, chosen = type(objective).__name__, objective.chosen(model.modalities, model.tasks)
    fits = bool(chosen) and set(chosen) <= model.modalities.keys() | model.tasks.keys()
    require(fits, f"{who}: what it works on are modalities or tasks of the model, found {chosen}")
    try:
        nothing = objective.chosen({}, {})
    except UsageProblem:
        return
    require(False, f"{who}: a model without modalities and tasks is refused by a UsageProblem; it took {nothing}")


def _check_losses(scene: Scene) -> None:
    who, parts = scene.who, list(scene.objective.parts)
    require(len(set(parts)) == len(parts) > 0, f"{who}: parts are one name for each loss, found {parts}")
    found = scene.losses(scene.batch)
    require(bool(found) and set(found) <= set(parts), f"{who}: losses are among the parts {parts}, found {list(found)}")
    for name, loss in found.items():
        fits = loss.shape == () and bool(torch.isfinite(loss))
        require(fits, f"{who}: the loss {name} is one finite number, found {loss}")
    again = scene.losses(scene.batch)
    require(all(same_bits(found[name], again[name]) for name in found), f"{who}: the same seed gives the same losses")


def _check_absence(scene: Scene) -> None:
    who, names = scene.who, list(scene.batch.inputs)
    nothing = scene.losses(scene.batch.only(frozenset()))
    require(not nothing, f"{who}: where nothing is there, no loss is there, not even one of zero; found {nothing}")
    for name in names:
        for part, loss in scene.losses(scene.batch.only({name})).items():
            require(bool(torch.isfinite(loss)), f"{who}: with {name} alone the loss {part} is finite, found {loss}")


def _check_gradients(scene: Scene) -> None:
    scene.objective.train()
    scene.model.zero_grad()
    loss = torch.stack(list(scene.losses(scene.batch).values())).sum()
    if any(weight.requires_grad for weight in scene.objective.parameters()):
        check_gradients(scene.objective, loss, scene.who)
    elif loss.requires_grad:
        loss.backward()
    scene.objective.eval()
    reached = [weight.grad for weight in scene.model.parameters() if weight.grad is not None]
    require(any(bool((slope != 0).any()) for slope in reached), f"{scene.who}: the gradient reaches the model")
    require(
        all(bool(torch.isfinite(slope).all()) for slope in reached), f"{scene.who}: the model's gradients are finite"
    )


def _check_order(scene: Scene) -> None:
    """Rows in another order give the same losses; where rows are drawn for, the same on average."""
    order = torch.arange(len(scene.batch)).flip(0).roll(3)
    inputs = {name: type(part)(part.data, part.index[order]) for name, part in scene.batch.inputs.items()}
    targets = {name: type(part)(part.data, part.index[order]) for name, part in scene.batch.targets.items()}
    turned = Batch(inputs, targets, scene.batch.rows[order])
    with torch.no_grad():
        found = [(scene.losses(scene.batch, seed), scene.losses(turned, seed)) for seed in range(DRAWS)]
    for name in found[0][0]:
        ours, theirs = (torch.stack([pair[side][name] for pair in found if name in pair[side]]) for side in (0, 1))
        if float(ours.std()) < 1e-6:
            same = near(ours[0], theirs[0], 1e-4)
        else:
            chance = float((ours.var() / len(ours) + theirs.var() / len(theirs)).sqrt())
            same = abs(float(ours.mean() - theirs.mean())) < 5 * chance
        require(same, f"{scene.who}: rows in another order give the same loss {name}")
