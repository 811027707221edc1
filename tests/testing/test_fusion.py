"""Each way of breaking a fusion is found, and named."""

import pytest
import torch
from torch import nn

from polymodal.core import Representation, Tokens
from polymodal.core.masking import keep, masked_mean
from polymodal.fusion.base import Fusion
from polymodal.testing import ContractBroken, check_fusion


class Mean(Fusion):
    """A linear map of each modality's mean, averaged: one view."""

    combine = "single"

    def __init__(self):
        super().__init__()

    def build(self, names, width):
        self.names = sorted(names)
        self.maps = nn.ModuleDict({name: nn.Linear(width, width) for name in self.names})

    @property
    def views(self):
        return 1

    def forward(self, tokens):
        given = [name for name in self.names if name in tokens]
        present = torch.stack([tokens[name].present for name in given], 1)
        return Representation(self.pool(tokens, given, present), present.any(1, keepdim=True), "single", tokens, tokens)

    def pool(self, tokens, given, present):
        means = [self.maps[name](masked_mean(tokens[name].values, tokens[name].mask)) for name in given]
        return masked_mean(torch.stack(means, 1), present).unsqueeze(1)


def mean_with(**methods):
    return type("Changed", (Mean,), methods)()


def pool_everything(self, tokens, given, present):
    return torch.stack([self.maps[name](tokens[name].values.mean(1)) for name in given], 1).mean(1, keepdim=True)


def pool_by_product(self, tokens, given, present):
    means = [(tokens[n].values * tokens[n].mask.unsqueeze(-1)).sum(1) for n in given]
    return masked_mean(torch.stack([self.maps[n](m) for n, m in zip(given, means, strict=True)], 1), present)[:, None]


def pool_by_length(self, tokens, given, present):
    means = [keep(tokens[name].values, tokens[name].mask).mean(1) for name in given]
    return masked_mean(torch.stack([self.maps[n](m) for n, m in zip(given, means, strict=True)], 1), present)[:, None]


def pool_with_neighbours(self, tokens, given, present):
    pooled = Mean.pool(self, tokens, given, present)
    return pooled - pooled.mean(0)


def pool_the_first(self, tokens, given, present):
    name = given[0]
    return self.maps[name](masked_mean(tokens[name].values, tokens[name].mask)).unsqueeze(1)


def pool_as_it_comes(self, tokens, given, present):
    return Mean.pool(self, tokens, given, present) + 1e-6 * (next(iter(tokens)) == "bravo")


def pool_in_float32(self, tokens, given, present):
    return Mean.pool(self, tokens, given, present).float()


def forward_needs_all(self, tokens):
    for name in self.names:
        if name not in tokens:
            tokens = {**tokens, name: Tokens(torch.full((8, 1, 16), torch.inf), torch.ones(8, 1, dtype=torch.bool))}
    return Mean.forward(self, tokens)


def forward_unfused_mixed(self, tokens):
    found = Mean.forward(self, tokens)
    mixed = {
        name: Tokens(keep(part.values + found.pooled, part.mask), part.mask, part.positions)
        for name, part in tokens.items()
    }
    return Representation(found.pooled, found.view_mask, "single", tokens, mixed)


def forward_without_view_mask(self, tokens):
    found = Mean.forward(self, tokens)
    return Representation(found.pooled, torch.ones_like(found.view_mask), "single", tokens, tokens)


def forward_two_views(self, tokens):
    found = Mean.forward(self, tokens)
    return Representation(found.pooled.repeat(1, 2, 1), found.view_mask.repeat(1, 2), "single", tokens, tokens)


BROKEN = {
    "what lies under a mask": mean_with(pool=pool_by_product),
    "a modality that is not given": mean_with(pool=pool_everything),
    "is finite": mean_with(forward=forward_needs_all),
    "padded equals unpadded": mean_with(pool=pool_by_length),
    "changes nothing beyond 1e-5": mean_with(pool=pool_with_neighbours),
    "is ignored|none reached|is not given": mean_with(pool=pool_the_first),
    "order of the mapping": mean_with(pool=pool_as_it_comes),
    "float64 in": mean_with(pool=pool_in_float32),
    "does not depend on": mean_with(forward=forward_unfused_mixed),
    "a row has a view": mean_with(forward=forward_without_view_mask),
    '"single" means one view': mean_with(views=property(lambda self: 2), forward=forward_two_views),
    "pooled is": mean_with(pool=lambda self, *given: Mean.pool(self, *given)[..., :-1]),
}


def test_a_plain_mean_keeps_the_contract():
    check_fusion(Mean())


@pytest.mark.parametrize("promise", BROKEN)
def test_a_broken_promise_is_named(promise):
    with pytest.raises(ContractBroken, match=promise):
        check_fusion(BROKEN[promise])
