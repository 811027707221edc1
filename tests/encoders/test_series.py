"""Nets for series: padding changes nothing, gaps are masked, any length is read."""

import pytest
import torch

from polymodal.core.seeding import seeded
from polymodal.encoders.recurrent import Recurrent
from polymodal.encoders.series import SeriesBlock, SeriesConvolution, SeriesMlp, SeriesPatches, SeriesPatchNet
from polymodal.encoders.transformer import Transformer

CHANNELS, WIDTH = 3, 8


def nets() -> dict[str, torch.nn.Module]:
    with seeded(0, "nets"):
        return {
            "convolution": SeriesConvolution(CHANNELS, WIDTH, 40),
            "steps": SeriesConvolution(CHANNELS, WIDTH, 20, tokens="steps"),
            "strided": SeriesConvolution(CHANNELS, WIDTH, 40, stride=4),
            "strided steps": SeriesConvolution(CHANNELS, WIDTH, 150, tokens="steps", stride=4),
            "transformer": SeriesPatchNet(SeriesPatches(CHANNELS, WIDTH, 4), Transformer(WIDTH, 1), WIDTH),
            "patches": SeriesPatchNet(SeriesPatches(CHANNELS, WIDTH, 3), Transformer(WIDTH, 1), WIDTH, pool=None),
            "recurrent": SeriesPatchNet(SeriesPatches(CHANNELS, WIDTH, 2), Recurrent(WIDTH, 2), WIDTH, "attention"),
            "dense": SeriesMlp(CHANNELS, WIDTH, 20),
        }


@pytest.fixture(params=nets())
def net(request: pytest.FixtureRequest) -> torch.nn.Module:
    return nets()[request.param].eval()


@pytest.mark.parametrize("steps", [1, 2, 7, 20, 41, 163])
@pytest.mark.parametrize("more", [1, 13])
def test_padding_changes_nothing(net: torch.nn.Module, steps: int, more: int) -> None:
    series = torch.randn(4, steps, CHANNELS)
    series[1, steps // 2 :] = torch.nan
    series[2, 1::3, 0] = torch.nan
    padded = torch.cat([series, torch.full((4, more, CHANNELS), torch.nan)], dim=1)
    one, other = net(series), net(padded)
    for row in range(4):
        assert one.mask[row].sum() == other.mask[row].sum()
        torch.testing.assert_close(
            other.values[row][other.mask[row]], one.values[row][one.mask[row]], atol=1e-5, rtol=0
        )


def test_a_series_of_gaps_is_no_token_and_no_nan(net: torch.nn.Module) -> None:
    series = torch.randn(3, 20, CHANNELS)
    series[1] = torch.nan
    series[2, 3:9] = torch.nan
    series[2, :, 1] = torch.nan
    tokens = net(series.requires_grad_())
    assert not tokens.mask[1].any()
    assert torch.isfinite(tokens.values).all()
    (slope,) = torch.autograd.grad(tokens.values.sum(), series)
    assert torch.isfinite(slope).all()
    assert not slope[1].any()


def test_order_matters(net: torch.nn.Module) -> None:
    series = torch.randn(2, 20, CHANNELS)
    one, other = net(series), net(series.flip(1))
    assert not torch.allclose(one.values.sum(1), other.values.sum(1), atol=1e-3)


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [("patches", [1.5, 4.5, 7.5]), ("steps", [1.0, 3.0, 5.0, 7.0]), ("strided steps", [8.0])],
)
def test_positions_are_counted_in_steps(kind: str, wanted: list[float]) -> None:
    tokens = nets()[kind].eval()(torch.randn(1, 8, CHANNELS))
    assert tokens.positions[0, :, 0].tolist() == wanted


@pytest.mark.parametrize(
    ("steps", "stride", "taken", "stages", "left"),
    [
        *((24, 1, 1, 2, 12), (300, 1, 1, 6, 10), (1, 4, 1, 1, 1), (15, 4, 1, 1, 15), (16, 4, 2, 1, 8)),
        *((31, 4, 2, 1, 16), (32, 4, 4, 1, 8), (43, 4, 4, 1, 11), (300, 4, 4, 4, 10)),
    ],
)
def test_a_stride_leaves_eight_steps_or_more(steps: int, stride: int, taken: int, stages: int, left: int) -> None:
    net = SeriesConvolution(CHANNELS, WIDTH, steps, tokens="steps", stride=stride).eval()
    assert (net.stem.patch, len(net.stages)) == (taken, stages)
    assert net(torch.randn(1, steps, CHANNELS)).values.shape[1] == left


def test_a_patch_reads_the_steps_beside_it_and_knows_what_is_not_there() -> None:
    stem = SeriesPatches(1, 16, patch=4, reach=2)
    with torch.no_grad():
        stem.project.weight.copy_(torch.eye(16))
        stem.project.bias.zero_()
    series = torch.arange(1.0, 10.0).view(1, 9, 1)
    series[0, 5] = torch.nan
    read = stem(series).values[0].view(3, 8, 2)
    assert read[..., 0].tolist() == [[0, 0, 1, 2, 3, 4, 5, 0], [3, 4, 5, 0, 7, 8, 9, 0], [7, 8, 9, 0, 0, 0, 0, 0]]
    assert read[..., 1].tolist() == [[1, 1, 0, 0, 0, 0, 0, 1], [0, 0, 0, 1, 0, 0, 0, 1], [0, 0, 0, 1, 1, 1, 1, 1]]
    series[0, 4:8] = torch.nan  # the steps of the second patch itself
    assert stem(series).mask[0].tolist() == [True, False, True]


def test_a_convolution_over_steps_is_that_of_pytorch(dtype: torch.dtype) -> None:
    block = SeriesBlock(WIDTH).to(dtype)
    values, mask = torch.randn(3, 9, WIDTH, dtype=dtype), torch.arange(9) < torch.tensor([[9], [4], [0]])
    made = block.along(block.first, values, mask)
    wanted = block.first((values * mask.unsqueeze(2)).transpose(1, 2)).transpose(1, 2)
    torch.testing.assert_close(made, wanted, atol=1e-5, rtol=0)


def test_a_recurrent_net_reads_each_row_as_if_it_were_alone() -> None:
    net = nets()["recurrent"].eval()
    series = torch.randn(3, 12, CHANNELS)
    series[1, 5:] = torch.nan
    together = net(series).values
    series[0] = 1e3
    assert torch.equal(net(series).values[1:], together[1:])


@pytest.mark.parametrize("dilation", [1, 2, 4])
def test_a_dilated_block_reads_every_so_manieth_step(dilation):
    torch.manual_seed(0)
    block = SeriesBlock(6, reach=3, dilation=dilation)
    values, mask = torch.randn(2, 13, 6), torch.ones(2, 13, dtype=torch.bool)
    mask[1, 9:] = False
    known = values.masked_fill(~mask.unsqueeze(-1), 0.0).transpose(1, 2)
    wanted = block.first(known).transpose(1, 2)
    torch.testing.assert_close(block.along(block.first, values, mask), wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("finest", "tokens"), [(None, 13), (1, 200), (4, 50), (7, 50), (64, 13)])
def test_a_token_of_steps_stands_for_so_many_at_most(finest, tokens):
    net = SeriesConvolution(3, 8, 200, "steps", inner=8, stride=4, finest=finest)
    made = net(torch.randn(2, 200, 3))
    assert made.mask.shape == (2, tokens)
    assert made.positions[0, 0, 0] * 2 == made.positions[0, 1, 0] - made.positions[0, 0, 0]
