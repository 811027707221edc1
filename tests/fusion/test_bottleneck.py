"""Modalities hear of each other through the shared tokens only, and what is absent writes nothing."""

import torch

from polymodal.fusion import Bottleneck
from polymodal.testing import fake_tokens


def built(layers: int) -> Bottleneck:
    fusion = Bottleneck(layers=layers, bottlenecks=2, heads=2)
    fusion.build(["scan", "labs"], 8)
    return fusion.eval()


def heard(fusion: Bottleneck) -> list[torch.Tensor]:
    labs = fake_tokens(6, 3, 8, seed=1, absent=0.0)
    scans = [fake_tokens(6, 4, 8, seed=seed, absent=0.0) for seed in (2, 3)]
    return [fusion({"labs": labs, "scan": scan}).tokens["labs"].values for scan in scans]


def test_in_the_first_layer_nobody_has_heard_of_the_other():
    first, second = heard(built(layers=1))
    assert torch.equal(first, second)
    first, second = heard(built(layers=2))
    assert not torch.allclose(first, second)


def test_what_is_absent_writes_nothing():
    fusion = built(layers=2)
    labs, scan = fake_tokens(9, 3, 8, seed=1, absent=0.0), fake_tokens(9, 3, 8, seed=2)
    gone = ~scan.present
    assert gone.any()
    both, alone = fusion({"labs": labs, "scan": scan}), fusion({"labs": labs})
    torch.testing.assert_close(both.pooled[gone], alone.pooled[gone])
    torch.testing.assert_close(both.tokens["labs"].values[gone], alone.tokens["labs"].values[gone])
