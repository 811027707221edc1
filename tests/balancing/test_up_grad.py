"""No task is harmed, however unequal the gradients; where nothing conflicts it is the plain sum."""

import pytest
import torch

from polymodal.balancing import PCGrad, UPGrad
from tests.balancing.reference import CONFLICT, drawn, given, step


def test_the_reference_value():
    """With two tasks it is what PCGrad finds, .2924 and 1.9006; the published values have a ridge of 1e-4 in them."""
    torch.testing.assert_close(step(UPGrad(), CONFLICT), step(PCGrad(), CONFLICT))
    wanted = torch.tensor([0.2929, 1.9004, 1.9004]).double()
    torch.testing.assert_close(step(UPGrad(), CONFLICT) / 2, wanted, atol=6e-4, rtol=0)


@pytest.mark.parametrize("ratio", [1.0, 1e2, 1e4, 1e6])
def test_nothing_conflicts(ratio):
    for seed in range(12):
        rows = drawn(seed, 3 + seed % 9, ratio)
        found = step(UPGrad(), rows)
        cosines = rows @ found / rows.norm(dim=1) / found.norm()
        assert cosines.min() > -1e-6


def test_agreement_is_left_as_it_is():
    assert given(UPGrad(), torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 3.0]]).double()).tolist() == [1, 1, 1]
