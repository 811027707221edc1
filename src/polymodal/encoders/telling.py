"""A net that tells what some values hold, place by place, from whatever tokens there are."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polymodal.core import Tokens, UsageProblem
from polymodal.core.masking import keep
from polymodal.encoders.positions import sine_cosine
from polymodal.encoders.transformer import CrossBlock

__all__ = ["Teller", "telling_loss"]


class Teller(nn.Module):
    """Asks the tokens of a row what stands at each place of a modality (in the manner of Perceiver IO, Jaegle et al.

    2022, section 3.2). A question is the place, and the modality's own token where it has one for each place. A place
    holds `size` numbers, or a code out of `classes`.
    """

    def __init__(self, width: int, size: int, classes: int, layers: int = 1, dropout: float = 0.1) -> None:
        super().__init__()
        heads = next(heads for heads in (4, 2, 1) if width % heads == 0)
        self.width = width
        self.question = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))
        self.blocks = nn.ModuleList(CrossBlock(width, heads, dropout=dropout, scale=1.0) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.numbers = nn.Linear(width, size) if size else None
        self.codes = nn.Linear(width, classes) if classes else None

    def forward(self, tokens: Tokens, places: int, own: Tokens | None = None) -> Tensor:
        """Tokens (rows, n, width) → what is known of each place (rows, places, width), before it is told."""
        if not len(self.blocks):
            return self._by_themselves(places, own)
        place = torch.arange(places, device=tokens.values.device, dtype=tokens.values.dtype).view(1, -1, 1)
        known = F.pad(sine_cosine(place, self.width - self.width % 2), (0, self.width % 2))
        asked = self.question(known).expand(len(tokens.values), -1, -1)
        if own is not None and own.values.shape[1] == places:
            asked = asked + keep(own.values, own.mask)
        for block in self.blocks:
            asked = block(asked, tokens.values, tokens.mask)
        heard: Tensor = self.norm(asked)
        return heard

    def _by_themselves(self, places: int, own: Tokens | None) -> Tensor:
        """(rows, places, width) each place by its own token alone. Raises UsageProblem where not each place has one."""
        if own is None or own.values.shape[1] != places:
            raise UsageProblem(
                "no-token-for-each-place",
                where="layers: 0",
                expected=f"a modality with a token for each of {places} places",
                found="none" if own is None else f"{own.values.shape[1]} tokens",
                remedy="take one layer or more, so that places are told from all tokens of a row",
            )
        heard: Tensor = self.norm(keep(own.values, own.mask))
        return heard

    def told(self, heard: Tensor) -> Tensor:
        """(..., width) what is known of some places → the numbers there (..., size)."""
        if self.numbers is None:
            raise TypeError("no numbers are told of these places")
        made: Tensor = self.numbers(heard)
        return made


def telling_loss(teller: Teller, heard: Tensor, numbers: Tensor, codes: Tensor, asked: Tensor) -> Tensor | None:
    """The mean over the places that are `asked` of squared error, or of cross-entropy; None where there is none.

    heard (rows, places, width); numbers (rows, k, size) with NaN where unknown, codes (rows, places - k) with -1 where
    unknown, the places of numbers first; asked (rows, places).
    """
    split = numbers.shape[1]
    losses = []
    known = ~numbers.isnan() & asked[:, :split].unsqueeze(-1)
    if teller.numbers is not None and known.any():
        places = known.any(dim=-1)
        told = teller.told(heard[:, :split][places]).float()
        truth, sure = numbers[places].float(), known[places]
        squared = keep((told - torch.where(sure, truth, 0.0)).square(), sure)
        losses.append(squared.sum(dim=1) / sure.sum(dim=1))
    wanted = asked[:, split:] & (codes >= 0)
    if teller.codes is not None and wanted.any():
        logits = teller.codes(heard[:, split:][wanted]).float()
        losses.append(F.cross_entropy(logits, codes[wanted], reduction="none"))
    return torch.cat(losses).mean() if losses else None
