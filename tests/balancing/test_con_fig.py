"""The direction of equal projections, as long as the gradients agree."""

import torch

from polymodal.balancing import ConFIG, ImtlG
from tests.balancing.reference import CONFLICT, drawn, given, step


def test_the_reference_value():
    wanted = torch.tensor([0.1588, 2.0706, 2.0706]).double()
    torch.testing.assert_close(step(ConFIG(), CONFLICT), wanted, atol=5e-5, rtol=0)


def test_it_goes_where_imtl_g_goes_as_far_as_the_projections_add_up_to():
    rows = drawn(4, 4, 20.0)
    found = step(ConFIG(), rows)
    direction = torch.nn.functional.normalize(step(ImtlG(), rows), dim=0)
    torch.testing.assert_close(found, direction * (rows @ direction).sum())


def test_opposite_gradients_leave_no_way():
    assert given(ConFIG(), torch.tensor([[1.0, 0.0], [-2.0, 0.0]]).double()).tolist() == [0, 0]
