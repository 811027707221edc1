"""Volumes of any size become one token, or one for each coarse cell; what is unknown is not seen."""

import pytest
import torch

from polymodal.encoders.volumes import SpacedVolumes, VolumeNet


@pytest.mark.parametrize("size", [(8, 8, 8), (16, 12, 10), (32, 24, 40)])
@pytest.mark.parametrize("tokens", ["pooled", "grid"])
def test_tokens_of_any_size(size: tuple[int, int, int], tokens: str) -> None:
    net = VolumeNet(2, 12, size, tokens, base=8).eval()
    made = net(torch.randn(2, 2, *size))
    assert made.values.shape[2] == 12
    assert made.mask.all()
    if tokens == "pooled":
        assert made.values.shape[1] == 1
        return
    assert 27 <= made.values.shape[1] <= 256
    assert made.positions.shape == (*made.values.shape[:2], 3)
    assert made.positions[0, 0].tolist() == [0.5, 0.5, 0.5]
    assert (made.positions[0, 1] - made.positions[0, 0]).tolist() == [0, 0, 1]


def test_cells_where_nothing_is_known_are_masked() -> None:
    net = VolumeNet(1, 8, (16, 16, 16), "grid", base=8).eval()
    voxels = torch.randn(3, 1, 16, 16, 16)
    voxels[0, :, 8:] = torch.nan
    voxels[1] = torch.nan
    made = net(voxels)
    assert made.mask[0].float().mean() == 0.5
    assert not made.mask[1].any()
    assert made.mask[2].all()
    assert torch.isfinite(made.values).all()
    assert (made.values[~made.mask] == 0).all()
    pooled = VolumeNet(1, 8, (16, 16, 16), base=8).eval()(voxels)
    assert pooled.mask.tolist() == [[True], [False], [True]]


def test_left_and_right_are_told_apart() -> None:
    net = VolumeNet(1, 8, (12, 12, 12), base=8).eval()
    voxels = torch.zeros(1, 1, 12, 12, 12)
    voxels[:, :, 2:4, 5:7, 5:7] = 5.0
    assert (net(voxels).values - net(voxels.flip(2)).values).abs().max() > 1e-3


def test_the_size_of_a_cell_changes_tokens_and_the_usual_one_tells_nothing() -> None:
    plain = VolumeNet(1, 8, (8, 8, 8), base=8)
    net = SpacedVolumes(plain, 8, (1.0, 2.0, 3.0)).eval()
    voxels = torch.randn(1, 1, 8, 8, 8)
    usual = net({"voxels": voxels, "spacing": torch.tensor([[1.0, 2.0, 3.0]])})
    other = net({"voxels": voxels, "spacing": torch.tensor([[1.0, 2.0, 6.0]])})
    torch.testing.assert_close(usual.values, net.block(plain(voxels).values))
    assert (other.values - usual.values).abs().max() > 1e-2
