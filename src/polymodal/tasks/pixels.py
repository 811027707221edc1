"""A head that answers for each place of a picture, whatever the answer is."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from polymodal.core import Representation, UsageProblem, Values
from polymodal.core.masking import keep
from polymodal.encoders.pyramid_decoder import PyramidDecoder
from polymodal.tasks.base import TaughtHead

__all__ = ["PixelHead", "finest"]

LARGE = 64
"""The shorter side from which on every second place of both directions teaches at a time, which ones is drawn:
neighbours say nearly the same, for four times the work."""


class PixelHead(TaughtHead):
    """Numbers for each place of a picture, from the fused cells of a modality and the finer maps behind them.

    The cells are fused, so that a text or another sense may tell what to look for; the maps saw the picture alone.
    `losses` gives (n,) from numbers (n, outputs, height, width) and targets (n, height, width), and `answer` what is
    told, (n, height, width). A row without the picture gets the `prior` (outputs,) everywhere.
    """

    def __init__(
        self,
        of: str,
        width: int,
        prior: Tensor,
        size: tuple[int, int],
        losses: Callable[[Tensor, Tensor], Tensor],
        answer: Callable[[Tensor], Tensor],
    ) -> None:
        super().__init__()
        self.of, self.size, self.losses, self.answer = of, size, losses, answer
        self.decoder = PyramidDecoder(width, prior, sharp=True)

    def forward(self, representation: Representation) -> Tensor:
        """(batch, height · width) of what is told."""
        rows = torch.arange(len(representation.pooled), device=representation.pooled.device)
        return self.answer(self._numbers(representation, rows, self.size)).flatten(1)

    def teach(self, representation: Representation, target: Values) -> Tensor:
        """(n,) the losses of the labelled rows whose picture is there, at every second place of large maps."""
        there = representation.tokens[self.of].present & target.present
        if not there.any():
            return representation.pooled.new_zeros(0)
        rows, step = there.nonzero().squeeze(1), 1 if min(self.size) < LARGE else 2
        # Each number stands for all the places around it; were they always the same ones, answers would be shifted.
        top, left = torch.randint(step, (2,)).tolist() if self.training else (step // 2, step // 2)
        known = target.data["target"][:, top::step, left::step][target.index[rows]]
        return self.losses(self._numbers(representation, rows, (known.shape[1], known.shape[2])), known)

    def _numbers(self, representation: Representation, rows: Tensor, size: tuple[int, int]) -> Tensor:
        """(n, outputs, height, width) of this size for some of the rows."""
        made, present = finest(self.decoder, representation, self.of, rows)
        nothing = self.decoder.prior.view(1, -1, 1, 1).expand(len(rows), -1, *size)
        if made is None:
            return nothing
        if made.shape[2:] != size:
            made = F.interpolate(made, size, mode="bilinear", align_corners=False)
        return made if present.all() else torch.where(present.view(-1, 1, 1, 1), made, nothing)


def finest(
    decoder: PyramidDecoder, representation: Representation, of: str, rows: Tensor
) -> tuple[Tensor | None, Tensor]:
    """What a decoder makes of the pictures of some rows, (n, outputs, h, w), and (n,) which of them have one.

    None where no row has one; of rows without one it says nothing that counts. Raises UsageProblem for a modality
    whose tokens stand in no grid.
    """
    cells = representation.tokens[of]
    present = cells.present[rows]
    if not present.any():
        return None, present
    grid = representation.unfused[of].grid
    if grid is None:
        raise _no_grid(of)
    return decoder(keep(cells.values, cells.mask)[rows], grid.gather(rows)), present


def _no_grid(of: str) -> UsageProblem:
    return UsageProblem(
        "no-grid",
        where=f'pixels of "{of}"',
        expected="a modality whose tokens are the cells of a grid",
        found="tokens that stand in no grid",
        remedy="name a modality of pictures (of), and give it tokens: pyramid",
    )
