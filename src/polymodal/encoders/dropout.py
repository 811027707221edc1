"""Dropout that does not wait for random numbers."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Dropout"]

STEPS = 256


class Dropout(nn.Module):
    """In training, sets about the share `p` of all numbers to zero and scales the rest (Srivastava et al. 2014).

    Any shape → the same shape. On the CPU a random byte decides for each number, which takes a quarter of the time of a
    random float; the share is then the nearest of 256 steps, and the scale is exact for it.
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        if not 0.0 <= p < 1.0:
            raise ValueError(f"p must be at least 0 and below 1, found {p}")
        self.p = p

    def forward(self, values: Tensor) -> Tensor:
        """values, or in training what dropout leaves of them."""
        if not self.training or self.p == 0.0:
            return values
        kept = STEPS - round(self.p * STEPS)
        if values.device.type != "cpu" or not 0 < kept < STEPS:
            return F.dropout(values, self.p)
        words = torch.empty(-(-values.numel() // 8), dtype=torch.int64).random_(-(2**63), None)
        drawn = words.view(torch.uint8)[: values.numel()].view(values.shape)
        return torch.where(drawn < kept, values * (STEPS / kept), 0.0)

    def extra_repr(self) -> str:
        """The share."""
        return f"p={self.p}"
