"""Small changes: drawn from the given generator, within the range, and none at strength zero."""

import pytest
import torch

from polymodal.core.seeding import torch_generator
from polymodal.data.augmentation import drawn_moves, follow, hide_patches, recolour, tint, warp


def pictures(count: int = 6, height: int = 12, width: int = 20) -> torch.Tensor:
    return torch.randint(0, 256, (count, 3, height, width), generator=torch_generator(0, "pictures"), dtype=torch.uint8)


@pytest.mark.parametrize("kind", [torch.uint8, torch.float32, torch.float64])
def test_types_shapes_and_range_stay(kind: torch.dtype) -> None:
    pixels, known = pictures().to(kind), torch.ones(6, 12, 20, dtype=torch.bool)
    moved, sure = moved_by(pixels, known, 1.0, True)
    coloured = recolour(pixels, 0.0, 255.0, 1.0, torch_generator(0))
    hidden, _ = hide_patches(pixels, torch.tensor([1.0, 2.0, 3.0]), 5, 0.5, torch_generator(0))
    for found in (moved, coloured, hidden):
        assert found.dtype == kind
        assert found.shape == pixels.shape
        assert found.min() >= 0
        assert found.max() <= 255
    assert sure is not None
    assert sure.dtype == torch.bool
    assert not sure.all()


def test_nothing_happens_at_strength_zero() -> None:
    pixels = pictures()
    moved, _ = moved_by(pixels, None, 0.0, False)
    assert torch.equal(moved, pixels)
    assert torch.equal(recolour(pixels, 0.0, 255.0, 0.0, torch_generator(0)), pixels)


def test_a_batch_of_none() -> None:
    assert moved_by(pictures(0), None, 1.0, True)[0].shape == (0, 3, 12, 20)
    assert recolour(pictures(0), 0.0, 255.0, 1.0, torch_generator(0)).shape == (0, 3, 12, 20)


def test_mirroring_mirrors_half_of_them() -> None:
    pixels = pictures(200, 6, 6)
    moved, _ = moved_by(pixels, None, 0.0, True)
    mirrored = (moved == pixels.flip(-1)).flatten(1).all(1)
    same = (moved == pixels).flatten(1).all(1)
    assert (mirrored | same).all()
    assert 60 < mirrored.sum() < 140


def test_a_turn_keeps_a_circle_round_in_a_wide_picture() -> None:
    y, x = torch.meshgrid(torch.arange(40.0), torch.arange(80.0), indexing="ij")
    disc = ((y - 19.5) ** 2 + (x - 39.5) ** 2 < 100).float().expand(50, 1, 40, 80)
    moved, _ = moved_by(disc, None, 1.0, False)
    rows, columns = (moved[:, 0] > 0.5).any(2).sum(1), (moved[:, 0] > 0.5).any(1).sum(1)
    assert ((rows - columns).abs() <= 2).all()


def test_another_light_keeps_black_and_grey_keeps_its_kind() -> None:
    black = torch.zeros(5, 3, 4, 4)
    assert torch.equal(tint(black, 0.0, 255.0, 1.0, torch_generator(0)), black)
    assert torch.equal(tint(pictures(), 0.0, 255.0, 0.0, torch_generator(0)), pictures())
    ramp = torch.linspace(0.0, 200.0, 50).view(1, 1, 1, 50).expand(40, 3, 1, 50)
    found = tint(ramp, 0.0, 255.0, 1.0, torch_generator(0))
    assert (found.diff(dim=-1) >= 0).all()
    assert found.max() <= 255
    middle = found[:, :, 0, 25]
    assert (middle.amax(1) - middle.amin(1)).max() > 10
    assert middle.mean(1).std() > 5
    single = tint(ramp[:, :1], 0.0, 255.0, 1.0, torch_generator(0))
    assert single.shape == (40, 1, 1, 50)
    kind = tint(pictures(), 0.0, 255.0, 1.0, torch_generator(0))
    assert kind.dtype == torch.uint8
    assert not torch.equal(kind, pictures())


def test_pixels_from_outside_are_unknown() -> None:
    pixels, known = torch.full((20, 1, 16, 16), 9.0), torch.zeros(20, 16, 16, dtype=torch.bool)
    known[:, 4:12, 4:12] = True
    pixels[:, 0][~known] = 1e6
    moved, sure = moved_by(pixels, known, 1.0, False)
    assert sure is not None
    assert sure.any()
    assert torch.allclose(moved[:, 0][sure], torch.tensor(9.0), rtol=0, atol=1.1e3)


def test_patches_are_hidden_where_it_says_so() -> None:
    pixels = pictures().float()
    found, hidden = hide_patches(pixels, torch.tensor([-1.0, -2.0, -3.0]), 5, 0.4, torch_generator(0))
    assert hidden.shape == (6, 3 * 4)
    wide = hidden.view(6, 3, 4).repeat_interleave(5, 1).repeat_interleave(5, 2)[:, :12, :20]
    for channel in range(3):
        assert (found[:, channel][wide] == -(channel + 1)).all()
        assert torch.equal(found[:, channel][~wide], pixels[:, channel][~wide])


def moved_by(
    pixels: torch.Tensor, known: torch.Tensor | None, strength: float, flip: bool
) -> tuple[torch.Tensor, torch.Tensor | None]:
    height, width = pixels.shape[-2:]
    return warp(pixels, known, drawn_moves(len(pixels), (height, width), strength, flip, torch_generator(0)))


def test_a_map_moves_with_its_picture() -> None:
    y, x = torch.meshgrid(torch.arange(40), torch.arange(60), indexing="ij")
    marks = ((y - 12) ** 2 + (x - 35) ** 2 < 81).to(torch.uint8).expand(30, 40, 60).contiguous()
    moves = drawn_moves(30, (40, 60), 1.0, True, torch_generator(0))
    pixels, _ = warp(marks.unsqueeze(1).float(), None, moves)
    found = follow(marks, 255, moves)
    here = found != 255
    sure = (pixels[:, 0] < 0.01) | (pixels[:, 0] > 0.99)
    assert torch.equal(found[here & sure].float(), pixels[:, 0][here & sure].round())
    assert 0 < (~here).float().mean() < 0.5
    assert (found == 1).flatten(1).any(1).all()


def test_a_map_of_another_size_moves_alike() -> None:
    moves = drawn_moves(10, (40, 60), 1.0, True, torch_generator(0))
    small = torch.arange(6.0).view(1, 2, 3).expand(10, 2, 3)
    large = small.repeat_interleave(20, 1).repeat_interleave(20, 2)
    seen = follow(large, torch.nan, moves)[:, 10::20, 10::20]
    told = follow(small, torch.nan, moves)
    both = seen.isfinite() & told.isfinite()
    assert (seen[both] == told[both]).float().mean() > 0.95
    assert follow(small[:0], torch.nan, moves[:0]).shape == (0, 2, 3)


def test_where_nothing_moves_a_map_stays() -> None:
    depths = torch.rand(3, 7, 5)
    depths[0, 0] = torch.nan
    same = follow(depths, torch.nan, drawn_moves(3, (7, 5), 0.0, False, torch_generator(0)))
    assert torch.equal(same.nan_to_num(-1), depths.nan_to_num(-1))
