"""Latents read what is there; how many tokens there are changes neither their number nor their order's meaning."""

import torch

from polymodal.core import Tokens
from polymodal.fusion import Perceiver
from polymodal.testing import fake_tokens


def test_the_order_of_tokens_without_positions_does_not_matter() -> None:
    fusion = Perceiver(latents=3, heads=2)
    fusion.build(["labs"], 8)
    labs = fake_tokens(5, 6, 8, seed=1)
    turned = Tokens(labs.values.flip(1), labs.mask.flip(1))
    found = [fusion.eval()({"labs": tokens}).pooled for tokens in (labs, turned)]
    torch.testing.assert_close(found[0][labs.present], found[1][labs.present])


def test_tokens_of_the_modalities_stay_as_they_are() -> None:
    fusion = Perceiver()
    fusion.build(["labs"], 8)
    labs = fake_tokens(5, 6, 8, seed=1)
    assert fusion({"labs": labs}).tokens["labs"] is labs
