"""All tokens see each other; where they stand matters, and in which order modalities are given does not."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from polymodal.core import Tokens
from polymodal.fusion import Early
from polymodal.fusion.base import mark_tokens
from polymodal.testing import check_fusion, fake_tokens


def built() -> Early:
    fusion = Early(layers=1, heads=2)
    fusion.build(["scan", "labs"], 8)
    return fusion.eval()


def test_a_token_of_one_modality_hears_of_the_other():
    fusion, labs = built(), fake_tokens(6, 3, 8, seed=1, absent=0.0)
    first, second = (fake_tokens(6, 4, 8, seed=seed, absent=0.0) for seed in (2, 3))
    heard = [fusion({"labs": labs, "scan": scan}).tokens["labs"].values for scan in (first, second)]
    assert not torch.allclose(heard[0], heard[1])
    unfused = fusion({"labs": labs, "scan": first}).unfused["labs"].values
    assert torch.equal(unfused, labs.values)


def test_each_modality_gets_its_own_tokens_back():
    tokens = {"scan": fake_tokens(6, 4, 8, seed=2, axes=2), "labs": fake_tokens(6, 3, 8, seed=1)}
    made = built()(tokens)
    assert {name: part.mask.shape for name, part in made.tokens.items()} == {"labs": (6, 3), "scan": (6, 4)}
    assert all(torch.equal(made.tokens[name].mask, part.mask) for name, part in tokens.items())
    assert torch.equal(made.tokens["scan"].positions, tokens["scan"].positions)


def test_the_place_of_a_token_matters_only_where_it_has_one():
    tokens = fake_tokens(5, 4, 8, seed=0, absent=0.0, axes=1)
    shifted = Tokens(tokens.values, tokens.mask, tokens.positions + 3.0)
    fusion = built()
    assert not torch.allclose(fusion({"scan": tokens}).pooled, fusion({"scan": shifted}).pooled)


def test_a_mark_is_not_put_under_the_mask():
    tokens = fake_tokens(6, 4, 8)
    marked = mark_tokens(tokens, torch.ones(8))
    assert not marked.values[~tokens.mask].any()
    torch.testing.assert_close(marked.values[tokens.mask], F.layer_norm(tokens.values[tokens.mask], (8,)) + 1)


def test_a_modality_weighs_the_same_however_loud_its_encoder_is():
    tokens = fake_tokens(6, 4, 8, axes=2)
    loud = Tokens(tokens.values * 100, tokens.mask, tokens.positions)
    made = [mark_tokens(part, torch.ones(8)).values for part in (loud, tokens)]
    torch.testing.assert_close(*made, rtol=0, atol=1e-3)


@pytest.mark.parametrize("options", [{"pool": "class"}, {"pool": "attention"}, {"share": 0.5}])
def test_other_ways_to_join_keep_the_contract(options: dict[str, Any]):
    check_fusion(Early(layers=2, heads=2, **options))


def test_a_class_token_hears_of_everything_and_is_nobodys_token():
    fusion = Early(layers=1, heads=2, pool="class")
    fusion.build(["scan", "labs"], 8)
    fusion.eval()
    labs, scan = fake_tokens(6, 3, 8, seed=1), fake_tokens(6, 4, 8, seed=2, axes=2)
    made = fusion({"labs": labs, "scan": scan})
    assert {name: part.mask.shape for name, part in made.tokens.items()} == {"labs": (6, 3), "scan": (6, 4)}
    assert torch.equal(made.view_mask[:, 0], labs.mask.any(1) | scan.mask.any(1))
    changed = Tokens(scan.values.flip(-1), scan.mask, scan.positions)
    moved = (fusion({"labs": labs, "scan": changed}).pooled != made.pooled).flatten(1).any(1)
    assert torch.equal(moved, scan.mask.any(1))
