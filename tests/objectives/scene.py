"""Small models on made-up rows with an objective that is built for them, and some steps of learning by it."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from polymodal.core import Batch, Values
from polymodal.core.seeding import seeded
from polymodal.data.base import DataTable
from polymodal.data.samples import Samples
from polymodal.fusion import Late
from polymodal.fusion.base import Fusion
from polymodal.modalities.base import Modality
from polymodal.model import Model
from polymodal.objectives.base import Objective
from polymodal.tasks.base import Task
from polymodal.testing import FakeModality


@dataclass
class Scene:
    """An objective in evaluation mode beside the model that it was built for, and a batch."""

    objective: Objective
    model: Model
    batch: Batch

    def losses(self, batch: Batch | None = None, seed: int = 0) -> dict[str, Tensor]:
        """What the objective says of a batch; all that it draws depends on the seed."""
        batch = self.batch if batch is None else batch
        with seeded(seed, "objective"):
            return self.objective.losses(self.model, batch, self.model.represent(batch))

    def learn(self, steps: int, lr: float = 1e-2, batches: Callable[[int], Batch] | None = None) -> None:
        """Train model and objective, by the sum of the losses."""
        parts = torch.nn.ModuleList([self.model, self.objective]).train()
        optimiser = torch.optim.Adam(parts.parameters(), lr=lr)
        for step in range(steps):
            loss = torch.stack(list(self.losses(batches(step) if batches else None, seed=step).values())).sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        parts.eval()


def built(objective: Objective, model: Model, batch: Batch) -> Scene:
    """A copy of the objective, built for a model."""
    objective = copy.deepcopy(objective)
    with seeded(0, "build"):
        objective.build(model)
    return Scene(objective.eval(), model.eval(), batch)


def of_numbers(
    objective: Objective, values: Mapping[str, Tensor], fusion: Fusion | None = None, width: int = 16
) -> Scene:
    """A scene of modalities that are some numbers, (rows, k) each; a row that lacks one (NaN) lacks the modality."""
    modalities = {name: FakeModality([f"{name}{place}" for place in range(v.shape[1])]) for name, v in values.items()}
    with seeded(0, "model"):
        model = Model(modalities, {}, fusion or Late(), width)
    return built(objective, model, numbers_batch(values))


def numbers_batch(values: Mapping[str, Tensor]) -> Batch:
    """The rows of `of_numbers` as a batch."""
    inputs = {}
    for name, value in values.items():
        present = ~value.isnan().any(dim=1)
        inputs[name] = Values({"numbers": value[present]}, torch.where(present, present.cumsum(0) - 1, -1))
    return Batch(inputs, {}, torch.arange(len(next(iter(values.values())))))


def of_table(
    objective: Objective,
    modalities: Mapping[str, Modality],
    frame: pd.DataFrame,
    tasks: Mapping[str, Task] | None = None,
    fusion: Fusion | None = None,
) -> Scene:
    """A scene whose parts, and what the objective reads beside them, are fitted on all rows of a table."""
    table, rows, tasks = DataTable(frame), np.arange(len(frame)), tasks or {}
    columns = [{name: part.reader for name, part in parts.items()} for parts in (modalities, tasks)]
    columns[1] |= objective.reads
    for column in [*columns[0].values(), *columns[1].values()]:
        column.fit(table, rows)
    with seeded(0, "model"):
        model = Model(modalities, tasks, fusion or Late(), 16)
    return built(objective, model, Samples.read(table, *columns).batch(rows))


def with_content(batch: Batch, name: str, data: Mapping[str, Tensor]) -> Batch:
    """The batch with other values of one modality."""
    inputs = {**batch.inputs, name: Values({**batch.inputs[name].data, **data}, batch.inputs[name].index)}
    return Batch(inputs, batch.targets, batch.rows)


def rows_of(batch: Batch, rows: Tensor) -> Batch:
    """Some rows of a batch, in the given order."""
    inputs, targets = (
        {name: Values(part.data, part.index[rows]) for name, part in parts.items()}
        for parts in (batch.inputs, batch.targets)
    )
    return Batch(inputs, targets, batch.rows[rows])
