"""A recurrent net over tokens with a mask, read forwards and backwards."""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from polymodal.core import Tokens
from polymodal.core.masking import keep

__all__ = ["Recurrent"]


class Recurrent(nn.Module):
    """Reads the real tokens of each row in order, from both ends (GRU: Cho et al. 2014, eq. 5 to 8).

    (rows, tokens, width) → the same shape; each direction makes one half. Masked tokens are stepped over wherever they
    stand, so padding changes nothing. The reading is added to the tokens themselves.
    """

    def __init__(self, width: int, layers: int = 1, dropout: float = 0.1) -> None:
        super().__init__()
        between = dropout if layers > 1 else 0.0
        self.cell = nn.GRU(width, -(-width // 2), layers, batch_first=True, bidirectional=True, dropout=between)
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tokens) -> Tokens:
        """The same tokens, each changed by what stands before and behind it."""
        values = keep(tokens.values, tokens.mask)
        # Real tokens move to the front, in order; a row without any keeps one zero, which is masked again below.
        order = torch.argsort(~tokens.mask, dim=1, stable=True).unsqueeze(-1).expand_as(values)
        read = self.read(values.gather(1, order), tokens.mask.sum(dim=1).clamp(min=1))
        placed = torch.zeros_like(values).scatter(1, order, read)
        return Tokens(keep(self.norm(values + self.dropout(placed)), tokens.mask), tokens.mask, tokens.positions)

    def read(self, values: Tensor, lengths: Tensor) -> Tensor:
        """States (rows, tokens, width) of the first `lengths` (rows,) tokens; zero beyond them."""
        packed = pack_padded_sequence(values, lengths.cpu(), batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(self.cell(packed)[0], batch_first=True, total_length=values.shape[1])
        return states[..., : values.shape[-1]]
