"""Does a way of sharing keep its promises: absent views, other rows and other tasks that are asked are not felt."""

import copy
from dataclasses import replace

import torch
from torch import nn

from polymodal.core import Representation
from polymodal.core.seeding import seeded
from polymodal.sharing.base import Sharing
from polymodal.testing.fake_tokens import fake_representation
from polymodal.testing.making import check_options
from polymodal.testing.verdict import check_saving, near, require, same_bits

__all__ = ["check_sharing"]

TASKS = ("first", "second", "looking")


def check_sharing(sharing: Sharing, width: int = 16) -> None:
    """Hold a way of sharing to its contract, for three tasks of which one reads tokens.

    `sharing` is not built and stays as it is. Raises ContractBroken.
    """
    check_options(sharing)
    who, given = type(sharing).__name__, fake_representation(7, 3, width, "mean")
    built, fresh = _built(sharing, width, 0), _built(sharing, width, 1)
    found = built(given, TASKS)
    require(list(found) == list(TASKS), f"{who}: a representation for each task, in the order asked")
    for name, made in found.items():
        fits = made.pooled.shape == given.pooled.shape and set(made.tokens) == set(given.tokens)
        require(fits, f"{who}: views and tokens keep their shape, {name}")
        require(made.unfused is given.unfused, f"{who}: what is not fused stays as it is, {name}")
        require(
            same_bits(built(given, [name])[name].pooled, made.pooled), f"{who}: tasks do not feel who else is asked"
        )
    _check_absent(who, built, given)
    _check_rows(who, built, given)
    _check_gradients(who, built, given)
    check_saving(built, fresh, who)


def _built(sharing: Sharing, width: int, seed: int) -> Sharing:
    made = copy.deepcopy(sharing)
    with seeded(seed, "sharing"):
        made.build(TASKS, width, TASKS[2:])
        for weight in made.parameters():
            nn.init.normal_(weight, std=0.3)
    return made.eval()


def _check_absent(who: str, built: Sharing, given: Representation) -> None:
    mask = given.view_mask.unsqueeze(-1)
    tokens = {
        name: replace(part, values=torch.where(part.mask.unsqueeze(-1), part.values, torch.nan))
        for name, part in given.tokens.items()
    }
    spoiled = replace(given, pooled=torch.where(mask, given.pooled, torch.nan), tokens=tokens)
    plain, found = built(given, TASKS), built(spoiled, TASKS)
    for name in TASKS:
        same = same_bits(*(torch.where(mask, each[name].pooled, 0.0) for each in (plain, found)))
        require(same, f"{who}: the content of an absent view changes nothing, {name}")
    for part, own in found["looking"].tokens.items():
        here = own.mask.unsqueeze(-1)
        same = same_bits(*(torch.where(here, each["looking"].tokens[part].values, 0.0) for each in (plain, found)))
        require(same, f"{who}: the content of an absent token changes nothing, {part}")


def _check_rows(who: str, built: Sharing, given: Representation) -> None:
    some = replace(given, pooled=given.pooled[:2], view_mask=given.view_mask[:2], tokens={}, unfused={})
    whole = built(given, TASKS[:2])
    for name, alone in built(some, TASKS[:2]).items():
        require(near(alone.pooled, whole[name].pooled[:2], 1e-5), f"{who}: a row does not feel other rows, {name}")


def _check_gradients(who: str, built: Sharing, given: Representation) -> None:
    """Every weight learns from some task; a task that is not asked moves nothing that is its own."""
    if not list(built.parameters()):
        return
    found = built(given, TASKS)
    total = sum(made.pooled.square().sum() for made in found.values())
    slopes = torch.autograd.grad(total, list(built.parameters()), allow_unused=True)
    reached = all(slope is not None and bool((slope != 0).any()) for slope in slopes)
    require(reached, f"{who}: a gradient reaches every weight")
