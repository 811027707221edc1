"""Others bend the tokens of a modality; alone, it stays as it is."""

import torch

from polymodal.fusion import Film
from polymodal.testing import fake_tokens


def built() -> Film:
    fusion = Film()
    fusion.build(["labs", "scan"], 8)
    return fusion.eval()


def test_a_modality_that_is_alone_is_not_bent() -> None:
    labs = fake_tokens(6, 3, 8, seed=1, absent=0.0)
    torch.testing.assert_close(built()({"labs": labs}).tokens["labs"].values, labs.values)


def test_the_other_bends_it() -> None:
    labs, scan = (fake_tokens(6, 3, 8, seed=seed, absent=0.0) for seed in (1, 2))
    assert not torch.allclose(built()({"labs": labs, "scan": scan}).tokens["labs"].values, labs.values)
