"""Modalities look at the others, never at what is masked, and stay apart where a row has one only."""

import torch

from polymodal.fusion import CrossAttention
from polymodal.testing import fake_tokens


def built(layers: int = 1) -> CrossAttention:
    fusion = CrossAttention(layers=layers, heads=2)
    fusion.build(["labs", "scan"], 8)
    return fusion.eval()


def test_each_token_hears_of_the_other_modality_in_the_first_layer() -> None:
    labs = fake_tokens(6, 3, 8, seed=1, absent=0.0)
    scans = [fake_tokens(6, 4, 8, seed=seed, absent=0.0) for seed in (2, 3)]
    fusion = built()
    first, second = (fusion({"labs": labs, "scan": scan}).tokens["labs"].values for scan in scans)
    assert not torch.allclose(first, second)


def test_rows_without_the_other_are_as_if_it_did_not_exist() -> None:
    fusion = built(layers=2)
    labs, scan = fake_tokens(9, 3, 8, seed=1, absent=0.0), fake_tokens(9, 3, 8, seed=2)
    gone = ~scan.present
    assert gone.any()
    both, alone = fusion({"labs": labs, "scan": scan}), fusion({"labs": labs})
    torch.testing.assert_close(both.tokens["labs"].values[gone], alone.tokens["labs"].values[gone])
    torch.testing.assert_close(both.pooled[gone], alone.pooled[gone])
