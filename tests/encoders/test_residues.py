"""A motif is found wherever it stands, and what lies behind the end is not seen."""

import torch

from polymodal.core import Tokens
from polymodal.data.residues import FIRST, HIDDEN, PIECES, UNKNOWN
from polymodal.encoders.bag import CountBag
from polymodal.encoders.residues import ConvolutionBody, MarkedSeries, PieceNet, end_to_end
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
    assert moved.tolist() == list(range(20 - 12, 20 + 12 + 1))  # 4 and 8 residues


def test_rows_laid_end_to_end_do_not_see_one_another():
    torch.manual_seed(0)
    body = ConvolutionBody(8, layers=3).eval()
    values, mask = torch.randn(4, 30, 8), torch.arange(30) < torch.tensor([[30], [7], [0], [19]])
    mask[0, 4:9] = False  # a hole keeps its place
    whole = body(Tokens(values.masked_fill(~mask.unsqueeze(-1), torch.nan), mask))
    for row in (0, 1, 3):
        length = int(mask[row].nonzero().max()) + 1
        alone = body(Tokens(values[row : row + 1, :length], mask[row : row + 1, :length]))
        torch.testing.assert_close(whole.values[row, :length], alone.values[0], atol=1e-5, rtol=1e-5)
    assert (whole.values[~mask] == 0).all()
    assert body(Tokens(values[:, :0], mask[:, :0])).values.shape == (4, 0, 8)
    assert end_to_end(torch.tensor([[True, True, False], [False] * 3, [True, False, True]]), 2).tolist() == [0, 1, 6, 8]


def test_a_sequence_without_known_residues_has_no_pieces():
    torch.manual_seed(0)
    bag = CountBag(torch.randn(PIECES, 4), torch.randn(4), 2.0, width=8)
    net = PieceNet(bag).eval()
    tokens = net(torch.tensor([[FIRST, FIRST + 1, 0], [UNKNOWN, HIDDEN, 0]]))
    assert tokens.mask.tolist() == [[True], [False]]
    assert (tokens.values[1] == 0).all()
    torch.testing.assert_close(net(torch.tensor([[FIRST, FIRST + 1]])).values, tokens.values[:1])
