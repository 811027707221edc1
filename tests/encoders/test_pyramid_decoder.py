"""From cells back to places: any number of maps, no picture sees another, and what is fine is kept."""

import pytest
import torch
import torch.nn.functional as F

from polymodal.core import Grid
from polymodal.core.seeding import torch_generator
from polymodal.encoders.convolution import ConvolutionNet
from polymodal.encoders.pyramid_decoder import PyramidDecoder


def pictures(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch_generator(0, "pictures", *shape))


@pytest.mark.parametrize(("size", "finest"), [((12, 20), (12, 20)), ((40, 64), (20, 32)), ((90, 120), (23, 30))])
def test_it_is_as_fine_as_the_finest_map(size: tuple[int, int], finest: tuple[int, int]) -> None:
    net = ConvolutionNet(3, 14, size, "pyramid")
    tokens = net(pictures(2, 3, *size))
    assert tokens.grid is not None
    assert tokens.values.shape[1] == tokens.grid.height * tokens.grid.width
    sides = [part.shape[-2] for part in tokens.grid.finer]
    assert sides == sorted(sides)
    assert {part.shape[1] for part in tokens.grid.finer} == {7}
    assert PyramidDecoder(14, torch.zeros(5))(tokens.values, tokens.grid).shape == (2, 5, *finest)


def test_without_maps_it_answers_for_the_cells() -> None:
    decoder = PyramidDecoder(16, torch.tensor([1.0, -1.0])).eval()
    found = decoder(torch.zeros(3, 6, 16), Grid(2, 3))
    assert found.shape == (3, 2, 2, 3)
    assert torch.equal(found[0], found[2])


@pytest.mark.parametrize(("size", "finest"), [((40, 64), (20, 32)), ((90, 120), (45, 60)), ((91, 47), (46, 24))])
def test_a_sharp_one_goes_up_to_half_the_side_of_large_pictures(size: tuple[int, int], finest: tuple[int, int]) -> None:
    tokens = ConvolutionNet(3, 14, size, "pyramid")(pictures(2, 3, *size))
    assert tokens.grid is not None
    assert (tokens.grid.edges is None) == (size == (40, 64))
    decoder = PyramidDecoder(14, torch.tensor([0.5, -2.0]), sharp=True)
    assert decoder(tokens.values, tokens.grid).shape == (2, 2, *finest)
    with torch.no_grad():
        decoder.out.weight.zero_()
    assert decoder(tokens.values, tokens.grid)[:, :, 0, 0].tolist() == [[0.5, -2.0]] * 2


def test_pictures_that_need_no_edges_make_none() -> None:
    batch = pictures(2, 3, 90, 120)
    for kind in ("pooled", "grid"):
        grid = ConvolutionNet(3, 14, (90, 120), kind)(batch).grid
        assert grid is None or grid.edges is None


def test_a_sharp_one_sees_a_line_that_moves_by_two_pixels() -> None:
    """Upright lines of one pixel in pictures whose finest map is a quarter of them: edges tell where each is."""
    torch.manual_seed(0)
    net = ConvolutionNet(1, 16, (48, 48), "pyramid", base=8, dropout=0.0)
    decoder = PyramidDecoder(16, torch.zeros(2), sharp=True)
    truth = torch.zeros(6, 48, 48, dtype=torch.long)
    for row in range(6):
        truth[row, :, 20 + row] = 1
    seen = truth.unsqueeze(1).float() + 0.1 * pictures(6, 1, 48, 48)
    optimiser = torch.optim.Adam([*net.parameters(), *decoder.parameters()], lr=0.02)
    for _ in range(40):
        tokens = net(seen)
        assert tokens.grid is not None
        told = F.interpolate(decoder(tokens.values, tokens.grid), size=(48, 48), mode="bilinear")
        optimiser.zero_grad()
        F.cross_entropy(told, truth, torch.tensor([1.0, 10.0])).backward()
        optimiser.step()
    found = told.argmax(1) == 1
    assert (found & (truth == 1)).sum() / (found | (truth == 1)).sum() > 0.4


def test_no_picture_depends_on_its_batch(dtype: torch.dtype) -> None:
    net, decoder = ConvolutionNet(3, 16, (48, 48), "pyramid").to(dtype).eval(), PyramidDecoder(16, torch.zeros(3))
    decoder = decoder.to(dtype).eval()

    def made(batch: torch.Tensor) -> torch.Tensor:
        tokens = net(batch)
        assert tokens.grid is not None
        found: torch.Tensor = decoder(tokens.values, tokens.grid)
        return found

    batch = pictures(5, 3, 48, 48).to(dtype)
    assert torch.allclose(made(batch[1:2]), made(batch)[1:2], atol=1e-5)
    assert torch.allclose(made(batch.flip(0)).flip(0), made(batch), atol=1e-5)


def test_it_learns_where_small_things_are() -> None:
    """Squares of 5 × 5 pixels, anywhere, where a cell has 8 × 8."""
    torch.manual_seed(0)
    net, decoder = ConvolutionNet(1, 16, (32, 32), "pyramid", base=8, dropout=0.0), PyramidDecoder(16, torch.zeros(2))
    truth = torch.zeros(8, 32, 32, dtype=torch.long)
    for row, (y, x) in enumerate(torch.randint(0, 27, (8, 2), generator=torch_generator(1)).tolist()):
        truth[row, y : y + 5, x : x + 5] = 1
    seen = truth.unsqueeze(1).float() + 0.1 * pictures(8, 1, 32, 32)
    optimiser = torch.optim.Adam([*net.parameters(), *decoder.parameters()], lr=0.02)
    for _ in range(40):
        tokens = net(seen)
        assert tokens.grid is not None
        told = F.interpolate(decoder(tokens.values, tokens.grid), size=(32, 32), mode="bilinear")
        optimiser.zero_grad()
        F.cross_entropy(told, truth, torch.tensor([1.0, 10.0])).backward()
        optimiser.step()
    found = told.argmax(1) == 1
    assert (found & (truth == 1)).sum() / (found | (truth == 1)).sum() > 0.5
