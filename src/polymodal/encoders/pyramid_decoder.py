"""From the cells of a coarse grid back to places as fine as the finest map that they were made of."""

import torch.nn.functional as F
from torch import Tensor, nn

from polymodal.core import Grid
from polymodal.encoders.convolution import ConvolutionBlock, group_norm

__all__ = ["PyramidDecoder"]


class PyramidDecoder(nn.Module):
    """Cells of a grid, and finer maps beside them, to numbers for each place of the finest map.

    Step by step the grid is enlarged to the next finer map, the map is added, and a block looks at what surrounds each
    place (a U-Net, Ronneberger et al. 2015, whose branches are added as in Lin et al. 2017). One block serves all
    steps, so that it fits any number of maps. Every answer starts from `prior` (outputs,).
    """

    def __init__(self, width: int, prior: Tensor) -> None:
        super().__init__()
        channels = -(-width // 2)
        self.enter = nn.Linear(width, channels)
        self.block = ConvolutionBlock(channels)
        self.norm = group_norm(channels)
        self.out = nn.Conv2d(channels, len(prior), 1, bias=False)
        self.prior = nn.Parameter(prior.clone().float())

    def forward(self, cells: Tensor, grid: Grid) -> Tensor:
        """cells (n, height · width, width) of a grid → (n, outputs, h, w), as fine as its finest map."""
        x = self.block(self.enter(cells).transpose(1, 2).unflatten(2, (grid.height, grid.width)))
        for finer in grid.finer:
            x = F.interpolate(x, size=finer.shape[-2:], mode="bilinear", align_corners=False) + finer
            x = self.block(x)
        numbers: Tensor = self.out(F.relu(self.norm(x))) + self.prior.view(-1, 1, 1)
        return numbers
