"""A table chooses its net by the number of rows, hides cells, and leaves the rest alone."""

import numpy as np
import pytest
import torch
from torch import nn

from polymodal.core import Tokens
from polymodal.data.tabular import MISSING, TableColumn
from polymodal.encoders.tabular import ColumnTransformer, TabularMlp
from polymodal.modalities import Table


def fitted(rows: int = 40, columns=("age", "drug", "smokes", "seen"), **options) -> tuple[Table, dict]:
    modality = Table(list(columns), **options)
    table = modality.example(rows, seed=0)
    modality.reader.fit(table, np.arange(rows))
    return modality, dict(modality.reader.collate(modality.reader.read(table), np.arange(rows))[0].data)


@pytest.mark.parametrize(("rows", "pieces"), [(40, None), (600, 8), (5000, 16)])
def test_the_number_of_rows_decides_how_finely_numbers_are_cut(rows: int, pieces: int | None):
    net = fitted(rows)[0].build_encoder(8)
    assert isinstance(net, TabularMlp)
    assert (net.pieces is None) == (pieces is None)
    if pieces is not None:
        assert len(net.pieces.low) == pieces


def test_what_is_asked_for_is_built():
    assert isinstance(fitted(encoder="transformer")[0].build_encoder(8), ColumnTransformer)
    net = fitted(bins=4)[0].build_encoder(8)
    assert isinstance(net, TabularMlp)
    assert len(net.pieces.low) == 4


def test_a_function_may_build_the_net():
    class Mean(nn.Module):
        def __init__(self, reader: TableColumn, width: int) -> None:
            super().__init__()
            self.map = nn.Linear(len(reader.numbers), width)

        def forward(self, parts):
            values = self.map(parts["numbers"].nan_to_num(0.0)).unsqueeze(1)
            return Tokens(values, torch.ones(values.shape[:2], dtype=torch.bool))

    modality, parts = fitted(encoder=Mean)
    assert modality.build_encoder(8)(parts).values.shape == (len(parts["numbers"]), 1, 8)
    assert modality.chosen()[0] == "custom"


def test_the_choice_is_told_with_its_reason():
    assert fitted()[0].chosen()[0] == "mlp"
    assert fitted(encoder="transformer")[0].chosen()[0] == "transformer"
    assert all(fitted(encoder=encoder)[0].chosen()[1] for encoder in ("auto", "mlp", "transformer"))


@pytest.mark.parametrize("rate", [0.0, 0.3, 1.0])
def test_hidden_cells_are_missing_and_the_others_untouched(rate: float):
    modality, parts = fitted(200)
    changed, hidden = modality.corrupt(parts, rate, torch.Generator().manual_seed(0))
    split = parts["numbers"].shape[1]
    numbers, codes = hidden[:, :split], hidden[:, split:]
    assert changed["numbers"][numbers].isnan().all()
    assert (changed["codes"][codes] == MISSING).all()
    assert torch.equal(changed["numbers"][~numbers].nan_to_num(99.0), parts["numbers"][~numbers].nan_to_num(99.0))
    assert torch.equal(changed["codes"][~codes], parts["codes"][~codes])
    held = torch.cat([~parts["numbers"].isnan(), parts["codes"] != MISSING], dim=1)
    assert not (hidden & ~held).any()
    assert abs(float(hidden[held].float().mean()) - rate) < 0.05


def test_training_hides_the_share_of_cells_that_was_asked_for():
    modality, parts = fitted(400)
    changed = modality.perturb(parts, torch.Generator().manual_seed(0))
    held = ~parts["numbers"].isnan()
    hidden = held & changed["numbers"].isnan()
    assert abs(float(hidden[held].float().mean()) - modality.drop) < 0.03
    assert modality.drop > 0
    modality.drop = 0.0
    assert modality.perturb(parts, torch.Generator()) is parts
