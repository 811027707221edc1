"""What is trained: a model with its tasks, and the objectives that teach it without labels."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import torch
from torch import Tensor, nn

from polymodal.core import Batch, Representation, Values
from polymodal.core.seeding import reseed
from polymodal.model import Model
from polymodal.objectives.base import Objective
from polymodal.tasks.base import Task
from polymodal.training import gradients
from polymodal.training.dropout import drop_modalities

__all__ = ["Judged", "Learner", "perturbed"]


@dataclass(frozen=True)
class Judged:
    """What a batch says of a model.

    `losses` (names,) are told to people and `lowered` (names,) is what training lowers; NaN where a name has nothing to
    say, which `known` (names,) marks by False. `counts` (names,) are the rows behind each. `alone` tells what the views
    lose when each decides alone, where anything asks for that and several views are there. `steady` is what the model
    makes of the same rows as prediction meets them, where an objective asks for that.
    """

    representation: Representation
    outputs: Mapping[str, Tensor]
    losses: Tensor
    lowered: Tensor
    known: Tensor
    counts: Tensor
    alone: gradients.Alone | None = None
    steady: Representation | None = None

    @property
    def seen(self) -> list[Representation]:
        """All that the model made of the rows."""
        return [self.representation] if self.steady is None else [self.representation, self.steady]


class Learner(nn.Module):
    """A model and the objectives beside its tasks, which are copied and built for it.

    `names` are the tasks (or their parts) and then the parts of the objectives, in the order of all losses. `own_loss`
    is the weight of the loss of each modality's own decision; `apart` asks for these losses also where they weigh
    nothing.
    """

    def __init__(
        self, model: Model, objectives: Mapping[str, Objective] = MappingProxyType({}), own_loss: float = 0.0
    ) -> None:
        super().__init__()
        self.model, self.own_loss, self.apart = model, own_loss, False
        self.built = {name: copy.deepcopy(part) for name, part in objectives.items()}
        for objective in self.built.values():
            objective.build(model)
        self.objectives = nn.ModuleDict(self.built)
        parts = [f"{name}.{part}" for name, objective in self.built.items() for part in objective.parts]
        self.names = [*model.balanced, *parts]
        self.aligns = any(not part.steady for part in self.built.values())
        self.aligns = self.aligns or any(task.aligns for task in model.tasks.values())
        self.steady = any(part.steady for part in self.built.values())
        self.contests = any(part.contests for part in self.built.values())

    def represented(self, batch: Batch, rate: float, generator: torch.Generator) -> tuple[Batch, Representation]:
        """A perturbed batch, about `rate` of whose rows have forgotten some modalities, and what the model makes of it.

        Where pairs are aligned they stay whole: then it is fusion alone that does not see what was forgotten.
        """
        fewer = drop_modalities(batch, rate, generator)
        if not self.aligns:
            changed = perturbed(self.model, fewer, generator)
            return changed, self.model.represent(changed)
        shown = {name: values.present for name, values in fewer.inputs.items()}
        changed = perturbed(self.model, batch, generator)
        return changed, self.model.represent(changed, shown)

    def judge(self, batch: Batch, representation: Representation, untouched: Batch | None = None) -> Judged:
        """All losses of a batch; `untouched` is what it was before it was perturbed, where it was."""
        model = self.model
        outputs = model.decide(representation, taught=False)
        each = gradients.all_losses(model, outputs, batch, representation)
        told = gradients.means(model, each)
        alone = self._alone(batch, representation)
        lowered = gradients.objective(model, told, alone, self.own_loss)
        counts = torch.tensor([len(losses) for losses in each.values()], device=told.device)
        if not self.objectives:
            return Judged(representation, outputs, told, lowered, counts > 0, counts, alone)
        shown = (batch, representation) if untouched is None or not self.steady else self._as_met(untouched)
        found = dict(self.taught(batch, representation, *shown))
        nothing = torch.full((), torch.nan, device=batch.rows.device)
        parts = self.names[len(model.balanced) :]
        more = torch.stack([found.get(name, nothing) for name in parts]) if parts else told[:0]
        there = torch.tensor([len(batch) if name in found else 0 for name in parts], device=counts.device)
        told, lowered = (torch.cat([losses.to(more), more]) for losses in (told, lowered))
        counts = torch.cat([counts, there]).long()
        steady = shown[1] if self.steady else None
        return Judged(representation, outputs, told, lowered, counts > 0, counts, alone, steady)

    def _as_met(self, batch: Batch) -> tuple[Batch, Representation]:
        """The batch, and what the model makes of it when it predicts; gradients flow."""
        training = self.model.training
        representation = self.model.eval().represent(batch)
        self.model.train(training)
        return batch, representation

    def _alone(self, batch: Batch, representation: Representation) -> gradients.Alone | None:
        mask = representation.view_mask
        if not (self.own_loss > 0 or self.apart) or mask.shape[1] == 1 or not mask.any():
            return None
        return gradients.decided_alone(self.model, representation, batch)

    def taught(
        self, batch: Batch, representation: Representation, untouched: Batch, steady: Representation
    ) -> Iterator[tuple[str, Tensor]]:
        """The weighted losses of the objectives that have something to say of this batch, by name.

        Those that are steady are asked about the `untouched` batch and what the model makes of that.
        """
        for name, objective in self.built.items():
            seen = (untouched, steady) if objective.steady else (batch, representation)
            for part, loss in objective.losses(self.model, *seen).items():
                yield f"{name}.{part}", objective.weight * loss

    def penalties(self) -> Tensor | None:
        """The sum of what parts of the net ask for themselves, such as an even load of experts; None without any.

        Each is taken once, so that a part which a batch does not reach leaves nothing of an earlier batch behind.
        """
        given = []
        for part in self.model.modules():
            own = vars(part)
            if isinstance(own.get("penalty"), Tensor):
                given.append(own["penalty"])
                own["penalty"] = None
        return torch.stack(given).sum() if given else None

    def examined(self, batch: Batch, seed: int, number: int) -> Judged:
        """The losses of a batch of validation rows; what objectives draw depends on the seed and the number alone."""
        if self.objectives:
            reseed(seed, "validation", number)
        return self.judge(batch, self.model.represent(batch))


def perturbed(model: Model, batch: Batch, generator: torch.Generator) -> Batch:
    """The batch with each modality's own small changes that leave the meaning alone; targets move along."""
    inputs, moves = dict(batch.inputs), {}
    for name, values in batch.inputs.items():
        if values.count:
            parts, moved = model.modalities[name].perturb_along(values.data, generator)
            inputs[name] = Values(parts, values.index)
            if moved is not None:
                moves[name] = moved
    targets = dict(batch.targets)  # what an objective keeps out stands among them, and belongs to no task
    for name, task in model.tasks.items():
        if name in targets:
            targets[name] = _moved(task, targets[name], batch, moves)
    return replace(batch, inputs=inputs, targets=targets)


def _moved(task: Task, target: Values, batch: Batch, moves: Mapping[str, Tensor]) -> Values:
    """The target with a value of its own for each row whose picture was moved; of the other rows none is left."""
    if task.follows is None or task.follows not in moves:
        return target
    places = batch.inputs[task.follows].index
    rows = target.present & (places >= 0)
    known = task.moved(target.data["target"][target.index[rows]], moves[task.follows][places[rows].cpu()])
    index = torch.where(rows, rows.cumsum(0) - 1, -1)
    return Values({"target": known}, index)
