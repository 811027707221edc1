"""Nets for series: padding changes nothing, gaps are masked, any length is read."""

import pytest
import torch

from polymodal.core.seeding import seeded
from polymodal.encoders.recurrent import Recurrent
from polymodal.encoders.series import SeriesConvolution, SeriesMlp, SeriesPatches, SeriesPatchNet
from polymodal.encoders.transformer import Transformer

CHANNELS, WIDTH = 3, 8


def nets() -> dict[str, torch.nn.Module]:
    with seeded(0, "nets"):
        return {
            "convolution": SeriesConvolution(CHANNELS, WIDTH, 40),
            "steps": SeriesConvolution(CHANNELS, WIDTH, 40, tokens="steps"),
            "transformer": SeriesPatchNet(SeriesPatches(CHANNELS, WIDTH, 4), Transformer(WIDTH, 1), WIDTH),
            "patches": SeriesPatchNet(SeriesPatches(CHANNELS, WIDTH, 3), Transformer(WIDTH, 1), WIDTH, pool=None),
            "recurrent": SeriesPatchNet(SeriesPatches(CHANNELS, WIDTH, 2), Recurrent(WIDTH, 2), WIDTH, "attention"),
            "dense": SeriesMlp(CHANNELS, WIDTH, 20),
        }


@pytest.fixture(params=nets())
def net(request: pytest.FixtureRequest) -> torch.nn.Module:
    return nets()[request.param].eval()


@pytest.mark.parametrize("steps", [1, 2, 7, 20, 41])
def test_padding_changes_nothing(net: torch.nn.Module, steps: int) -> None:
    series = torch.randn(4, steps, CHANNELS)
    padded = torch.cat([series, torch.full((4, 13, CHANNELS), torch.nan)], dim=1)
    one, other = net(series), net(padded)
    for row in range(4):
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


@pytest.mark.parametrize(("kind", "wanted"), [("patches", [1.5, 4.5, 7.5]), ("steps", [1.0, 3.0, 5.0, 7.0])])
def test_positions_are_counted_in_steps(kind: str, wanted: list[float]) -> None:
    net = nets()[kind] if kind == "patches" else SeriesConvolution(CHANNELS, WIDTH, 16, tokens="steps")
    tokens = net.eval()(torch.randn(1, 8, CHANNELS))
    assert tokens.positions[0, :, 0].tolist() == wanted


def test_a_recurrent_net_reads_each_row_as_if_it_were_alone() -> None:
    net = nets()["recurrent"].eval()
    series = torch.randn(3, 12, CHANNELS)
    series[1, 5:] = torch.nan
    together = net(series).values
    series[0] = 1e3
    assert torch.equal(net(series).values[1:], together[1:])
