"""Small dense blocks."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polymodal.encoders.dropout import Dropout

__all__ = ["ResidualBlock"]


class ResidualBlock(nn.Module):
    """A dense step that starts as almost nothing: x + scale * W2 gelu(W1 norm(x)), the pre-norm form.

    x is (..., width). `scale` starts at `start`, so that what is linear in the inputs is learned first (LayerScale,
    Touvron et al. 2021, eq. 4).
    """

    def __init__(self, width: int, hidden: int | None = None, dropout: float = 0.1, start: float = 0.1) -> None:
        super().__init__()
        hidden = hidden or 2 * width
        self.norm = nn.LayerNorm(width)
        self.inward, self.outward = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.scale = nn.Parameter(torch.full((width,), start))
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(..., width) → (..., width)."""
        return x + self.scale * self.dropout(self.outward(F.gelu(self.inward(self.norm(x)))))
