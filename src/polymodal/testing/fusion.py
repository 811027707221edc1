"""Does a fusion keep its promises: any subset, any order, any padding; and nobody sees another before fusing."""

import copy
from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations

import torch
from torch import Tensor

from polymodal.core import Representation, Tokens
from polymodal.core.masking import keep
from polymodal.core.seeding import seeded
from polymodal.fusion.base import Fusion
from polymodal.testing.fake_tokens import fake_tokens
from polymodal.testing.making import check_options
from polymodal.testing.verdict import check_gradients, check_saving, near, require, same_bits

__all__ = ["check_fusion"]

# Not in the order of the alphabet, and of unequal lengths; the second one has positions.
LENGTHS = {"delta": 3, "alpha": 5, "charlie": 1, "bravo": 2}
Given = dict[str, Tokens]


def check_fusion(fusion: Fusion, width: int = 16, rows: int = 8) -> None:
    """Hold a fusion to its contract on random tokens of four modalities with random masks.

    `fusion` is not built and stays as it is. Raises ContractBroken.
    """
    check_options(fusion)
    given = {
        name: fake_tokens(rows, length, width, seed=place, axes=2 if name == "alpha" else 0)
        for place, (name, length) in enumerate(LENGTHS.items())
    }
    for check in (
        _check_shapes,
        _check_subsets,
        _check_order,
        _check_masked_content,
        _check_padding,
        _check_unfused,
        _check_other_rows,
        _check_learning,
        _check_precision,
    ):
        check(fusion, given)


def _built(fusion: Fusion, given: Given, seed: int = 0) -> Fusion:
    made = copy.deepcopy(fusion)
    with seeded(seed, "fusion"):
        made.build(sorted(given), next(iter(given.values())).values.shape[-1])
    return made.eval()


def _fuse(fusion: Fusion, given: Given, names: Mapping[str, object] | None = None) -> Representation:
    """Fuse the tokens with a fusion that was built for `names` (unless said, for what is given)."""
    made = _built(fusion, given if names is None else dict.fromkeys(names, next(iter(given.values()))))
    with torch.no_grad():
        return made(given)


def _who(fusion: Fusion) -> str:
    return type(fusion).__name__


def _check_shapes(fusion: Fusion, given: Given) -> None:
    who = _who(fusion)
    for count in range(1, len(given) + 1):
        some = dict(list(given.items())[:count])
        made = _built(fusion, some)
        found = made(some)
        rows, _, width = next(iter(some.values())).values.shape
        shape = tuple(found.pooled.shape)
        require(shape == (rows, made.views, width), f"{who}: pooled is (batch, views, width), found {shape}")
        require(found.view_mask.shape == (rows, made.views), f"{who}: view_mask is (batch, views)")
        require(found.combine == made.combine, f"{who}: the representation says how its views combine")
        require(made.combine != "single" or made.views == 1, f'{who}: "single" means one view')
        for part, names in (("tokens", found.tokens), ("unfused", found.unfused)):
            require(set(names) == set(some), f"{who}: {part} has what was given, {sorted(some)}, found {sorted(names)}")
        there = torch.stack([tokens.present for tokens in some.values()]).any(dim=0)
        require(
            same_bits(found.view_mask.any(dim=1), there), f"{who}: a row has a view if, and only if, it has a token"
        )


def _check_subsets(fusion: Fusion, given: Given) -> None:
    who = _who(fusion)
    for count in range(1, len(given)):
        for chosen in combinations(given, count):
            some = {name: given[name] for name in chosen}
            found = _fuse(fusion, some, given)
            for what, tensor in _contents(found).items():
                require(bool(torch.isfinite(tensor).all()), f"{who}: {what} is finite with only {', '.join(chosen)}")
            dark = {name: tokens if name in some else _darkened(tokens) for name, tokens in given.items()}
            require(
                near(_contents(found)["pooled"], _contents(_fuse(fusion, dark))["pooled"]),
                f"{who}: a modality that is not given equals one that is masked throughout ({', '.join(chosen)} given)",
            )


def _darkened(tokens: Tokens) -> Tokens:
    return Tokens(torch.zeros_like(tokens.values), torch.zeros_like(tokens.mask), tokens.positions)


def _check_order(fusion: Fusion, given: Given) -> None:
    wanted, found = _contents(_fuse(fusion, given)), _contents(_fuse(fusion, dict(reversed(given.items()))))
    for what, tensor in wanted.items():
        require(
            same_bits(tensor, found[what]), f"{_who(fusion)}: the order of the mapping does not matter, {what} changed"
        )


def _check_masked_content(fusion: Fusion, given: Given) -> None:
    """NaN under a mask reaches neither the representation nor a gradient."""
    who = _who(fusion)
    spoiled = {
        name: replace(tokens, values=torch.where(tokens.mask.unsqueeze(-1), tokens.values, torch.nan))
        for name, tokens in given.items()
    }
    wanted, found = _contents(_fuse(fusion, given)), _contents(_fuse(fusion, spoiled))
    for what, tensor in wanted.items():
        require(
            same_bits(tensor, found[what]),
            f"{who}: what lies under a mask changes nothing, bit for bit; {what} changed",
        )
    made = _built(fusion, given)
    learning = [weight for weight in made.parameters() if weight.requires_grad]
    leaves = {name: tokens.values.clone().requires_grad_() for name, tokens in spoiled.items()}
    loss = _score(made({name: replace(tokens, values=leaves[name]) for name, tokens in spoiled.items()}))
    for slope in torch.autograd.grad(loss, [*learning, *leaves.values()], allow_unused=True, materialize_grads=True):
        require(bool(torch.isfinite(slope).all()), f"{who}: NaN under a mask does not reach a gradient")


def _check_padding(fusion: Fusion, given: Given) -> None:
    wanted = _fuse(fusion, given)
    padded = {name: _padded(tokens, 3) for name, tokens in given.items()}
    found = _fuse(fusion, padded)
    pairs = [("pooled", keep(wanted.pooled, wanted.view_mask), keep(found.pooled, found.view_mask))]
    for name, tokens in wanted.tokens.items():
        length = tokens.values.shape[1]
        longer = found.tokens[name]
        pairs.append((f"tokens of {name}", _kept(tokens), keep(longer.values, longer.mask)[:, :length]))
    for what, one, other in pairs:
        require(near(one, other), f"{_who(fusion)}: padded equals unpadded to 1e-5; {what} changed")


def _padded(tokens: Tokens, extra: int) -> Tokens:
    rows, _, width = tokens.values.shape
    values = torch.cat([tokens.values, torch.full((rows, extra, width), torch.nan)], dim=1)
    mask = torch.cat([tokens.mask, torch.zeros(rows, extra, dtype=torch.bool)], dim=1)
    places = tokens.positions
    return Tokens(
        values, mask, None if places is None else torch.cat([places, places.new_zeros(rows, extra, 2)], dim=1)
    )


def _check_unfused(fusion: Fusion, given: Given) -> None:
    made = _built(fusion, given)
    leaves = {name: tokens.values.clone().requires_grad_() for name, tokens in given.items()}
    found = made({name: replace(tokens, values=leaves[name]) for name, tokens in given.items()})
    for name, tokens in found.unfused.items():
        others = [other for other in leaves if other != name]
        if not tokens.values.requires_grad:
            continue
        slopes = torch.autograd.grad(
            tokens.values.square().sum(), [leaves[other] for other in others], retain_graph=True, allow_unused=True
        )
        for other, slope in zip(others, slopes, strict=True):
            blind = slope is None or not bool((slope != 0).any())
            require(blind, f"{_who(fusion)}: `unfused` of {name} does not depend on {other}")


def _check_other_rows(fusion: Fusion, given: Given) -> None:
    wanted = _contents(_fuse(fusion, given))
    rows = len(next(iter(given.values())).mask)
    for what, order in (
        ("the order of rows", torch.arange(rows).flip(0)),
        ("the batch size", torch.tensor([0])),
        ("the other rows", torch.arange(0, rows, 2)),
    ):
        found = _contents(_fuse(fusion, {name: tokens.gather(order) for name, tokens in given.items()}))
        for part, tensor in wanted.items():
            require(
                near(found[part], tensor[order]), f"{_who(fusion)}: {what} changes nothing beyond 1e-5; {part} changed"
            )


def _check_learning(fusion: Fusion, given: Given) -> None:
    who = _who(fusion)
    made = _built(fusion, given)
    with seeded(0, "dropout"):
        check_gradients(made.train(), _score(made(given)), who)
    check_saving(made, _built(fusion, given, seed=1), who)
    leaves = {name: tokens.values.clone().requires_grad_() for name, tokens in given.items()}
    found = made.eval()({name: replace(tokens, values=leaves[name]) for name, tokens in given.items()})
    for name, slope in zip(
        leaves, torch.autograd.grad(found.pooled.square().sum(), list(leaves.values()), allow_unused=True), strict=True
    ):
        reached = slope is not None and bool((slope != 0).any())
        require(reached, f"{who}: the pooled views depend on every modality; {name} is ignored")


def _check_precision(fusion: Fusion, given: Given) -> None:
    wide = {name: replace(tokens, values=tokens.values.double()) for name, tokens in given.items()}
    with torch.no_grad():
        found, wanted = _built(fusion, given).double()(wide), _built(fusion, given)(given)
    require(found.pooled.dtype == torch.float64, f"{_who(fusion)}: float64 in gives float64 out")
    require(wanted.pooled.dtype == torch.float32, f"{_who(fusion)}: float32 in gives float32 out")
    require(near(keep(found.pooled, found.view_mask), keep(wanted.pooled, wanted.view_mask), 1e-3), "float64 = float32")


def _contents(found: Representation) -> dict[str, Tensor]:
    """All that may be read of a representation, with what is masked set to zero."""
    contents = {"pooled": keep(found.pooled, found.view_mask), "view_mask": found.view_mask}
    for name in found.tokens:
        contents[f"tokens of {name}"] = _kept(found.tokens[name])
        contents[f"unfused tokens of {name}"] = _kept(found.unfused[name])
    return contents


def _kept(tokens: Tokens) -> Tensor:
    return keep(tokens.values, tokens.mask)


def _score(found: Representation) -> Tensor:
    """A number that depends unevenly on every entry that may be read."""
    total = torch.zeros((), dtype=found.pooled.dtype)
    for tensor in _contents(found).values():
        if tensor.is_floating_point():
            slope = torch.linspace(-1, 1, tensor.shape[-1], dtype=tensor.dtype)
            total = total + ((tensor + 0.5 * slope) ** 2 * (1 + slope)).sum()
    return total
