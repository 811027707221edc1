"""The bag: sums of vectors, which hold the linear model; padding and neighbours are not seen."""

import torch

from polymodal.encoders.bag import GAIN, Bag

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
