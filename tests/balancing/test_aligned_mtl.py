"""The gradients are replaced by orthogonal ones of the length of the smallest singular value."""

import torch

from polymodal.balancing import AlignedMTL
from tests.balancing.reference import CONFLICT, drawn, step


def test_the_reference_value():
    wanted = torch.tensor([0.2133, 0.9673, 0.9673]).double()
    torch.testing.assert_close(step(AlignedMTL(), CONFLICT) / 2, wanted, atol=5e-5, rtol=0)


def test_it_is_the_sum_of_the_rows_of_the_polar_factor():
    rows = drawn(2, 4, 50.0)
    left, values, right = torch.linalg.svd(rows, full_matrices=False)
    torch.testing.assert_close(step(AlignedMTL(), rows), (left @ right).sum(0) * values[-1])
