"""Modality dropout: in training, some rows forget some of their modalities, so that every subset is a trained case."""

from dataclasses import replace

import torch

from polymodal.core import Batch

__all__ = ["drop_modalities"]


def drop_modalities(batch: Batch, rate: float, generator: torch.Generator) -> Batch:
    """Let about `rate` of the rows keep only some of the modalities they have, drawn evenly from all non-empty subsets.

    Absence is an index of -1, the same as for a value that was never there (Neverova et al. 2016, ModDrop, by row).
    """
    names = sorted(batch.inputs)
    if rate <= 0 or len(names) < 2:
        return batch
    present = torch.stack([batch.inputs[name].present for name in names], dim=1).cpu()
    held = present.sum(dim=1)
    draws = torch.rand(2, len(batch), generator=generator, dtype=torch.float64)
    # Subset number s from 1 to 2^held - 1: its k-th bit says whether the k-th modality that the row has is kept.
    subset = 1 + (draws[1] * (2.0**held - 1)).long()
    place = (present.cumsum(dim=1) - 1).clamp(min=0)
    kept = (subset.unsqueeze(1) >> place) & 1 == 1
    dropped = present & ~kept & (draws[0] < rate).unsqueeze(1)
    dropped = dropped.to(batch.rows.device)
    inputs = {name: batch.inputs[name].without(dropped[:, place]).held() for place, name in enumerate(names)}
    return replace(batch, inputs={name: inputs[name] for name in batch.inputs})
