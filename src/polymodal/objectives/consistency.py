"""Rows without a label teach, too: what a model is sure of when it sees them well, it should say when it sees less."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated

import numpy as np
import torch
from pydantic import Field, PositiveFloat
from torch import Tensor

from polymodal.core import Batch, Representation, Values
from polymodal.core.masking import some_of
from polymodal.modalities.base import Modality
from polymodal.model import Model
from polymodal.objectives.base import Objective, chosen_parts
from polymodal.objectives.masked import drawn_generator
from polymodal.tasks.base import Task

__all__ = ["Consistency", "pseudo_labels"]


class Consistency(Objective):
    """Pseudo-labels for rows that lack a task's label (FixMatch: Sohn et al. 2020, eq. 4).

    A row as training sees it gives the pseudo-label, which is used where the model is at least `sure` of it; the same
    row with `rate` of its content hidden and some of its modalities dark has to be given that label. The loss is the
    sum over these rows by the number of all unlabelled ones: it counts for more as the model becomes sure of more.
    Tasks that predict numbers have no such certainty: there every unlabelled row counts, and the prediction itself is
    the label. `tasks` are the ones to teach (None: all that decide).
    """

    def __init__(
        self,
        tasks: Annotated[Sequence[str], Field(min_length=1)] | None = None,
        sure: Annotated[float, Field(gt=0, lt=1)] = 0.95,
        rate: Annotated[float, Field(gt=0, lt=1)] = 0.3,
        weight: PositiveFloat = 1.0,
    ) -> None:
        super().__init__()
        self.tasks, self.sure, self.rate, self.weight = tasks, sure, rate, weight

    def chosen(self, modalities: Mapping[str, Modality], tasks: Mapping[str, Task]) -> list[str]:
        """The tasks to teach: those that have losses of their own, and not a head that is taught.

        Of times to an event nothing can be said that would be a label.
        """
        able = [
            name for name, task in tasks.items() if type(task).losses is not Task.losses and task.answers != "times"
        ]
        return chosen_parts(self.tasks, able, "consistency")

    def build(self, model: Model) -> None:
        """No weights: the tasks' own heads learn."""
        self.names = self.chosen(model.modalities, model.tasks)

    @property
    def parts(self) -> Sequence[str]:
        """A loss for each task."""
        return self.names

    def losses(self, model: Model, batch: Batch, representation: Representation) -> dict[str, Tensor]:
        """The loss of each task that has an unlabelled row of which the model is sure."""
        with torch.no_grad():
            believed = model.decide(representation, taught=False)
        taught, there = {}, torch.stack([values.present for values in batch.inputs.values()]).any(dim=0)
        for name in self.names:
            guess, certainty = pseudo_labels(model.tasks[name], believed[name])
            unlabelled = there & ~batch.targets[name].present
            sure = unlabelled & (certainty >= self.sure)
            if sure.any():
                taught[name] = guess, sure, int(unlabelled.sum())
        if not taught:
            return {}
        outputs = model.decide(model.represent(self.hidden(model, batch)), taught=False)
        return {
            name: model.tasks[name].losses(outputs[name][rows], guess[rows]).sum() / count
            for name, (guess, rows, count) in taught.items()
        }

    def hidden(self, model: Model, batch: Batch) -> Batch:
        """The batch with some content hidden and some modalities dark."""
        generator, names = drawn_generator(), sorted(batch.inputs)
        kept = some_of(torch.stack([batch.inputs[name].present for name in names], dim=1), 0.5, generator)
        inputs = {}
        for place, name in enumerate(names):
            values = batch.inputs[name].without(~kept[:, place])
            if values.count:
                values = Values(model.modalities[name].corrupt(values.data, self.rate, generator)[0], values.index)
            inputs[name] = values
        return replace(batch, inputs=inputs)


def pseudo_labels(task: Task, outputs: Tensor) -> tuple[Tensor, Tensor]:
    """What a task's outputs (n, outputs) would be as its target (n, ...), and how sure they are of it (n,), at most 1.

    Of several labels at once the least sure one counts; numbers are as they are, and count as sure.
    """
    decoded = task.decode(outputs)
    if decoded.probabilities is None:
        sure = np.ones(len(decoded.prediction))
        target = torch.as_tensor(np.asarray(decoded.prediction, dtype=np.float64))
    elif decoded.prediction.ndim == 2:
        sure = np.maximum(decoded.probabilities, 1 - decoded.probabilities).min(axis=1)
        target = torch.as_tensor(decoded.prediction)
    else:
        place = {label: number for number, label in enumerate(decoded.classes)}
        chosen = np.array([place[label] for label in decoded.prediction], dtype=np.int64)
        sure = decoded.probabilities[np.arange(len(chosen)), chosen]
        target = torch.as_tensor(chosen)
    return target.to(outputs.device), torch.as_tensor(sure, device=outputs.device)
