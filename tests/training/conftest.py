"""A small table with three modalities' worth of columns, and everything that training needs built on it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from polymodal.balancing import Balancer, Uncertainty
from polymodal.core.seeding import seeded
from polymodal.data.base import DataTable, Rows
from polymodal.data.samples import Samples
from polymodal.fusion import Late
from polymodal.modalities import Table
from polymodal.model import Model
from polymodal.tasks import Binary, Regression
from polymodal.training import Settings


@dataclass
class Small:
    """Fresh parts of one small run."""

    model: Model
    samples: Samples
    rows: dict[str, Rows]
    settings: Settings
    balancer: Balancer


def small_frame(rows: int = 96) -> pd.DataFrame:
    """Two tables and two targets that depend on them; some cells, rows and labels are missing."""
    generator = np.random.default_rng(0)
    numbers = generator.normal(size=(rows, 4))
    frame = pd.DataFrame(numbers, columns=["a", "b", "c", "d"])
    frame["colour"] = generator.choice(["red", "green", "blue"], size=rows)
    frame["sick"] = np.where(numbers[:, 0] + (frame["colour"] == "red") > 0.3, "yes", "no")
    frame["score"] = numbers[:, 1] * 3 + 10
    frame.loc[frame.index % 7 == 0, "sick"] = None
    frame.loc[frame.index % 5 == 0, ["c", "d"]] = np.nan
    return frame


def make_small(settings: Settings, frame: pd.DataFrame | None = None) -> Small:
    """Fit the columns of the small table and build a model on them."""
    table = DataTable(small_frame() if frame is None else frame)
    modalities = {"first": Table(["a", "b", "colour"]), "second": Table(["c", "d"])}
    tasks = {"sick": Binary("sick"), "score": Regression("score")}
    rows = {"train": np.arange(64), "validation": np.arange(64, 80), "test": np.arange(80, 96)}
    for part in [*modalities.values(), *tasks.values()]:
        part.reader.fit(table, rows["train"])
    inputs = {name: part.reader for name, part in modalities.items()}
    targets = {name: part.reader for name, part in tasks.items()}
    samples = Samples.read(table, inputs, targets)
    with seeded(settings.seed, "model"):
        model = Model(modalities, tasks, Late(), width=8)
    return Small(model, samples, rows, settings, Uncertainty())


@pytest.fixture
def quick() -> Settings:
    """Settings for a run of a second: 24 steps."""
    return Settings(epochs=6, batch_size=16, lr=1e-2, checkpoint_seconds=0.0)
