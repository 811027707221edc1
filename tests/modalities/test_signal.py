"""The signal modality beyond what the contract kit holds every modality to."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from polymodal import run
from polymodal.core.seeding import torch_generator
from polymodal.data import inference
from polymodal.data.base import DataTable
from polymodal.data.tables import read_table
from polymodal.modalities import Signal
from polymodal.spec import Spec
from polymodal.testing import check_modality

OPTIONS = [
    {"encoder": "patches"},
    {"encoder": "recurrent"},
    {"encoder": "dense"},
    {"tokens": "steps"},
    {"encoder": "patches", "tokens": "steps", "patch": 3},
    {"augment": 0.0, "longest": 8},
]


@pytest.mark.parametrize("columns", [["one"], ["first", "second"]], ids=len)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_choice_keeps_the_contract(options: dict[str, object], columns: list[str]) -> None:
    check_modality(Signal(columns, **options))


def fitted(modality: Signal, table: DataTable) -> Signal:
    modality.reader.fit(table, np.arange(len(table)))
    return modality


def test_short_series_of_one_length_have_a_weight_for_each_value() -> None:
    even = DataTable(pd.DataFrame(np.random.default_rng(0).normal(size=(9, 4)), columns=list("abcd")))
    assert fitted(Signal(["?"]), even).chosen()[0] == "dense"
    assert fitted(Signal(["?"], tokens="steps"), even).chosen()[0] == "convolution"
    uneven = Signal(["x"]).example(20, 0)
    encoder, why = fitted(Signal(["x"]), uneven).chosen()
    assert encoder == "convolution"
    assert "of 2 channels" in why


def test_training_hides_no_series_whole_and_fills_no_gap() -> None:
    series = torch.randn(500, 6, 3)
    series[:, 2] = torch.nan
    changed = Signal(["x"], augment=4.0).perturb({"series": series}, torch_generator(0, "x"))["series"]
    assert changed[:, 2].isnan().all()
    gaps = changed.isnan().all(dim=1)
    assert gaps.any(dim=0).all()
    assert not gaps.all(dim=1).any()
    assert changed[~changed.isnan()].abs().max() <= 10


def test_hidden_stretches_are_told() -> None:
    series = torch.randn(40, 20, 2)
    series[0] = torch.nan
    modality = Signal(["x"], patch=6)
    changed, hidden = modality.corrupt({"series": series}, 0.4, torch_generator(0, "x"))
    assert hidden.shape == (40, 4)
    assert not hidden[0].any()
    lost = changed["series"].isnan().all(dim=2)
    torch.testing.assert_close(lost[1:].view(39, -1).float(), hidden[1:].repeat_interleave(6, 1)[:, :20].float())


def test_cells_of_lists_make_a_spec_that_trains_and_predicts(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    slow = draw.random(90) < 0.5
    waves = [np.sin(np.linspace(0, 4 if one else 12, draw.integers(20, 40))).tolist() for one in slow]
    waves[3] = None
    frame = pd.DataFrame({"wave": waves, "speed": np.where(slow, "slow", "fast")})
    frame.to_parquet(tmp_path / "waves.parquet")
    proposal = inference.propose(read_table(tmp_path / "waves.parquet"), ["speed"])
    reasons = proposal.pop("reasons")
    assert proposal["modalities"] == {"wave": {"type": "signal", "columns": ["wave"]}}
    assert reasons["modalities.wave"] == "cells that hold series of numbers"
    proposal["train"] = {"epochs": 20, "members": 1}
    told = run.fit(Spec.from_dict(proposal, tmp_path), tmp_path / "run")
    assert told["tasks"]["speed"]["metrics"]["auroc"] > 0.9
    made = run.predict(tmp_path / "run", tmp_path / "waves.parquet", tmp_path / "told.csv")
    assert json.dumps(made, default=str)
    assert len(pd.read_csv(tmp_path / "told.csv")) == 90
