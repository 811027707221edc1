"""The three faces are one: a spec and plain objects train the same weights."""

import hashlib
from pathlib import Path

import pandas as pd
import pytest
import torch

from polymodal import run
from polymodal.balancing import Equal
from polymodal.bundle import load
from polymodal.data.splits import SplitPlan
from polymodal.data.tables import read_table
from polymodal.fusion import Intermediate
from polymodal.modalities import Table
from polymodal.run import Rules, fit_parts, prepare
from polymodal.spec import Parts, Spec
from polymodal.tasks import Binary, Regression
from polymodal.training import Settings
from polymodal.training.checkpoints import tensors_as_bytes
from tests.training.conftest import small_frame

SPEC = """
data: {table: table.csv, allow: [column-equals-target], split: {test: 0.25, seed: 3}}
modalities:
  first: {type: table, columns: [a, b, colour]}
  second: {type: table, columns: [c, d]}
tasks:
  sick: {type: binary, target: sick}
  score: {type: regression, target: score, weight: 0.5}
model: {width: 8, fusion: {type: intermediate, layers: 1}}
train: {epochs: 3, members: 2, batch_size: 16, seed: 7}
"""


def digest(model: torch.nn.Module) -> str:
    return hashlib.sha256(tensors_as_bytes(model.state_dict())).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    small_frame().to_csv(tmp_path / "table.csv", index=False)
    return tmp_path


def test_spec_and_objects_train_the_same_weights(folder: Path) -> None:
    run.fit(Spec.from_text(SPEC, folder), folder / "run")
    parts = Parts(
        modalities={"first": Table(["a", "b", "colour"]), "second": Table(["c", "d"])},
        tasks={"sick": Binary("sick"), "score": Regression("score", weight=0.5)},
        fusion=Intermediate(layers=1),
        balancer=Equal(),
        settings=Settings(epochs=3, members=2, batch_size=16, seed=7),
        width=8,
    )
    table = read_table(folder / "table.csv")
    division, _ = prepare(table, parts, SplitPlan(test=0.25, seed=3), Rules(allow=["column-equals-target"]))
    fitted = fit_parts(table, parts, division)
    assert digest(fitted.model) == digest(load(folder / "run" / "model").model)


def test_a_table_without_a_modality_is_predicted_and_a_half_one_is_refused(folder: Path) -> None:
    run.fit(Spec.from_text(SPEC, folder), folder / "run")
    frame = small_frame().drop(columns=["c", "d", "sick", "score"])
    frame.to_csv(folder / "new.csv", index=False)
    told = run.predict(folder / "run", folder / "new.csv", folder / "out.csv")
    assert told["rows"] == len(pd.read_csv(folder / "out.csv")) == len(frame)
    assert told["refused"] == 0
    frame.drop(columns="a").to_csv(folder / "half.csv", index=False)
    with pytest.raises(Exception, match="missing-column"):
        run.predict(folder / "run", folder / "half.csv", folder / "half.out.csv")


def test_what_cannot_be_read_is_counted_and_written_down(folder: Path) -> None:
    run.fit(Spec.from_text(SPEC, folder), folder / "run")
    frame = small_frame().astype({"a": object})
    frame.loc[2, "a"] = "twelve"
    frame.to_csv(folder / "new.csv", index=False)
    assert run.predict(folder / "run", folder / "new.csv", folder / "out.csv")["refused"] == 1
    assert "twelve" in (folder / "out.csv.errors.jsonl").read_text()
