"""Positions: one formula for every grid, no largest size."""

import pytest
import torch

from polymodal.encoders.positions import sine_cosine


def grid(height: int, width: int) -> torch.Tensor:
    return torch.cartesian_prod(torch.arange(height), torch.arange(width)).double().unsqueeze(0)


@pytest.mark.parametrize(("height", "width"), [(5, 7), (8, 8), (1, 30)])
def test_rows_and_columns_of_a_grid_are_written_apart(height: int, width: int) -> None:
    code = sine_cosine(grid(height, width), 32).reshape(height, width, 2, 16)
    assert torch.equal(code[:, :, 0], code[:, :1, 0].expand(-1, width, -1))
    assert torch.equal(code[:, :, 1], code[:1, :, 1].expand(height, -1, -1))
    assert len(code.reshape(-1, 32).unique(dim=0)) == height * width


def test_a_place_has_the_same_code_in_every_grid() -> None:
    small, large = sine_cosine(grid(5, 7), 16).reshape(5, 7, 16), sine_cosine(grid(9, 11), 16).reshape(9, 11, 16)
    assert torch.equal(small, large[:5, :7])


def test_a_width_that_does_not_divide_is_refused_with_both_numbers() -> None:
    with pytest.raises(ValueError, match="multiple of 4 for 2 axes, found 30"):
        sine_cosine(grid(2, 2), 30)
