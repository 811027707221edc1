"""Which places of a map teach, and what is told of rows without a picture."""

import pytest
import torch

from polymodal.core import Grid, Representation, Tokens, Values
from polymodal.core.seeding import torch_generator
from polymodal.tasks.pixels import LARGE, PixelHead


def shown(rows: int, absent: int = 0, width: int = 8) -> Representation:
    """Rows whose pictures are 3 × 4 cells with a map of 6 × 8, the last `absent` of them without a picture."""
    there = torch.arange(rows) < rows - absent
    draw = torch_generator(0)
    cells = torch.randn(rows, 12, width, generator=draw)
    finer = torch.randn(rows, width // 2, 6, 8, generator=draw)
    tokens = {"view": Tokens(cells, there.unsqueeze(1).expand(-1, 12), None, Grid(3, 4, (finer,)))}
    return Representation(cells.mean(1, keepdim=True), there.unsqueeze(1), "single", tokens, tokens)


def head_of(size: tuple[int, int], seen: list[torch.Tensor]) -> PixelHead:
    def losses(numbers: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        assert numbers.shape == (len(target), 2, *target.shape[1:])
        seen.append(target)
        return numbers.flatten(1).mean(1)

    return PixelHead("view", 8, torch.tensor([0.5, -0.5]), size, losses, lambda numbers: numbers[:, 1])


@pytest.mark.parametrize(("size", "steps"), [((LARGE, LARGE + 7), 4), ((LARGE - 1, 90), 1)])
def test_all_places_of_a_map_teach_in_turn(size: tuple[int, int], steps: int) -> None:
    seen: list[torch.Tensor] = []
    head, places = head_of(size, seen), torch.arange(size[0] * size[1]).view(1, *size)
    target = Values({"target": places}, torch.tensor([0, 0]))
    torch.manual_seed(0)
    for _ in range(24):
        assert head.teach(shown(2), target).shape == (2,)
    assert len(torch.cat([part.flatten() for part in seen]).unique()) == places.numel()
    assert len({int(part[0, 0, 0]) for part in seen}) == steps
    for part in seen:
        assert (part[:, 1:, 0] - part[:, :-1, 0] == (2 if steps == 4 else 1) * size[1]).all()
    seen.clear()
    head.eval()
    for _ in range(5):
        head.teach(shown(2), target)
    assert len({int(part[0, 0, 0]) for part in seen}) == 1


def test_rows_without_a_picture_are_told_the_prior_and_teach_nothing() -> None:
    seen: list[torch.Tensor] = []
    head = head_of((12, 16), seen)
    told = head(shown(3, absent=1)).view(3, 12, 16)
    assert (told[2] == -0.5).all()
    assert not (told[1] == -0.5).any()
    alike = head(shown(3)).view(3, 12, 16)
    assert torch.equal(alike[:2], told[:2])
    target = Values({"target": torch.zeros(3, 12, 16)}, torch.tensor([0, -1, 2]))
    assert head.teach(shown(3, absent=1), target).shape == (1,)
    assert len(seen[0]) == 1
    assert head.teach(shown(3, absent=3), target).shape == (0,)
