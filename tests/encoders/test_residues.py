"""A motif is found wherever it stands, and what lies behind the end is not seen."""

import torch

from polymodal.core import Tokens
from polymodal.encoders.residues import ConvolutionBody, MarkedSeries, PieceNet
from polymodal.encoders.series import SeriesConvolution


def test_padding_changes_nothing():
    torch.manual_seed(0)
    net = MarkedSeries(23, SeriesConvolution(22, 8, 40, stride=4)).eval()
    codes = torch.randint(1, 23, (3, 37))
    longer = torch.cat([codes, torch.zeros(3, 20, dtype=torch.long)], dim=1)
    torch.testing.assert_close(net(codes).values, net(longer).values, atol=1e-5, rtol=1e-5)
    assert not net(torch.zeros(2, 5, dtype=torch.long)).mask.any()


def test_each_residue_sees_so_far_and_no_further():
    torch.manual_seed(0)
    body = ConvolutionBody(8, layers=2, reach=5).eval()
    values = torch.randn(1, 40, 8)
    mask = torch.ones(1, 40, dtype=torch.bool)
    changed = values.clone()
    changed[0, 20] = 1.0
    moved = (body(Tokens(values, mask)).values != body(Tokens(changed, mask)).values).any(dim=2)[0].nonzero().flatten()
    assert moved.tolist() == list(range(20 - 8, 20 + 8 + 1))


def test_pieces_are_counted_and_none_reaches_over_what_is_unknown():
    net = PieceNet(first=3, kinds=4, width=8)
    counts = net.counts(torch.tensor([[3, 4, 3, 4, 1, 5, 6, 0, 0], [1, 2, 0, 0, 0, 0, 0, 0, 0]]))
    assert counts.shape == (2, 4 + 16 + 64)
    single, pairs, threes = counts[0].split([4, 16, 64])
    assert single.tolist() == [2, 2, 1, 1]
    assert {place: int(many) for place, many in enumerate(pairs) if many} == {1: 2, 4: 1, 11: 1}
    assert {place: int(many) for place, many in enumerate(threes) if many} == {4: 1, 17: 1}
    assert counts[1].sum() == 0
    assert net(torch.tensor([[3, 4], [1, 2]])).mask.tolist() == [[True], [False]]
    short = net.counts(torch.tensor([[3]]))
    assert short.sum() == 1
