"""Teach a finished model one question of a family more, from a few labelled rows of it."""

import copy
from typing import cast

import numpy as np
import torch
from torch import Tensor

from polymodal.core import Representation, UsageProblem
from polymodal.data.base import Rows
from polymodal.data.samples import Samples
from polymodal.model import Ensemble, Model
from polymodal.tasks.family import Family, HyperHead

__all__ = ["few_shot"]

STEPS = 50
"""Rounds of L-BFGS at most: a few numbers are sought, and most often ten rounds find them."""


def few_shot(model: Ensemble, task: str, samples: Samples, rows: Rows, penalty: float = 1.0) -> Ensemble:
    """A copy of the model whose heads for the family `task` are moved towards these rows, all of one question.

    What moves is the question's code alone (rank numbers): it starts from what the description says, or from the mean
    head where nothing is described, and is held there by `penalty` / 2 · ‖shift‖², the logarithm of a normal prior of
    variance 1 / penalty about it. All weights stay as they are. The copy is for this question: it moves the codes of
    all others as well. Raises UsageProblem for a task that is no family, for rows of several questions, and where no
    row is labelled.
    """
    family = model.tasks.get(task)
    if not isinstance(family, Family):
        raise _misfit(task, "a task of type family", "none of that name" if family is None else type(family).__name__)
    batch = samples.batch(rows)
    target = batch.targets[task]
    labelled = target.present
    truth = target.data["target"][target.index[labelled]]
    asked = len(np.unique(truth[:, 1].numpy()))
    if asked != 1:
        raise _misfit(task, "labelled rows of one member", f"labelled rows of {asked} members")
    made = copy.deepcopy(model).eval()
    for member in made.members:
        own = cast("Model", member)
        with torch.no_grad():
            read = own.read([task], own.represent(batch))[task]
        _move(cast("HyperHead", own.heads[task]), family, read, (labelled, truth), penalty)
    return made


def _move(head: HyperHead, family: Family, given: Representation, known: tuple[Tensor, Tensor], penalty: float) -> None:
    """Find the shift of the codes that fits the known answers, and leave it in the head."""
    labelled, truth = known
    with torch.no_grad():
        codes, which = head.codes(given)
    shift = torch.zeros_like(head.shift, requires_grad=True)
    search = torch.optim.LBFGS([shift], max_iter=STEPS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        outputs = head.decided(codes + shift, which, given)
        lost = family.losses(outputs[labelled], truth).sum() + penalty / 2 * shift.square().sum()
        (shift.grad,) = torch.autograd.grad(lost, [shift])
        return lost.detach()

    search.step(closure)
    head.shift.add_(shift.detach())


def _misfit(task: str, expected: str, found: str) -> UsageProblem:
    return UsageProblem(
        "not-one-member", where=task, expected=expected, found=found, remedy="name rows of one question"
    )
