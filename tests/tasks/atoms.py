"""Small molecules whose energy, forces and dipole are known in closed form, and a model for them."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
import torch

from polymodal.core import Batch, Values
from polymodal.core.seeding import seeded
from polymodal.data.base import DataTable
from polymodal.data.samples import Samples
from polymodal.fusion import Late
from polymodal.modalities import Structure
from polymodal.model import Model
from polymodal.tasks import Potential

CHARGES = {1: 0.4, 6: 0.1, 8: -0.9}


def springs(rows: int, seed: int = 0) -> pd.DataFrame:
    """Chains of three or four atoms held by springs of 1 Å between all of them, with charges that add up to none."""
    draw, made = np.random.default_rng(seed), []
    for row in range(rows):
        numbers = np.array([8, 1, 1, 6][: 3 + row % 2])
        places = np.eye(4, 3)[: len(numbers)] * 1.2 + draw.normal(0, 0.15, (len(numbers), 3))
        away = places[:, None] - places
        distances = np.linalg.norm(away, axis=-1) + np.eye(len(numbers))
        pulls = -2.0 * ((distances - 1.0) / distances)[..., None] * away
        charges = np.array([CHARGES[number] for number in numbers])
        made.append(
            {
                "numbers": numbers.tolist(),
                "places": places.tolist(),
                "energy": float(np.triu((distances - 1.0) ** 2, 1).sum()),
                "forces": pulls.sum(axis=1).tolist(),
                "dipole": ((charges - charges.mean()) @ places).tolist(),
            }
        )
    return pd.DataFrame(made).astype({"forces": object, "dipole": object})


def model_of(
    frame: pd.DataFrame, structure: Mapping[str, object] = {}, task: Mapping[str, object] = {}, width: int = 16
) -> tuple[Model, Samples]:
    """A fresh model for these molecules, in evaluation mode, and the samples."""
    modality = Structure(
        "places", "numbers", **{"encoder": "vectors", "tokens": "atoms", "layers": 2} | dict(structure)
    )
    asked = Potential("energy", "atoms", **{"forces": "forces", "dipole": "dipole"} | dict(task))
    table, rows = DataTable(frame), np.arange(len(frame))
    modality.reader.fit(table, rows)
    asked.reader.fit(table, rows)
    with seeded(0, "springs"):
        model = Model({"atoms": modality}, {"potential": asked}, Late(), width).eval()
    return model, Samples.read(table, {"atoms": modality.reader}, {"potential": asked.reader})


def moved(batch: Batch, change: object) -> Batch:
    """The batch in float64, with `change` applied to the positions (values, atoms, 3)."""
    values = batch.inputs["atoms"]
    data = {**values.data, "positions": change(values.data["positions"].double())}
    return replace(batch, inputs={"atoms": Values(data, values.index)})


def told(model: Model, batch: Batch) -> torch.Tensor:
    """Outputs of the potential, without gradients."""
    with torch.no_grad():
        return model(batch)["potential"]
