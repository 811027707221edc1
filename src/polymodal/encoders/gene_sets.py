"""A net that reads genes by the sets they belong to."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from polymodal.core import Tokens
from polymodal.core.masking import keep, masked_mean
from polymodal.encoders.dropout import Dropout
from polymodal.encoders.mlp import ResidualBlock

__all__ = ["GeneSetNet"]

SCORES = 4
"""Numbers that a set is read as, before they become a token."""


class GeneSetNet(nn.Module):
    """A token for each set of genes, or their mean: a linear layer in which a set sees its own genes alone.

    As the pathway layer of Elmarakeby et al. (2021). `members` are the places of each set's genes among `genes`; what
    is in no set is not read. A gene that is not known is left out of the sums, and so is the share `hide` of the others
    in each step of training. A set of which no gene is known gives no token.
    """

    member: Tensor

    def __init__(
        self,
        genes: int,
        members: Sequence[Sequence[int]],
        width: int,
        pooled: bool = True,
        hide: float = 0.5,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        member = torch.zeros(genes, len(members), dtype=torch.bool)
        for place, held in enumerate(members):
            member[list(held), place] = True
        self.register_buffer("member", member, persistent=False)
        self.pooled, self.hide = pooled, Dropout(hide)
        sizes = member.sum(dim=0).clamp(min=1).view(1, -1, 1)
        self.weight = nn.Parameter(torch.randn(genes, len(members), SCORES) * sizes**-0.5)
        self.outward = nn.Parameter(torch.randn(len(members), SCORES, width) * SCORES**-0.5)
        self.name = nn.Parameter(torch.randn(len(members), width) * 0.1)
        self.block = ResidualBlock(width, dropout=dropout)

    def forward(self, genes: Tensor) -> Tokens:
        """genes (n, genes), NaN where not known → Tokens (n, sets, width), or (n, 1, width)."""
        known = ~genes.isnan()
        read = self.hide(keep(genes.to(self.weight.dtype), known))
        scores = torch.einsum("ng,gsk->nsk", read, keep(self.weight, self.member))
        values = torch.einsum("nsk,skw->nsw", scores, self.outward) + self.name
        mask = known.to(self.weight.dtype) @ self.member.to(self.weight.dtype) > 0
        if self.pooled:
            values, mask = masked_mean(values, mask).unsqueeze(1), mask.any(dim=1, keepdim=True)
        return Tokens(keep(self.block(values), mask), mask)
