"""A net for videos: frames in time, any number of them missing, and no clip sees another."""

import pytest
import torch
from torch import nn

from polymodal.core import Tokens
from polymodal.encoders.clips import ClipNet
from polymodal.encoders.convolution import ConvolutionNet
from polymodal.encoders.patches import PatchNet

SCALE = ([100.0], [50.0])


class Brightness(nn.Module):
    """A picture as its mean, in every number of one token."""

    def forward(self, pixels: torch.Tensor, known: torch.Tensor | None = None) -> Tokens:
        mean = pixels.mean(dim=(1, 2, 3)).view(-1, 1, 1).expand(-1, 1, 8)
        return Tokens(mean, torch.ones(len(mean), 1, dtype=torch.bool))


def clips(count: int = 3, frames: int = 5) -> dict[str, torch.Tensor]:
    made = torch.randint(0, 256, (count, frames, 1, 12, 12), generator=torch.Generator().manual_seed(0))
    seconds = (torch.arange(frames) * 0.25).repeat(count, 1)
    return {"frames": made.to(torch.uint8), "seconds": seconds}


def net(layers: int = 1, tokens: str = "frames", inner: nn.Module | None = None) -> ClipNet:
    torch.manual_seed(0)
    inner = ConvolutionNet(1, 8, (12, 12), base=8) if inner is None else inner
    return ClipNet(inner, 8, SCALE, 0.25, layers, tokens).eval()


def test_tokens_stand_at_the_seconds_of_their_frames() -> None:
    parts = clips()
    parts["seconds"][1, 3:] = torch.nan
    tokens = net()(parts)
    assert tokens.values.shape == (3, 5, 8)
    assert tokens.mask.tolist() == [[True] * 5, [True] * 3 + [False] * 2, [True] * 5]
    assert torch.equal(tokens.positions[..., 0], parts["seconds"].nan_to_num(0.0))
    assert (tokens.values[1, 3:] == 0).all()


def test_pictures_are_normalised_and_averaged_over_the_frames_that_are_there() -> None:
    parts = clips()
    parts["seconds"][0, [1, 4]] = torch.nan
    pooled = net(0, "pooled", Brightness())(parts)
    wanted = ((parts["frames"][0, [0, 2, 3]].float() - 100) / 50).mean()
    assert pooled.values.shape == (3, 1, 8)
    assert pooled.values[0, 0].tolist() == pytest.approx([float(wanted)] * 8, abs=1e-5)


@pytest.mark.parametrize("layers", [0, 2])
@pytest.mark.parametrize("inner", ["convolution", "patches"])
def test_what_a_missing_frame_holds_changes_nothing(layers: int, inner: str) -> None:
    made = net(layers, "pooled", PatchNet(1, 8, 4, layers=1) if inner == "patches" else None)
    parts = clips()
    parts["seconds"][0, 2] = torch.nan
    other = {**parts, "frames": parts["frames"].clone()}
    other["frames"][0, 2] = 7
    assert torch.equal(made(parts).values, made(other).values)


def test_order_in_time_is_seen_with_a_transformer_and_lost_without() -> None:
    parts = clips()
    mirrored = {**parts, "frames": parts["frames"].flip(1)}
    for layers, alike in ((0, True), (1, False)):
        made = net(layers, "pooled")
        assert torch.allclose(made(parts).values, made(mirrored).values, atol=1e-5) is alike


def test_no_clip_sees_another_and_one_without_a_frame_is_masked() -> None:
    parts = clips()
    parts["seconds"][1] = torch.nan
    tokens = net()(parts)
    assert tokens.present.tolist() == [True, False, True]
    alone = net()({name: part[2:] for name, part in parts.items()})
    assert torch.allclose(tokens.values[2:], alone.values, atol=1e-5)


def test_unknown_pixels_are_not_seen() -> None:
    parts = clips()
    known = torch.ones(3, 12, 12, dtype=torch.bool)
    known[:, :4] = False
    other = {**parts, "frames": parts["frames"].clone()}
    other["frames"][:, :, :, :4] = 255
    one, two = (net()({**given, "known": known}).values for given in (parts, other))
    assert torch.equal(one, two)
