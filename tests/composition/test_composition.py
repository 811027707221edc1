"""Every part works beside every other: pairwise over modality, fusion, task, balancer, sharing, pattern, precision."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
import torch

from polymodal.core import Batch, DataError, Values
from polymodal.core.seeding import seeded
from polymodal.data.base import DataTable
from polymodal.data.samples import Samples
from polymodal.modalities import Structure
from polymodal.model import Model
from polymodal.testing import PATTERNS, FakeModality, FakeTask, example_targets, make_part, missing_pattern
from polymodal.training.gradients import gramian, task_losses
from tests.composition.pairs import covering
from tests.members import members

ROWS, WIDTH = 36, 16
AXES = [
    members("modalities"),
    members("fusion"),
    members("tasks"),
    members("balancing"),
    members("sharing"),
    PATTERNS,
    ["float32", "float64"],
]
CASES = covering(AXES)
# A net that draws is as large as the picture, and works once for each step of drawing it.
SMALL = {
    "Depth": {"of": "partner"},
    "Detection": {"of": "partner"},
    "Family": {"described": ["partner"]},
    "Potential": {"of": "partner"},
    "Picture": {"size": 8, "base": 8, "steps": 2},
    "Retrieval": {"between": ["tested", "partner"]},
    "Segmentation": {"of": "partner"},
    "TokenLabels": {"of": "partner"},
    "TokenValues": {"of": "partner"},
    "Transcript": {"of": "partner"},
    "Volume": {"size": 8},
}


@dataclass
class Scene:
    """One combination: a fresh model and all rows as one batch."""

    model: Model
    batch: Batch
    balancer: object


def readable_target(task):
    """The first example target that the task can be fitted to."""
    for table in example_targets(ROWS, column=task.target).values():
        try:
            task.reader.fit(table, np.arange(ROWS))
        except DataError:
            continue
        if task.reader.read(table).present.sum() > ROWS // 2:
            return table.frame
    raise AssertionError(f"no example target for {type(task).__name__}")


def build(case) -> Scene:
    modality, fusion, task, balancer, sharing, pattern, dtype = case
    modalities = {
        "tested": make_part(modality, SMALL.get(modality.__name__, {})),
        "partner": FakeModality(columns=("fake_first", "fake_second")),
    }
    if task.needs_input_gradient:
        modalities["partner"] = Structure("atoms", tokens="atoms")
    tasks = {"tested": make_part(task, SMALL.get(task.__name__, {})), "other": FakeTask(target="fake_target")}
    tables = [part.example(ROWS, seed=5) for part in modalities.values()]
    frame = pd.concat([table.frame for table in tables], axis=1)
    frame = pd.concat([frame, readable_target(tasks["tested"])], axis=1)
    frame["fake_target"] = np.linspace(-1, 1, ROWS)
    table = DataTable(frame, files=tables[0].files)
    columns = [{name: part.reader for name, part in parts.items()} for parts in (modalities, tasks)]
    for column in [*columns[0].values(), *columns[1].values()]:
        column.fit(table, np.arange(ROWS))
    batch = Samples.read(table, *columns).batch(np.arange(ROWS))
    held = torch.from_numpy(missing_pattern(pattern, ROWS, len(modalities)))
    inputs = {name: values.without(~held[:, place]) for place, (name, values) in enumerate(batch.inputs.items())}
    precision = getattr(torch, dtype)
    with seeded(0, "composition"):
        model = Model(modalities, tasks, make_part(fusion), WIDTH, make_part(sharing)).to(precision)
    inputs = {name: spread(values, lambda part: part.to(precision)) for name, values in inputs.items()}
    return Scene(model, replace(batch, inputs=inputs), make_part(balancer))


def spread(values, change):
    """The values with `change` applied to every part that holds numbers."""
    data = {name: change(part) if part.is_floating_point() else part for name, part in values.data.items()}
    return Values(data, values.index)


def step(scene, optimiser):
    representation = scene.model.represent(scene.batch)
    losses = task_losses(scene.model, scene.model.decide(representation), scene.batch)
    products = gramian(losses, [representation.pooled]) if scene.balancer.needs_gramian else None
    weights = scene.balancer.weights(losses.detach(), products)
    assert torch.isfinite(weights).all()
    known = ~losses.isnan()
    loss = (losses[known] * weights[known]).sum()
    optimiser.zero_grad()
    loss.backward()
    for name, weight in scene.model.named_parameters():
        assert weight.grad is None or torch.isfinite(weight.grad).all(), name
    optimiser.step()
    return loss.item()


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(getattr(entry, "__name__", entry) for entry in case))
def test_three_steps(case):
    scene = build(case)
    before = {name: weight.clone() for name, weight in scene.model.state_dict().items()}
    optimiser = torch.optim.AdamW(scene.model.parameters(), lr=1e-3)
    losses = [step(scene, optimiser) for _ in range(3)]
    assert np.isfinite(losses).all()
    assert any(not torch.equal(before[name], weight) for name, weight in scene.model.state_dict().items())
    check_predictions(scene, getattr(torch, case[-1]))


def check_predictions(scene, precision):
    scene.model.eval()
    with torch.no_grad():
        outputs = scene.model(scene.batch)
        hidden = scene.model(spoiled(scene.batch))
    for name, task in scene.model.tasks.items():
        # What is written comes as whole numbers, the codes of its pieces; classes of pixels as bytes.
        assert outputs[name].dtype in ({precision} if outputs[name].is_floating_point() else {torch.int64, torch.uint8})
        assert torch.isfinite(outputs[name]).all()
        assert torch.equal(outputs[name], hidden[name]), "what an absent slot holds was seen"
        assert len(task.decode(outputs[name]).prediction) == ROWS


def spoiled(batch):
    """The same batch with NaN in every value that no row holds."""

    def spoil(values):
        held = torch.zeros(values.count, dtype=torch.bool)
        held[values.index[values.present]] = True
        return spread(values, lambda part: torch.where(held.view(-1, *[1] * (part.dim() - 1)), part, torch.nan))

    return replace(batch, inputs={name: spoil(values) for name, values in batch.inputs.items()})
