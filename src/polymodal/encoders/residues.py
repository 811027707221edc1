"""Nets over sequences of codes whose neighbours matter more than their places: proteins and the like."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polymodal.core import Tokens
from polymodal.core.masking import keep
from polymodal.data.residues import FIRST, piece_counts
from polymodal.encoders.bag import CountBag
from polymodal.encoders.sequences import PADDING
from polymodal.encoders.series import SeriesBlock

__all__ = ["ConvolutionBody", "MarkedSeries", "PieceNet"]


class MarkedSeries(nn.Module):
    """Codes as a series with a channel for each code, 1 where it stands; unknown behind the end. Read by a series net.

    The first layer of such a net then has weights for each code at each of the places that it sees, as in DeepDTA
    (Öztürk et al. 2018).
    """

    def __init__(self, codes: int, net: nn.Module) -> None:
        super().__init__()
        self.codes, self.net = codes, net

    def forward(self, codes: Tensor) -> Tokens:
        """codes (n, length) int64, 0 behind the end → the Tokens of the net."""
        marks = F.one_hot(codes, self.codes)[..., 1:].to(next(self.net.parameters()).dtype)
        tokens: Tokens = self.net(marks.masked_fill((codes == PADDING).unsqueeze(-1), torch.nan))
        return tokens


class ConvolutionBody(nn.Module):
    """Convolutions at stride 1, Tokens to Tokens: each token reads `layers` · (reach - 1) neighbours to either side."""

    def __init__(self, width: int, layers: int = 3, reach: int = 7, dropout: float = 0.1) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(SeriesBlock(width, reach, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens: Tokens) -> Tokens:
        """(n, tokens, width) → the same."""
        values = tokens.values
        for block in self.blocks:
            values = block(values, tokens.mask)
        return Tokens(keep(self.norm(values), tokens.mask), tokens.mask, tokens.positions)


class PieceNet(nn.Module):
    """One token out of how often each piece of one, two or three neighbouring residues stands in a sequence.

    Where things are few, this tells them apart at once, where a convolution first has to find out what to look for.
    """

    def __init__(self, bag: CountBag) -> None:
        super().__init__()
        self.bag = bag

    def forward(self, codes: Tensor) -> Tokens:
        """codes (n, length) int64 → Tokens (n, 1, width), masked where no residue is known."""
        tokens: Tokens = self.bag(piece_counts(codes))
        known = (codes >= FIRST).any(dim=1, keepdim=True)
        return Tokens(keep(tokens.values, known), known)
