"""Under ten thousand masks attention gives no NaN, forwards or backwards, and padding changes nothing."""

import math
from collections.abc import Callable, Mapping

import pytest
import torch
from torch import Tensor, nn

from polymodal.encoders.transformer import CrossAttention, CrossBlock, SelfAttention, TransformerBlock

BATCHES, ROWS, WIDTH, HEADS = 100, 100, 8, 2
LONGEST = 7
PADDING = 3


class Causal(nn.Module):
    """A block whose tokens see themselves and those before them."""

    def __init__(self) -> None:
        super().__init__()
        self.block = TransformerBlock(WIDTH, HEADS)

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        length = values.shape[1]
        return self.block(values, mask, torch.ones(length, length, dtype=torch.bool).tril())


OWN: Mapping[str, Callable[[], nn.Module]] = {
    "SelfAttention": lambda: SelfAttention(WIDTH, HEADS),
    "TransformerBlock": lambda: TransformerBlock(WIDTH, HEADS),
    "TransformerBlock, causal": Causal,
}
OTHER: Mapping[str, Callable[[], nn.Module]] = {
    "CrossAttention": lambda: CrossAttention(WIDTH, HEADS),
    "CrossBlock": lambda: CrossBlock(WIDTH, HEADS),
}


def drawn(batch: int) -> tuple[Tensor, Tensor]:
    """Tokens (rows, 1 to 7, width) and their mask, of every density; the first row sees nothing, the second all."""
    length = 1 + batch % LONGEST
    density = torch.rand(ROWS, 1)
    density[:2] = torch.tensor([[0.0], [1.0]])
    return torch.randn(ROWS, length, WIDTH), torch.rand(ROWS, length) < density


def spoiled(values: Tensor, mask: Tensor, batch: int) -> Tensor:
    """The tokens with something else under the mask in each batch: NaN, infinities, and what nearly is one."""
    poison = (math.nan, math.inf, -math.inf, 3e38, 0.0)[batch % 5]
    return torch.where(mask.unsqueeze(-1), values, poison).requires_grad_()


def padded(values: Tensor, mask: Tensor, batch: int) -> tuple[Tensor, Tensor]:
    """The same rows with more tokens that are none, which may hold anything."""
    more = torch.zeros(ROWS, PADDING, dtype=torch.bool)
    longer, mask = torch.cat([values, torch.zeros(ROWS, PADDING, WIDTH)], dim=1), torch.cat([mask, more], dim=1)
    return spoiled(longer, mask, batch).detach(), mask


def check(net: nn.Module, made: Tensor, leaves: list[Tensor]) -> None:
    """What comes out and all that flows back is finite."""
    assert made.isfinite().all()
    slopes = torch.autograd.grad(made.square().sum(), [*leaves, *net.parameters()], allow_unused=True)
    for slope in slopes:
        assert slope is None or slope.isfinite().all()


@pytest.mark.parametrize("name", OWN)
def test_tokens_that_look_at_their_own_row(name: str) -> None:
    net = OWN[name]()
    for batch in range(BATCHES):
        values, mask = drawn(batch)
        given = spoiled(values, mask, batch)
        made = net.train()(given, mask)
        check(net, made[mask], [given])
        with torch.no_grad():
            short, long = net.eval()(given, mask), net(*padded(values, mask, batch))
        torch.testing.assert_close(long[:, : mask.shape[1]][mask], short[mask], rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", OTHER)
def test_tokens_that_look_at_another_set(name: str) -> None:
    net = OTHER[name]()
    for batch in range(BATCHES):
        values, mask = drawn(batch)
        asking = torch.randn(ROWS, 1 + batch % 3, WIDTH, requires_grad=True)
        given = spoiled(values, mask, batch)
        made = net.train()(asking, given, mask)
        check(net, made, [asking, given])
        with torch.no_grad():
            short, long = net.eval()(asking, given, mask), net(asking, *padded(values, mask, batch))
        torch.testing.assert_close(long, short, rtol=0, atol=1e-5)


def test_a_query_that_nothing_answers_gets_zeros() -> None:
    net = CrossAttention(WIDTH, HEADS)
    for batch in range(BATCHES):
        values, mask = drawn(batch)
        made = net(torch.randn(ROWS, 2, WIDTH), values, mask)
        assert torch.equal(made.any(dim=2).all(dim=1), mask.any(dim=1))
        assert not made[~mask.any(dim=1)].any()


def test_the_masks_drawn_here_are_of_every_kind() -> None:
    for length in range(LONGEST):
        seen = torch.cat([drawn(length + LONGEST * again)[1].sum(dim=1) for again in range(3)])
        assert set(seen.tolist()) == set(range(length + 2))
