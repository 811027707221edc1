"""Where a token stands, written as sines and cosines, for any number of axes and any length."""

import torch
from torch import Tensor

from polymodal.core.shapes import Positions

__all__ = ["sine_cosine"]


def sine_cosine(positions: Positions, width: int, longest: float | None = None) -> Tensor:
    """Turn places into vectors that tell near from far (Vaswani et al. 2017, section 3.5), each axis on its own.

    positions (rows, tokens, axes) in any unit in which neighbours are about 1 apart → (rows, tokens, width). Every axis
    gets `width / axes` numbers: sines, then cosines, of wavelengths from 2π to 2π · `longest`; unless given, this is
    10,000 along a line and 100 along each side of a plane, so that neighbours differ in most numbers. Nothing is
    learned and nothing depends on a largest size. Raises ValueError where `width` does not divide by twice the number
    of axes.
    """
    axes = positions.shape[-1]
    if width % (2 * axes):
        raise ValueError(f"width must be a multiple of {2 * axes} for {axes} axes, found {width}")
    count = width // (2 * axes)
    longest = 10_000.0 ** (1.0 / axes) if longest is None else longest
    steps = torch.arange(count, dtype=positions.dtype, device=positions.device) / count
    angles = positions.unsqueeze(-1) * longest**-steps
    return torch.cat([angles.sin(), angles.cos()], dim=-1).flatten(-2)
