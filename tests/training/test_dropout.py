"""Modality dropout draws every non-empty subset evenly and never invents or removes everything."""

import torch

from polymodal.core import Batch, Values
from polymodal.training.dropout import drop_modalities


def batch_of(present: torch.Tensor) -> Batch:
    index = torch.arange(len(present))
    inputs = {
        f"m{column}": Values({"x": torch.zeros(len(present), 1)}, torch.where(present[:, column], index, -1))
        for column in range(present.shape[1])
    }
    return Batch(inputs, {}, index)


def presence(batch: Batch) -> torch.Tensor:
    return torch.stack([values.present for values in batch.inputs.values()], dim=1)


def test_every_subset_is_drawn_and_drawn_evenly() -> None:
    everything = torch.ones(14_000, 3, dtype=torch.bool)
    kept = presence(drop_modalities(batch_of(everything), 1.0, torch.Generator().manual_seed(0)))
    counts = torch.bincount((kept * torch.tensor([1, 2, 4])).sum(1), minlength=8)
    assert counts[0] == 0
    assert ((counts[1:] - 2000).abs() < 200).all()


def test_absent_stays_absent_and_something_is_always_left() -> None:
    present = torch.rand(500, 4, generator=torch.Generator().manual_seed(1)) < 0.5
    kept = presence(drop_modalities(batch_of(present), 1.0, torch.Generator().manual_seed(0)))
    assert not (kept & ~present).any()
    assert (kept.any(1) == present.any(1)).all()


def test_a_rate_of_zero_changes_nothing() -> None:
    batch = batch_of(torch.ones(5, 2, dtype=torch.bool))
    assert drop_modalities(batch, 0.0, torch.Generator()) is batch
