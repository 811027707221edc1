"""Branches begin together and part."""

import torch

from polymodal.sharing import Branches
from polymodal.testing.fake_tokens import fake_representation


def test_tasks_begin_almost_alike_and_have_weights_of_their_own():
    given = fake_representation(5, 2, 8, "mean")
    branches = Branches(layers=2, dropout=0.0)
    branches.build(["a", "b"], 8)
    found = branches(given, ["a", "b"])
    held = given.view_mask.unsqueeze(-1)
    gap = torch.where(held, found["a"].pooled - given.pooled, 0.0).abs().max()
    assert 0 < gap < 0.5
    assert not torch.equal(found["a"].pooled, found["b"].pooled)
    (slope,) = torch.autograd.grad(
        found["a"].pooled.sum(), [next(branches.branches["b"].parameters())], allow_unused=True
    )
    assert slope is None


def test_only_a_head_that_looks_gets_tokens_of_its_own():
    given = fake_representation(5, 2, 8, "mean")
    branches = Branches()
    branches.build(["a", "b"], 8, ["b"])
    found = branches.eval()(given, ["a", "b"])
    assert found["a"].tokens is given.tokens
    assert any(not torch.equal(found["b"].tokens[name].values, part.values) for name, part in given.tokens.items())
    assert all(found["b"].tokens[name].mask is part.mask for name, part in given.tokens.items())
