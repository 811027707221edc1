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

__all__ = ["ConvolutionBody", "MarkedSeries", "PieceNet", "end_to_end"]


FARTHEST = 6
"""Doublings of the reach at most: from there on all of a chain is seen, and gaps between chains would fill the rows."""


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
    """Dilated convolutions at stride 1, Tokens to Tokens: each token reads (reach - 1) · (2^layers - 1) to either side.

    Each of the `layers` reads twice as far as the one before (Yu and Koltun 2016). Rows are laid end to end with gaps
    that no convolution reaches across: chains of proteins differ tenfold in length, and of a batch that is filled up to
    the longest one four fifths would be padding.
    """

    def __init__(self, width: int, layers: int = 3, reach: int = 5, dropout: float = 0.1) -> None:
        super().__init__()
        dilations = [2 ** min(layer, FARTHEST) for layer in range(layers)]
        self.gap = reach // 2 * dilations[-1]
        self.blocks = nn.ModuleList(SeriesBlock(width, reach, dropout, dilation=each) for each in dilations)
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens: Tokens) -> Tokens:
        """(n, tokens, width) → the same."""
        mask = tokens.mask
        places = end_to_end(mask, self.gap)
        length = int(places.max()) + 1 if places.numel() else 0
        values = tokens.values.new_zeros(1, length, tokens.values.shape[2])
        values = values.index_copy(1, places, tokens.values[mask].unsqueeze(0))
        real = torch.zeros(1, length, dtype=torch.bool, device=mask.device)
        real[0, places] = True
        for block in self.blocks if length else ():
            values = block(values, real)
        made = torch.zeros_like(tokens.values)
        made = made.masked_scatter(mask.unsqueeze(-1), self.norm(values[0, places]))
        return Tokens(made, mask, tokens.positions)


def end_to_end(mask: Tensor, gap: int) -> Tensor:
    """(real tokens,) the places of the True ones of a mask (n, tokens) where its rows follow one another.

    Each row keeps its own distances and is cut off behind its last real token; `gap` places are left between rows.
    """
    place = torch.arange(mask.shape[1], device=mask.device)
    extent = torch.where(mask, place + 1, 0).amax(dim=1) if mask.shape[1] else mask.new_zeros(len(mask)).long()
    start = (extent + gap).cumsum(0) - (extent + gap)
    rows, columns = mask.nonzero(as_tuple=True)
    return start[rows] + columns


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
