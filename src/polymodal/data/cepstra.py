"""How a clip goes as a whole: the shape of its spectrum, how much that varies, and how fast."""

import math

import torch
from torch import Tensor

from polymodal.core.masking import keep, masked_mean

__all__ = ["COEFFICIENTS", "cepstral", "run_of"]

COEFFICIENTS = 20
"""How finely the shape of a spectrum is told: the pitch of a voice is left out, what its mouth does is not."""

_STILL = 1e-8


def cepstral(bands: int) -> Tensor:
    """(bands, coefficients) float32 that turns bands into up to 20 coefficients, the smoothest shape first.

    The orthonormal discrete cosine transform, as for the coefficients of Davis and Mermelstein 1980.
    """
    count = min(COEFFICIENTS, bands)
    middles, order = torch.arange(bands, dtype=torch.float64) + 0.5, torch.arange(count)
    made = torch.cos(math.pi / bands * middles.unsqueeze(1) * order) * math.sqrt(2 / bands)
    made[:, 0] = math.sqrt(1 / bands)
    return made.float()


def run_of(sound: Tensor, basis: Tensor) -> tuple[Tensor, Tensor]:
    """(n, 3 · coefficients) mean, spread and mean step from frame to frame, and (n,) whether a frame is known.

    `sound` (n, frames, bands) with NaN where nothing is known: a frame that lacks a band is left out as a whole, and
    steps are between neighbours that are both known. `basis` as `cepstral` gives it.
    """
    known = ~sound.isnan().any(dim=2)
    shapes = keep(sound, known) @ basis
    mean = masked_mean(shapes, known)
    # The root has no slope at zero, which is where it stands for a clip of one frame.
    spread = (masked_mean((shapes - mean.unsqueeze(1)).square(), known) + _STILL).sqrt()
    steps = masked_mean((shapes[:, 1:] - shapes[:, :-1]).abs(), known[:, 1:] & known[:, :-1])
    return torch.cat([mean, spread, steps], dim=1), known.any(dim=1)
