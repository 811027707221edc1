"""What each modality costs: the time that its encoder takes for a value, and the memory that learning from it holds."""

import statistics
import time
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from polymodal.core import Values
from polymodal.model import Model
from polymodal.run.fitting import Fitted

__all__ = ["costs"]

LOOKED_AT = 32
"""Distinct rows that are timed, at most."""
ROUNDS = 3


def costs(fitted: Fitted) -> dict[str, dict[str, Any]]:
    """For each modality that any row has: what its encoder costs, on values of up to 32 rows, test rows first.

    "values" distinct ones were read at once; "milliseconds" is the time for one of them without gradients, by all
    members of the model, the median of three rounds after one that does not count. "parameters" counts those of all
    members, and "weights_mib" is the memory that they take. "step_mib" is what one value keeps in memory, in one
    member, between the two directions of a training step, weights left out.
    """
    rows = np.concatenate([fitted.split.test, fitted.split.validation, fitted.split.train])
    own = [cast(Model, member).encoders for member in fitted.model.members]
    found = {}
    for name, (column, cells) in fitted.samples.inputs.items():
        some = rows[cells.present[rows]][:LOOKED_AT]
        values = column.collate(cells, some)[0].held() if len(some) else None
        if values is not None and values.count:
            found[name] = _cost([encoders[name] for encoders in own], values)
    return found


def _cost(encoders: list[nn.Module], values: Values) -> dict[str, Any]:
    weights = [weight for encoder in encoders for weight in encoder.parameters()]
    device = weights[0].device if weights else torch.device("cpu")
    data = values.to(device).data
    return {
        "values": values.count,
        "milliseconds": _seconds(encoders, data, device) * 1000 / values.count,
        "parameters": sum(weight.numel() for weight in weights),
        "weights_mib": sum(weight.nbytes for weight in weights) / 2**20,
        "step_mib": _kept(encoders[0], data) / values.count / 2**20,
    }


def _seconds(encoders: list[nn.Module], data: Mapping[str, Tensor], device: torch.device) -> float:
    """The median time of all encoders, one after the other, as they answer."""
    taken = []
    modes = [encoder.training for encoder in encoders]
    with torch.no_grad():
        for _ in range(1 + ROUNDS):
            _wait(device)
            began = time.perf_counter()
            for encoder in encoders:
                encoder.eval()(data)
            _wait(device)
            taken.append(time.perf_counter() - began)
    for encoder, mode in zip(encoders, modes, strict=True):
        encoder.train(mode)
    return statistics.median(taken[1:])


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _kept(encoder: nn.Module, data: Mapping[str, Tensor]) -> int:
    """Bytes that autograd keeps for the way back, each storage once; inputs count, weights do not."""
    own = {weight.untyped_storage().data_ptr() for weight in encoder.parameters()}
    kept: dict[int, int] = {}
    held: list[Tensor] = []  # as in a training step: what is let go could give its place to another

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
            held.append(tensor)
        return tensor

    mode = encoder.training
    with torch.random.fork_rng(), torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        encoder.train()(data)
    encoder.train(mode)
    return sum(kept.values())
