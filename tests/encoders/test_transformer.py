"""The transformer: padding is invisible, order matters, nothing is NaN, the future stays unseen."""

from typing import Any, Literal

import pytest
import torch
from torch import Tensor

from polymodal.core import Tokens
from polymodal.encoders.conditional import ConditionalBlock
from polymodal.encoders.transformer import Pool, Transformer

WIDTH = 16
Pooling = Literal["mean", "class", "attention"]


def tokens_of(values: Tensor, real: int) -> Tokens:
    mask = torch.arange(values.shape[1]).expand(values.shape[:2]) < real
    places = torch.arange(values.shape[1], dtype=values.dtype).expand(values.shape[:2]).unsqueeze(-1)
    return Tokens(torch.where(mask.unsqueeze(-1), values, torch.zeros(())), mask, places)


def encode(net: Transformer, pool: Pool, tokens: Tokens) -> Tokens:
    return pool(net(pool.open(tokens)))


@pytest.mark.parametrize("how", ["mean", "class", "attention"])
@pytest.mark.parametrize("options", [{}, {"causal": True}, {"share": 0.5}])
def test_padded_equals_unpadded(how: Pooling, options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    net, pool = Transformer(WIDTH, **options).eval(), Pool(WIDTH, how).eval()
    values = torch.randn(3, 9, WIDTH)
    short = encode(net, pool, tokens_of(values[:, :5], 5)).values
    long = encode(net, pool, tokens_of(values, 5)).values
    torch.testing.assert_close(short, long, atol=1e-5, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rows_without_tokens_stay_finite_and_masked(dtype: torch.dtype) -> None:
    net, pool = Transformer(WIDTH, skipped=0.5).to(dtype), Pool(WIDTH, "attention").to(dtype)
    values = torch.full((2, 4, WIDTH), float("nan"), dtype=dtype)
    values[0, :2] = 1.0
    mask = torch.zeros(2, 4, dtype=torch.bool)
    mask[0, :2] = True
    out = encode(net, pool, Tokens(values, mask))
    out.values.sum().backward()
    assert out.values.dtype == dtype
    assert out.mask.tolist() == [[True], [False]]
    assert torch.equal(out.values[1], torch.zeros(1, WIDTH, dtype=dtype))
    gradients = [weight.grad for weight in [*net.parameters(), *pool.parameters()] if weight.grad is not None]
    assert gradients
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_causal_tokens_do_not_see_later_ones() -> None:
    net = Transformer(WIDTH, causal=True).eval()
    values = torch.randn(2, 6, WIDTH)
    changed = values.clone()
    changed[:, 4:] += torch.randn(2, 2, WIDTH)
    before, after = net(tokens_of(values, 6)).values, net(tokens_of(changed, 6)).values
    torch.testing.assert_close(before[:, :4], after[:, :4], atol=1e-6, rtol=0)
    assert not torch.allclose(before[:, 4:], after[:, 4:], atol=1e-3)


def test_order_matters_through_positions_only() -> None:
    net, turned = Transformer(WIDTH).eval(), torch.randperm(6)
    tokens = tokens_of(torch.randn(1, 6, WIDTH), 6)
    bare = Tokens(tokens.values, tokens.mask)
    moved = net(Tokens(tokens.values[:, turned], tokens.mask, tokens.positions)).values
    assert not torch.allclose(moved, net(tokens).values[:, turned], atol=1e-3)
    still = net(Tokens(bare.values[:, turned], bare.mask)).values
    torch.testing.assert_close(still, net(bare).values[:, turned], atol=1e-5, rtol=0)


def test_any_length_and_no_randomness_outside_training() -> None:
    net = Transformer(WIDTH, dropout=0.5, skipped=0.5).eval()
    for length in (1, 7, 700):
        tokens = tokens_of(torch.randn(1, length, WIDTH), length)
        assert torch.equal(net(tokens).values, net(tokens).values)


def test_a_width_may_be_odd() -> None:
    assert Transformer(7, heads=1)(tokens_of(torch.randn(2, 3, 7), 3)).values.shape == (2, 3, 7)


def test_width_must_divide_by_heads() -> None:
    with pytest.raises(ValueError, match="width 10 and 4 heads"):
        Transformer(10, heads=4)


def test_every_second_layer_may_work_on_a_share_of_the_tokens() -> None:
    net = Transformer(WIDTH, layers=4, share=0.5).eval()
    tokens = tokens_of(torch.randn(2, 8, WIDTH), 6)
    assert net(tokens).values.shape == (2, 8, WIDTH)
    chosen = [float(block.chosen) for block in net.blocks if isinstance(block, ConditionalBlock)]
    assert chosen == [0.5, 0.5]
    with pytest.raises(ValueError, match="packed"):
        net(tokens, torch.ones(2, 8, 8, dtype=torch.bool))
    with pytest.raises(ValueError, match="causal"):
        Transformer(WIDTH, causal=True, share=0.5)
