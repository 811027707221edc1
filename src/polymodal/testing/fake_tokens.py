"""Random tokens and representations, with holes wherever the contracts allow them."""

import torch

from polymodal.core import Combine, Representation, Tokens
from polymodal.core.masking import keep
from polymodal.core.seeding import torch_generator

__all__ = ["fake_representation", "fake_tokens"]


def fake_tokens(rows: int, tokens: int, width: int, seed: int = 0, absent: float = 0.3, axes: int = 0) -> Tokens:
    """Random tokens whose masks have holes anywhere; about `absent` of the rows have none, the first row always has.

    `axes` > 0 gives them positions in whole steps. What lies under the mask is zero.
    """
    draw = torch_generator(seed, "tokens", rows, tokens)
    mask = torch.rand(rows, tokens, generator=draw) < 0.6
    mask[:, 0] |= ~mask.any(dim=1)
    there = torch.rand(rows, 1, generator=draw) >= absent
    there[0] = True
    mask &= there
    values = keep(torch.randn(rows, tokens, width, generator=draw), mask)
    steps = torch.arange(tokens, dtype=torch.float32).view(1, -1, 1).expand(rows, -1, axes) if axes else None
    return Tokens(values, mask, None if steps is None else keep(steps, mask))


def fake_representation(rows: int, views: int, width: int, combine: Combine, seed: int = 0) -> Representation:
    """Random pooled views and the tokens of two modalities.

    Each row but the first lacks some views, the last row lacks them all; tokens are missing as in `fake_tokens`.
    """
    views = 1 if combine == "single" else views
    draw = torch_generator(seed, "representation", rows, views)
    mask = torch.rand(rows, views, generator=draw) < 0.6
    mask[0], mask[-1] = True, False
    pooled = keep(torch.randn(rows, views, width, generator=draw), mask)
    tokens = {name: fake_tokens(rows, size, width, seed) for name, size in (("seen", 5), ("heard", 3))}
    return Representation(pooled, mask, combine, tokens, dict(tokens))
