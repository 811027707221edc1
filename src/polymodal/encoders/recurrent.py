"""A recurrent net over tokens with a mask, read forwards and backwards."""

import torch
from torch import Tensor, nn

from polymodal.core import Tokens
from polymodal.core.masking import keep
from polymodal.encoders.dropout import Dropout

__all__ = ["Recurrent"]


class Recurrent(nn.Module):
    """Reads the real tokens of each row in order, from both ends (GRU: Cho et al. 2014, eq. 5 to 8).

    (rows, tokens, width) → the same shape; each direction makes one half. Masked tokens are stepped over wherever they
    stand, so padding changes nothing. The reading is added to the tokens themselves.
    """

    def __init__(self, width: int, layers: int = 1, dropout: float = 0.1) -> None:
        super().__init__()
        half = -(-width // 2)
        self.onward = nn.ModuleList(_cell(width if layer == 0 else 2 * half, half) for layer in range(layers))
        self.backward = nn.ModuleList(_cell(width if layer == 0 else 2 * half, half) for layer in range(layers))
        self.norm = nn.LayerNorm(width)
        self.dropout = Dropout(dropout)

    def forward(self, tokens: Tokens) -> Tokens:
        """The same tokens, each changed by what stands before and behind it."""
        values = keep(tokens.values, tokens.mask)
        # Real tokens move to the front, in order; a row without any keeps one zero, which is masked again below.
        order = torch.argsort(~tokens.mask, dim=1, stable=True).unsqueeze(-1).expand_as(values)
        read = self.read(values.gather(1, order), tokens.mask.sum(dim=1).clamp(min=1))
        placed = torch.zeros_like(values).scatter(1, order, read)
        return Tokens(keep(self.norm(values + self.dropout(placed)), tokens.mask), tokens.mask, tokens.positions)

    def read(self, values: Tensor, lengths: Tensor) -> Tensor:
        """States (rows, tokens, width) of the first `lengths` (rows,) tokens; zero beyond them.

        No packing: that lets the length of one row decide in which product another is computed, and so its last bits.
        """
        place = torch.arange(values.shape[1], device=values.device)
        inside = place < lengths.unsqueeze(1)
        mirrored = torch.where(inside, lengths.unsqueeze(1) - 1 - place, place).unsqueeze(-1)
        width = values.shape[-1]
        for layer, (onward, backward) in enumerate(zip(self.onward, self.backward, strict=True)):
            values = values if layer == 0 else self.dropout(values)
            ahead = onward(values)[0]
            behind = backward(values.gather(1, mirrored.expand_as(values)))[0]
            values = torch.cat([ahead, behind.gather(1, mirrored.expand_as(behind))], dim=-1)
        return keep(values[..., :width], inside)


def _cell(width: int, hidden: int) -> nn.GRU:
    return nn.GRU(width, hidden, batch_first=True)
