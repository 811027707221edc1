"""The patch transformer: one net for every size, padding never seen, positions of y and x apart."""

import pytest
import torch
import torch.nn.functional as F

from polymodal.core.seeding import torch_generator
from polymodal.encoders import PatchEmbedding, PatchNet, sine_cosine


def pictures(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch_generator(0, "pictures", *shape))


@pytest.mark.parametrize("pool", ["class", "mean", "attention", "none"])
def test_one_net_for_every_size(pool: str) -> None:
    net = PatchNet(3, 20, patch=8, layers=2, pool=pool).eval()
    for height, width in ((32, 32), (40, 56), (5, 7), (33, 64), (224, 224)):
        found = net(pictures(2, 3, height, width))
        patches = -(-height // 8) * -(-width // 8)
        assert found.values.shape == (2, patches if pool == "none" else 1, 20)
        assert torch.isfinite(found.values).all()
        assert found.mask.all()


@pytest.mark.parametrize("pool", ["class", "mean", "attention"])
@pytest.mark.parametrize("size", [(40, 56), (64, 64), (13, 29)])
def test_padded_equals_unpadded(pool: str, size: tuple[int, int], dtype: torch.dtype) -> None:
    net = PatchNet(3, 16, patch=8, layers=2, pool=pool).to(dtype).eval()
    small = pictures(2, 3, *size).to(dtype)
    frame = (0, 72 - size[1], 0, 80 - size[0])
    known = F.pad(torch.ones(2, *size, dtype=torch.bool), frame)
    found = net(F.pad(small, frame, value=float("nan")), known)
    assert torch.allclose(found.values, net(small).values, atol=1e-5)


def test_padded_patches_are_masked() -> None:
    embedding = PatchEmbedding(1, 8, patch=4)
    known = torch.zeros(2, 9, 13, dtype=torch.bool)
    known[0, :5, :5] = True
    found = embedding(pictures(2, 1, 9, 13), known)
    assert found.mask.view(2, 3, 4)[0].tolist() == [[True, True, False, False], [True, True, False, False], [False] * 4]
    assert not found.mask[1].any()
    assert (found.values[~found.mask] == 0).all()


@pytest.mark.parametrize("pool", ["class", "mean", "attention", "none"])
def test_a_picture_of_which_nothing_is_known(pool: str) -> None:
    net = PatchNet(1, 8, patch=4, layers=1, pool=pool).eval()
    unknown = torch.full((2, 1, 8, 8), float("nan"), requires_grad=True)
    found = net(unknown, torch.zeros(2, 8, 8, dtype=torch.bool))
    assert not found.mask.any()
    assert (found.values == 0).all()
    found.values.sum().backward()
    assert all(torch.isfinite(weight.grad).all() for weight in net.parameters() if weight.grad is not None)


def test_patches_are_cut_row_by_row() -> None:
    embedding = PatchEmbedding(2, 8, patch=2)
    with torch.no_grad():
        embedding.project.weight.copy_(torch.eye(8))
        embedding.project.bias.zero_()
    picture = torch.arange(2 * 4 * 6.0).reshape(1, 2, 4, 6)
    found = embedding(picture).values[0]
    assert found.shape == (6, 8)
    assert found[4].tolist() == picture[0, :, 2:4, 2:4].flatten().tolist()


@pytest.mark.parametrize("grid", [(5, 7), (8, 8), (7, 5)])
def test_places_are_told_apart_and_depend_on_the_place_alone(grid: tuple[int, int]) -> None:
    embedding = PatchEmbedding(1, 16, patch=4)
    places = embedding(pictures(1, 1, grid[0] * 4, grid[1] * 4)).positions
    assert places is not None
    codes = sine_cosine(places, 16)[0].view(*grid, 16)
    assert len({tuple(code) for code in codes.flatten(0, 1).mul(1e4).round().tolist()}) == grid[0] * grid[1]
    # One half tells y and is the same along a row; the other tells x and is the same along a column.
    assert torch.allclose(codes[:, :1, :8].expand(-1, grid[1], -1), codes[:, :, :8])
    assert torch.allclose(codes[:1, :, 8:].expand(grid[0], -1, -1), codes[:, :, 8:])
    larger = embedding(pictures(1, 1, 48, 48)).positions
    assert larger is not None
    assert torch.equal(larger.view(12, 12, 2)[: grid[0], : grid[1]], places.view(*grid, 2))


@pytest.mark.parametrize(("width", "heads"), [(50, 4), (7, 1), (33, 3)])
def test_widths_that_do_not_divide(width: int, heads: int) -> None:
    assert PatchNet(1, width, patch=4, layers=1, heads=heads)(pictures(1, 1, 8, 8)).values.shape == (1, 1, width)
