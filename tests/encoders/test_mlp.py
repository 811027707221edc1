"""A dense block begins as almost nothing, keeps rows apart, and passes a gradient around itself."""

import torch

from polymodal.encoders.mlp import ResidualBlock


def test_it_begins_near_the_identity_and_is_it_at_scale_zero():
    x = torch.randn(5, 3, 8)
    block = ResidualBlock(8, start=0.0).eval()
    assert torch.equal(block(x), x)
    block = ResidualBlock(8).eval()
    assert block(x).shape == x.shape
    assert 0 < (block(x) - x).norm() < 0.2 * x.norm()


def test_rows_do_not_see_one_another():
    x = torch.randn(6, 8)
    block = ResidualBlock(8).eval()
    torch.testing.assert_close(block(x)[2:4], block(x[2:4]))


def test_the_gradient_also_passes_unchanged():
    x = torch.randn(4, 8, requires_grad=True)
    ResidualBlock(8, start=0.0)(x).sum().backward()
    assert torch.equal(x.grad, torch.ones_like(x))
