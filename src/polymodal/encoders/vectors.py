"""Nets that read vectors which were made elsewhere, and several nets side by side."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from polymodal.core import Tokens
from polymodal.core.masking import keep
from polymodal.encoders.dropout import Dropout
from polymodal.encoders.mlp import ResidualBlock

__all__ = ["SideBySide", "VectorNet"]


class VectorNet(nn.Module):
    """One token for a vector: a linear map, then `layers` residual blocks.

    What is not known, and the share `hide` of the numbers in each step of training, is zero, which is the mean of the
    training rows. Precomputed vectors are long and rows are few, so that hiding many is what keeps them from being
    learned by heart.
    """

    def __init__(self, length: int, width: int, layers: int = 0, hide: float = 0.5, dropout: float = 0.1) -> None:
        super().__init__()
        self.hide = Dropout(hide)
        self.linear = nn.Linear(length, width)
        self.blocks = nn.ModuleList(ResidualBlock(width, dropout=dropout) for _ in range(layers))

    def forward(self, vector: Tensor) -> Tokens:
        """vector (n, length), NaN where unknown → Tokens (n, 1, width)."""
        known = ~vector.isnan()
        values = self.linear(self.hide(keep(vector.to(self.linear.weight.dtype), known)))
        for block in self.blocks:
            values = block(values)
        mask = torch.as_tensor(known.any(dim=1, keepdim=True))
        return Tokens(keep(values.unsqueeze(1), mask), mask)


class SideBySide(nn.Module):
    """Several nets that read the same parts; the tokens of each behind those of the one before, without positions."""

    def __init__(self, nets: Iterable[nn.Module]) -> None:
        super().__init__()
        self.nets = nn.ModuleList(nets)

    def forward(self, parts: Mapping[str, Tensor]) -> Tokens:
        """Parts → Tokens (n, tokens of all nets, width)."""
        made = [net(parts) for net in self.nets]
        return Tokens(torch.cat([each.values for each in made], dim=1), torch.cat([each.mask for each in made], dim=1))
