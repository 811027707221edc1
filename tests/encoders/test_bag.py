"""The bag: sums of vectors, which hold the linear model; padding and neighbours are not seen."""

import numpy as np
import torch

from polymodal.data.directions import Pieces
from polymodal.encoders.bag import GAIN, Bag, CountBag

GRAMS = torch.tensor([[0, 2, -1], [1, -1, -1], [-1, -1, -1]])
WEIGHTS = torch.tensor([[0.5, 2.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])


def bag() -> Bag:
    torch.manual_seed(0)
    return Bag(torch.randn(3, 2), torch.randn(2), width=8, pace=0.5)


def test_it_is_linear_in_the_weights() -> None:
    net = bag()
    dense = torch.zeros(3, 3).scatter_add(1, GRAMS.clamp(min=0), WEIGHTS * (GRAMS >= 0))
    wanted = 0.5 * dense @ net.table + net.view(dense @ net.basis - net.centre)
    torch.testing.assert_close(net(GRAMS, WEIGHTS).values[:, 0], GAIN * wanted)


def test_padding_and_other_rows_are_not_seen() -> None:
    net = bag()
    whole = net(GRAMS, WEIGHTS).values
    wider = net(torch.nn.functional.pad(GRAMS, (0, 5), value=-1), torch.nn.functional.pad(WEIGHTS, (0, 5))).values
    assert torch.equal(whole, wider)
    torch.testing.assert_close(net(GRAMS[1:2], WEIGHTS[1:2]).values, whole[1:2])


def test_an_empty_bag_is_present_and_finite() -> None:
    tokens = bag()(GRAMS[2:], WEIGHTS[2:])
    assert tokens.mask.all()
    assert tokens.values.isfinite().all()


def test_counted_pieces_are_read_as_logarithms() -> None:
    torch.manual_seed(0)
    net = CountBag(torch.randn(5, 2), torch.randn(2), length=2.0, width=8, pace=0.5).eval()
    counts = torch.tensor([[0, 1, 2, 0, 7], [0, 0, 0, 0, 0]], dtype=torch.uint8)
    logs = torch.log(1.0 + counts)
    wanted = 0.5 * (logs / 2.0) @ net.table + net.view(logs @ net.basis - net.centre)
    torch.testing.assert_close(net(counts).values[:, 0], wanted)
    assert net(counts).mask.all()


def test_of_few_rows_the_table_learns_slowly() -> None:
    pieces = Pieces.learn(np.random.default_rng(0).poisson(1.0, (40, 12)))
    assert CountBag.of(pieces, 100, 8).pace == 0.1
    assert CountBag.of(pieces, 10**6, 8).pace == 1.0
    told = CountBag.of(pieces, 100, 8)
    assert np.array_equal(told.basis.numpy(), pieces.basis)


def test_without_directions_the_table_alone_is_read() -> None:
    torch.manual_seed(0)
    net = Bag(torch.zeros(3, 0), torch.zeros(0), width=8, pace=0.5)
    dense = torch.zeros(3, 3).scatter_add(1, GRAMS.clamp(min=0), WEIGHTS * (GRAMS >= 0))
    torch.testing.assert_close(net(GRAMS, WEIGHTS).values[:, 0], GAIN * 0.5 * dense @ net.table)
    pieces = Pieces.learn(np.random.default_rng(0).poisson(1.0, (40, 12)))
    counted = CountBag.of(pieces, 100, 8, directions=False).eval()
    counts = torch.randint(0, 5, (4, 12), generator=torch.Generator().manual_seed(0))
    wanted = counted.pace * (torch.log1p(counts) / counted.length) @ counted.table
    torch.testing.assert_close(counted(counts).values[:, 0], wanted)
    assert {name for name, _ in counted.named_parameters()} == {"table", "view.bias"}
