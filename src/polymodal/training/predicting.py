"""What a trained model says about some rows."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from polymodal.core import Batch, Refusal
from polymodal.data.base import Rows
from polymodal.data.samples import Samples
from polymodal.model import Ensemble, Model
from polymodal.tasks.base import Decoded, Task
from polymodal.training.batches import sweep

__all__ = ["answers", "at_once", "outputs", "stacked"]


def outputs(
    model: Model | Ensemble,
    samples: Samples,
    rows: Rows,
    change: Callable[[Batch], Batch] = lambda batch: batch,
    refused: Callable[[Refusal], None] = lambda _: None,
    batch_size: int | None = None,
    *,
    taught: bool = True,
) -> dict[str, Tensor]:
    """Outputs (rows, outputs) of each task, on the CPU, with the model in evaluation mode.

    `change` may alter each batch before the model sees it (make a modality dark, say); `refused` is told of values that
    could not be used. Without `taught`, what is written, drawn or found is left out. `batch_size` rows are asked at a
    time; unless given, as many as the tasks bear.
    """
    device = next(model.parameters()).device
    collected: dict[str, list[Tensor]] = {}
    training, batch_size = model.training, batch_size or at_once(model)
    model.eval()
    with torch.no_grad():
        # Of no rows, a model still tells how many outputs there are.
        for batch in sweep(samples, rows, batch_size) if len(rows) else [samples.batch(rows)]:
            for refusal in batch.refusals:
                refused(refusal)
            for name, made in model(change(batch).to(device), taught=taught).items():
                collected.setdefault(name, []).append(made.cpu())
    model.train(training)
    return {name: stacked(parts) for name, parts in collected.items()}


def at_once(model: Model | Ensemble) -> int:
    """How many rows a model answers for at a time: as many as the task with the largest answers bears."""
    return min([Task.at_once, *(task.at_once for task in model.tasks.values())])


def stacked(parts: Sequence[Tensor]) -> Tensor:
    """Outputs of all batches; those of a batch with fewer tokens are filled up with zeros, which stand for none."""
    width = max(part.shape[1] for part in parts)
    return torch.cat([F.pad(part, (0, width - part.shape[1])) if part.shape[1] < width else part for part in parts])


def answers(
    model: Model | Ensemble, samples: Samples, rows: Rows, made: Mapping[str, Tensor]
) -> dict[str, tuple[Decoded, np.ndarray, np.ndarray]]:
    """For each task with outputs: what was predicted and what is true for its labelled rows, and (rows,) True there."""
    found = {}
    for name in made:
        task = model.tasks[name]
        column, cells = samples.targets[name]
        target, _ = column.collate(cells, rows)
        labelled = target.present
        truth = task.truth(target.data["target"][target.index[labelled]])
        found[name] = (task.decode(made[name][labelled]), truth, labelled.numpy())
    return found
