"""The model: encoders, one fusion, a head for each task. How it is trained is written elsewhere."""

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from polymodal.core import Batch, Representation, Tokens, UsageProblem, Values, did_you_mean
from polymodal.data.naming import NAMES, usable_name
from polymodal.fusion.base import Fusion
from polymodal.modalities.base import Modality
from polymodal.sharing import Hard, Sharing
from polymodal.tasks.base import Task, TaughtHead

__all__ = ["Ensemble", "Model", "strangers"]


class Model(nn.Module):
    """One model of several modalities for several tasks.

    The readers of the modalities and tasks must be fitted. Raises UsageProblem for a name that no network could give to
    a part, and for a modality that a task speaks of and that is not there. The fusion and the sharing (hard unless
    given) are copied, so that one description can build several models.
    """

    def __init__(
        self,
        modalities: Mapping[str, Modality],
        tasks: Mapping[str, Task],
        fusion: Fusion,
        width: int,
        sharing: Sharing | None = None,
    ) -> None:
        super().__init__()
        self.modalities, self.tasks, self.width = dict(modalities), dict(tasks), width
        _check_names("modalities", modalities)
        _check_names("tasks", tasks)
        strange = [problem for _, problem in strangers(tasks, list(modalities))]
        if strange:
            raise UsageProblem.joined(strange)
        self.encoders = nn.ModuleDict(
            {name: modality.build_encoder(width) for name, modality in self.modalities.items()}
        )
        self.fusion = copy.deepcopy(fusion)
        self.fusion.build(sorted(self.modalities), width)
        views, combine = self.fusion.views, self.fusion.combine
        self.heads = nn.ModuleDict({name: task.head(views, width, combine) for name, task in self.tasks.items()})
        self.sharing = Hard() if sharing is None else copy.deepcopy(sharing)
        looking = [name for name, head in self.heads.items() if isinstance(head, TaughtHead)]
        self.sharing.build(list(self.tasks), width, looking)
        needing = [task for task in self.tasks.values() if task.needs_input_gradient]
        self.followed = frozenset(name for task in needing for name in task.differentiates)

    @property
    def balanced(self) -> dict[str, Task]:
        """The name of each loss, and its task: the task's own name, or "task.part" for each of its parts."""
        named = [([f"{name}.{part}" for part in task.parts] or [name], task) for name, task in self.tasks.items()]
        return {loss: task for losses, task in named for loss in losses}

    def encode(self, name: str, values: Values, batch: int) -> Tokens:
        """The tokens of one modality, laid out by row; each distinct value that a row holds is encoded once."""
        values = values.held()
        if values.count == 0:
            return Tokens.absent(batch, self.width, like=next(self.parameters()))
        return self.encoders[name](values.data).gather(values.index)

    def represent(self, batch: Batch, shown: Mapping[str, Tensor] | None = None) -> Representation:
        """The fused representation of a batch.

        `shown` may hold, for each modality, (batch,) True in the rows of which fusion is to see it; `unfused` has it in
        the others, too.
        """
        if self.followed:
            return self._differentiable(batch, shown)
        tokens = {name: self.encode(name, values, len(batch)) for name, values in batch.inputs.items()}
        return self.fuse(tokens, shown)

    def _differentiable(self, batch: Batch, shown: Mapping[str, Tensor] | None) -> Representation:
        """A representation whose slopes at the values of some modalities can be taken, and in training learned from."""
        with _followed():
            values = {n: part.followed() if n in self.followed else part for n, part in batch.inputs.items()}
            tokens = {name: self.encode(name, part, len(batch)) for name, part in values.items()}
            asked = {name: part for name, part in values.items() if name in self.followed}
            return replace(self.fuse(tokens, shown), inputs=asked)

    def fuse(self, tokens: Mapping[str, Tokens], shown: Mapping[str, Tensor] | None = None) -> Representation:
        """The representation of tokens by modality, of which fusion sees only the rows that are `shown`."""
        if shown is None:
            return self.fusion(tokens)
        return replace(self.fusion({name: part.only(shown[name]) for name, part in tokens.items()}), unfused=tokens)

    def forward(self, batch: Batch, *, taught: bool = True) -> dict[str, Tensor]:
        """Outputs (batch, outputs) for each task; without those whose heads are taught, where these are not asked."""
        return self.decide(self.represent(batch), taught=taught)

    def decide(self, representation: Representation, *, taught: bool = True) -> dict[str, Tensor]:
        """What each task's head makes of a representation; without heads that are taught, where these are not asked."""
        asked = [name for name, head in self.heads.items() if taught or not isinstance(head, TaughtHead)]
        return {name: self.heads[name](given) for name, given in self.read(asked, representation).items()}

    def read(self, tasks: Sequence[str], representation: Representation) -> dict[str, Representation]:
        """What the heads of some tasks read: without what a task hides, and by its own way where not all is shared."""
        seen = {name: self.seen_by(name, representation) for name in tasks}
        alike: dict[int, list[str]] = {}
        for name, given in seen.items():
            alike.setdefault(id(given), []).append(name)
        read: dict[str, Representation] = {}
        for names in alike.values():
            with _followed() if any(self.tasks[name].needs_input_gradient for name in names) else nullcontext():
                read |= self.sharing(seen[names[0]], names)
        return {name: read[name] for name in tasks}

    def seen_by(self, task: str, representation: Representation) -> Representation:
        """The representation without the modalities that a task hides from its head."""
        hidden, tokens = set(self.tasks[task].hides), representation.unfused
        if not hidden & tokens.keys():
            return representation
        shown = {name: part.present & (name not in hidden) for name, part in tokens.items()}
        if not self.tasks[task].needs_input_gradient:
            return self.fuse(tokens, shown)
        with _followed():
            return replace(self.fuse(tokens, shown), inputs=representation.inputs)


@contextmanager
def _followed() -> Iterator[None]:
    """Slopes are recorded, also where none are otherwise; the fast kernels of attention have no second derivative."""
    with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
        yield


class Ensemble(nn.Module):
    """Several models of the same parts, trained apart; their outputs are averaged (Lakshminarayanan et al. 2017).

    Each task brings the outputs together; logits are averaged, not probabilities, which is a geometric mean of what the
    members believe.
    """

    def __init__(self, members: Sequence[Model]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.modalities, self.tasks = members[0].modalities, members[0].tasks

    def forward(self, batch: Batch, *, taught: bool = True) -> dict[str, Tensor]:
        """Outputs (batch, outputs) for each task; without those whose heads are taught, where these are not asked."""
        made = [member(batch, taught=taught) for member in self.members]
        return {name: self.tasks[name].joined([each[name] for each in made]) for name in made[0]}


HIDING = (
    ("hide those only that give the answer away", "hides"),
    ("name those only that tell what a question is about, and keep that of the thing that is asked", "described"),
)
"""What to do where a task may see nothing, and by which option: unless it has descriptions, and with them."""


def strangers(tasks: Mapping[str, Task], modalities: Sequence[str]) -> Iterator[tuple[tuple[str, str], UsageProblem]]:
    """For each option of a task that speaks of a modality which is not there: (task, option), and the problem.

    A task that hides every modality is one, too: there is nothing that it could be answered from.
    """
    for name, task in tasks.items():
        spoken = [(option, other) for option, named in task.speaks_of.items() for other in dict.fromkeys(named)]
        for option, other in spoken:
            if other not in modalities:
                expected, remedy = f"names among {', '.join(modalities)}", did_you_mean(str(other), modalities)
                yield (name, option), _misnamed("unknown-modality", f"{name}.{option}", expected, f'"{other}"', remedy)
        if modalities and set(modalities) <= set(task.hides):
            expected, remedy, option = "a modality that the task may see", *HIDING["described" in task.speaks_of]
            found = "every modality is hidden" if option == "hides" else "every modality describes, and none is asked"
            yield (name, option), _misnamed("nothing-to-see", f"{name}.{option}", expected, found, remedy)


def _misnamed(code: str, where: str, expected: str, found: str, remedy: str) -> UsageProblem:
    return UsageProblem(code, where=where, expected=expected, found=found, remedy=remedy)


def _check_names(kind: str, names: Iterable[object]) -> None:
    for name in names:
        if not isinstance(name, str) or not usable_name(name):
            raise UsageProblem("bad-name", where=kind, expected=NAMES, found=repr(name), remedy="rename it")
