"""The low-rank form equals the outer product that it stands for."""

import torch

from polymodal.fusion import LowRankTensor
from polymodal.testing import fake_tokens


def test_it_is_a_linear_reading_of_the_outer_product() -> None:
    fusion = LowRankTensor(rank=3, layers=0)
    fusion.build(["labs", "scan"], 4)
    given = {name: fake_tokens(5, 1, 4, seed=place, absent=0.0) for place, name in enumerate(("labs", "scan"))}
    ones = torch.ones(5, 1)
    said = [torch.cat([fusion.norms[name](part.values[:, 0]), ones], dim=1) for name, part in given.items()]
    factors = [
        torch.cat([fusion.factors[name].weight, fusion.factors[name].bias.unsqueeze(1)], dim=1).view(3, 4, 5)
        for name in given
    ]
    tensor = torch.einsum("rwi,rwj,rw->wij", *factors, fusion.weights)
    wanted = torch.einsum("ni,nj,wij->nw", *said, tensor)
    torch.testing.assert_close(fusion.eval()(given).pooled[:, 0], wanted)


def test_the_factor_of_what_is_absent_is_one() -> None:
    fusion = LowRankTensor(rank=2, layers=0)
    fusion.build(["labs", "scan"], 4)
    labs, scan = fake_tokens(9, 1, 4, seed=1, absent=0.0), fake_tokens(9, 1, 4, seed=2)
    gone = ~scan.present
    assert gone.any()
    both, alone = fusion.eval()({"labs": labs, "scan": scan}), fusion({"labs": labs})
    torch.testing.assert_close(both.pooled[gone], alone.pooled[gone])
