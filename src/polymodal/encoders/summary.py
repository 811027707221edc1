"""A net that reads how a clip goes as a whole, whatever comes first in it."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from polymodal.core import Tokens
from polymodal.core.masking import keep
from polymodal.data.cepstra import cepstral, run_of
from polymodal.encoders.vectors import VectorNet

__all__ = ["SummaryNet"]

FARTHEST = 5.0
"""Standard deviations of the training clips beyond which a number is cut off."""


class SummaryNet(nn.Module):
    """One token for a clip: mean, spread and restlessness of the shape of its spectrum, then a `VectorNet`.

    `mean` and `spread` are those of the numbers over the training clips; they are saved with the weights.
    """

    basis: Tensor
    mean: Tensor
    spread: Tensor

    def __init__(
        self,
        bands: int,
        mean: Sequence[float],
        spread: Sequence[float],
        width: int,
        hide: float = 0.3,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.register_buffer("basis", cepstral(bands))
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("spread", torch.tensor(spread))
        self.net = VectorNet(len(mean), width, 1, hide, dropout)

    def forward(self, sound: Tensor) -> Tokens:
        """sound (n, frames, bands), NaN where unknown → Tokens (n, 1, width)."""
        told, known = run_of(sound.to(self.basis.dtype), self.basis)
        away = ((told - self.mean) / self.spread).clamp(-FARTHEST, FARTHEST)
        made: Tokens = self.net(away.masked_fill(~known.unsqueeze(1), torch.nan))
        return Tokens(keep(made.values, made.mask), made.mask)
