"""The recurrent net: padding is invisible wherever it stands, order matters."""

import pytest
import torch

from polymodal.core import Tokens
from polymodal.encoders.recurrent import Recurrent


@pytest.mark.parametrize("layers", [1, 2])
def test_padding_is_not_seen_wherever_it_stands(layers: int) -> None:
    torch.manual_seed(0)
    net = Recurrent(8, layers).eval()
    values = torch.randn(2, 4, 8)
    wanted = net(Tokens(values, torch.ones(2, 4, dtype=torch.bool))).values
    mask = torch.tensor([False, True, True, False, True, False, True, False]).expand(2, -1)
    holes = torch.full((2, 8, 8), float("nan")).masked_scatter(mask.unsqueeze(-1), values)
    found = net(Tokens(holes, mask)).values
    torch.testing.assert_close(found[mask].view(2, 4, 8), wanted, atol=1e-5, rtol=0)
    assert torch.equal(found[~mask], torch.zeros_like(found[~mask]))


def test_rows_without_tokens_give_no_nan_and_no_gradient() -> None:
    net = Recurrent(8)
    values = torch.randn(2, 3, 8, requires_grad=True)
    mask = torch.tensor([[True, True, False], [False, False, False]])
    net(Tokens(values, mask)).values.square().sum().backward()
    assert values.grad is not None
    assert values.grad.isfinite().all()
    assert torch.equal(values.grad[~mask], torch.zeros(4, 8))


def test_it_reads_in_order_and_from_both_ends() -> None:
    net = Recurrent(8).eval()
    values, mask = torch.randn(1, 5, 8), torch.ones(1, 5, dtype=torch.bool)
    before = net(Tokens(values, mask)).values
    for place, seen in ((4, 0), (0, 4)):
        changed = values.clone()
        changed[:, place] += torch.randn(8)
        assert not torch.allclose(net(Tokens(changed, mask)).values[:, seen], before[:, seen], atol=1e-6)


def test_a_width_may_be_odd() -> None:
    tokens = Tokens(torch.randn(2, 3, 7), torch.ones(2, 3, dtype=torch.bool))
    assert Recurrent(7)(tokens).values.shape == (2, 3, 7)
