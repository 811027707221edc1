"""What an objective must offer: losses of its own, from a model, a batch and what the model made of it."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar

from torch import Tensor, nn

from polymodal.core import Batch, Representation, UsageProblem
from polymodal.data.base import Column
from polymodal.modalities.base import Modality
from polymodal.model import Model
from polymodal.tasks.base import Task

__all__ = ["Objective", "chosen_parts", "contrasting"]


class Objective(nn.Module, ABC):
    """Something that a model learns beside its tasks, or before them, without any label.

    The constructor takes options only and keeps each under its own name; `build` makes the weights once there is a
    model whose readers are fitted. Those weights serve training and are not part of the model that is saved. What is
    drawn at random comes from PyTorch's own generator, which training sets for every step. `contrasts` says that rows
    are told from the others of their batch, so that it has to be large. `steady` says that it is asked about rows as
    prediction meets them, with nothing perturbed, forgotten or dropped; a step then takes about twice as long.
    `contests` says that its losses depend on a net that learns alongside, so that they do not tell one epoch from
    another: training goes on to its end, and the last weights are kept.
    """

    contrasts: ClassVar[bool] = False
    steady: ClassVar[bool] = False
    contests: ClassVar[bool] = False
    weight: float

    @property
    def reads(self) -> Mapping[str, Column[Any]]:
        """Columns that it reads and that are neither input nor task, by the name that a batch has their cells under.

        They are fitted on training rows before `build`, and their cells stand in `Batch.targets`. A name tells how the
        column is read, so that objectives which share one read the same.
        """
        return {}

    @abstractmethod
    def chosen(self, modalities: Mapping[str, Modality], tasks: Mapping[str, Task]) -> list[str]:
        """The names of what it works on, out of parts that need not be fitted yet, by name.

        Raises UsageProblem where the options name another part, or no part is fit for it.
        """

    @abstractmethod
    def build(self, model: Model) -> None:
        """Make the weights for this model. Raises UsageProblem as `chosen` does."""

    @property
    @abstractmethod
    def parts(self) -> Sequence[str]:
        """The names of the losses that there may be, in one order; known after `build`."""

    @abstractmethod
    def losses(self, model: Model, batch: Batch, representation: Representation) -> dict[str, Tensor]:
        """The losses of this batch by name, each a number; one that does not apply here is left out.

        `batch` is whole; of `representation`, `unfused` is whole, and the rest may be of a part of the modalities.
        """


def chosen_parts(asked: Sequence[str] | None, able: Sequence[str], who: str, least: int = 1) -> list[str]:
    """The modalities or tasks that an objective is to work on: those asked for, or all that are able to.

    Raises UsageProblem for a name that is not among these, and where fewer than `least` are left.
    """
    names = list(able) if asked is None else list(dict.fromkeys(asked))
    strange = [name for name in names if name not in able]
    if strange or len(names) < least:
        raise UsageProblem(
            "objective-does-not-fit",
            where=who,
            expected=f"{least} or more out of {', '.join(able)}" if able else "a part that it can work on",
            found=", ".join(map(str, strange or names)) or "none in this model",
            remedy="name parts of this model that can do it, or take the objective out",
        )
    return names


def contrasting(tasks: Collection[Task], objectives: Collection[Objective]) -> bool:
    """Whether all that is learned is to tell or rank rows; labels need many small steps more than large ones."""
    aligned = [task.aligns or task.compares for task in tasks]
    return all(aligned) and any([*aligned, *(objective.contrasts for objective in objectives)])
