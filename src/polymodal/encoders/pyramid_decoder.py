"""From the cells of a coarse grid back to places as fine as the finest map that they were made of."""

import torch.nn.functional as F
from torch import Tensor, nn

from polymodal.core import Grid
from polymodal.encoders.convolution import EDGES, ConvolutionBlock, group_norm

__all__ = ["PyramidDecoder"]


class PyramidDecoder(nn.Module):
    """Cells of a grid, and finer maps beside them, to numbers for each place of the finest map.

    Step by step the grid is enlarged to the next finer map, the map is added, and a block looks at what surrounds each
    place (a U-Net, Ronneberger et al. 2015, whose branches are added as in Lin et al. 2017). One block serves all
    steps, so that it fits any number of maps. With `sharp`, a last and narrow step goes up to the edges of the picture,
    where its grid has them. Every answer starts from `prior` (outputs,).
    """

    def __init__(self, width: int, prior: Tensor, sharp: bool = False) -> None:
        super().__init__()
        channels = -(-width // 2)
        self.enter = nn.Linear(width, channels)
        self.block = ConvolutionBlock(channels)
        self.sharpen = _Sharpen(channels) if sharp else None
        last = EDGES if sharp else channels
        self.norm = group_norm(last)
        self.out = nn.Conv2d(last, len(prior), 1, bias=False)
        self.prior = nn.Parameter(prior.clone().float())

    def forward(self, cells: Tensor, grid: Grid) -> Tensor:
        """cells (n, height · width, width) of a grid → (n, outputs, h, w), as fine as its finest map."""
        x = self.block(self.enter(cells).transpose(1, 2).unflatten(2, (grid.height, grid.width)))
        for finer in grid.finer:
            x = _enlarged(x, finer) + finer
            x = self.block(x)
        if self.sharpen is not None:
            x = self.sharpen(x, grid.edges)
        numbers: Tensor = self.out(F.relu(self.norm(x))) + self.prior.view(-1, 1, 1)
        return numbers


class _Sharpen(nn.Module):
    """(n, channels, h, w) → (n, EDGES, H, W): as fine as the edges (n, EDGES, H, W), or as it is without them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fewer = nn.Conv2d(channels, EDGES, 1, bias=False)
        self.look = nn.Conv2d(EDGES, EDGES, 3, padding=1, bias=False)
        self.norm = group_norm(EDGES)

    def forward(self, x: Tensor, edges: Tensor | None) -> Tensor:
        x = self.fewer(x)
        if edges is not None:
            x = _enlarged(x, edges) + edges
        changed: Tensor = x + self.look(F.relu(self.norm(x)))
        return changed


def _enlarged(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=False)
