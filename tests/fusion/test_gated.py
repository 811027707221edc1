"""Gates share one unit of weight among the modalities that a row has."""

import torch

from polymodal.fusion import Gated
from polymodal.testing import fake_tokens


def test_a_modality_that_is_alone_has_all_the_weight() -> None:
    fusion = Gated(layers=0)
    fusion.build(["labs", "scan"], 8)
    labs = fake_tokens(6, 1, 8, seed=1, absent=0.0)
    wanted = torch.tanh(fusion.says["labs"](labs.values[:, 0]))
    torch.testing.assert_close(fusion.eval()({"labs": labs}).pooled[:, 0], wanted)


def test_what_is_said_lies_between_what_each_says() -> None:
    fusion = Gated(layers=0)
    fusion.build(["labs", "scan"], 8)
    given = {name: fake_tokens(6, 1, 8, seed=place, absent=0.0) for place, name in enumerate(("labs", "scan"))}
    said = torch.stack([torch.tanh(fusion.says[name](given[name].values[:, 0])) for name in given])
    pooled = fusion.eval()(given).pooled[:, 0]
    assert (pooled <= said.amax(0) + 1e-6).all()
    assert (pooled >= said.amin(0) - 1e-6).all()
