"""The model: encoders, one fusion, a head for each task. How it is trained is written elsewhere."""

import copy
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from polymodal.core import Batch, Representation, Tokens, UsageProblem, Values
from polymodal.data.naming import NAMES, usable_name
from polymodal.fusion.base import Fusion
from polymodal.modalities.base import Modality
from polymodal.tasks.base import Task

__all__ = ["Ensemble", "Model"]


class Model(nn.Module):
    """One model of several modalities for several tasks.

    The readers of the modalities and tasks must be fitted. Raises UsageProblem for a name that no network could give to
    a part. The fusion is copied, so that one description can build several models.
    """

    def __init__(
        self, modalities: Mapping[str, Modality], tasks: Mapping[str, Task], fusion: Fusion, width: int
    ) -> None:
        super().__init__()
        self.modalities, self.tasks, self.width = dict(modalities), dict(tasks), width
        _check_names("modalities", modalities)
        _check_names("tasks", tasks)
        self.encoders = nn.ModuleDict(
            {name: modality.build_encoder(width) for name, modality in self.modalities.items()}
        )
        self.fusion = copy.deepcopy(fusion)
        self.fusion.build(sorted(self.modalities), width)
        views, combine = self.fusion.views, self.fusion.combine
        self.heads = nn.ModuleDict({name: task.head(views, width, combine) for name, task in self.tasks.items()})

    def encode(self, name: str, values: Values, batch: int) -> Tokens:
        """The tokens of one modality, laid out by row; each distinct value that a row holds is encoded once."""
        values = values.held()
        if values.count == 0:
            return Tokens.absent(batch, self.width, like=next(self.parameters()))
        return self.encoders[name](values.data).gather(values.index)

    def represent(self, batch: Batch) -> Representation:
        """The fused representation of a batch."""
        tokens = {name: self.encode(name, values, len(batch)) for name, values in batch.inputs.items()}
        return self.fusion(tokens)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Outputs (batch, outputs) for each task."""
        return self.decide(self.represent(batch))

    def decide(self, representation: Representation) -> dict[str, Tensor]:
        """What each task's head makes of a representation."""
        return {name: head(representation) for name, head in self.heads.items()}


class Ensemble(nn.Module):
    """Several models of the same parts, trained apart; their outputs are averaged (Lakshminarayanan et al. 2017).

    Logits are averaged, not probabilities: a geometric mean of what the members believe.
    """

    def __init__(self, members: Sequence[Model]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.modalities, self.tasks = members[0].modalities, members[0].tasks

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Outputs (batch, outputs) for each task."""
        made = [member(batch) for member in self.members]
        return {name: torch.stack([each[name] for each in made]).mean(dim=0) for name in self.tasks}


def _check_names(kind: str, names: Iterable[object]) -> None:
    for name in names:
        if not isinstance(name, str) or not usable_name(name):
            raise UsageProblem("bad-name", where=kind, expected=NAMES, found=repr(name), remedy="rename it")
