"""A pre-norm transformer over tokens with a mask, and three ways to pool tokens into one."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polymodal.core import Tokens
from polymodal.core.masking import attend, keep, masked_mean, masked_softmax
from polymodal.core.shapes import AttentionMask, OtherMask, OtherValues, RowAttentionMask, TokenMask, TokenValues
from polymodal.encoders.conditional import ConditionalBlock
from polymodal.encoders.dropout import Dropout
from polymodal.encoders.positions import sine_cosine

__all__ = ["CrossAttention", "CrossBlock", "Pool", "SelfAttention", "Transformer", "TransformerBlock"]


class SelfAttention(nn.Module):
    """Lets every token look at the real tokens of its own row (multi-head attention, Vaswani et al. 2017).

    (rows, tokens, width) → the same shape. `width` must be a multiple of `heads`.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        _check_heads(width, heads)
        self.heads = heads
        self.project = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(
        self,
        values: TokenValues,
        mask: TokenMask,
        attention_mask: AttentionMask | None = None,
        row_mask: RowAttentionMask | None = None,
        finite: bool = False,
    ) -> Tensor:
        """Attend within each row; a row without a real token gives `out`'s bias, for the caller to mask.

        `finite` promises that nothing under the mask is NaN or infinite.
        """
        values = values if finite else keep(values, mask)
        split = self.project(values).unflatten(-1, (3, self.heads, -1))
        queries, keys, read = split.permute(2, 0, 3, 1, 4).unbind(0)
        seen = attend(queries, keys, read, mask, attention_mask, row_mask, finite=True)
        joined: Tensor = self.out(seen.transpose(1, 2).flatten(-2))
        return joined


class CrossAttention(nn.Module):
    """Lets every token of one set look at the real tokens of another set of its row.

    queries (rows, n, width) and keys (rows, m, width) → (rows, n, width); the mask is that of the keys. A row whose
    other set is empty gives zeros.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        _check_heads(width, heads)
        self.heads = heads
        self.ask = nn.Linear(width, width)
        self.tell = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, queries: TokenValues, keys: OtherValues, key_mask: OtherMask, finite: bool = False) -> Tensor:
        """Attend from each query to the keys of its row; `finite` promises that no key is NaN or infinite."""
        asked = self.ask(queries).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        told = self.tell(keys if finite else keep(keys, key_mask)).unflatten(-1, (2, self.heads, -1))
        known, read = told.permute(2, 0, 3, 1, 4).unbind(0)
        seen = attend(asked, known, read, key_mask, finite=True)
        return keep(self.out(seen.transpose(1, 2).flatten(-2)), key_mask.any(dim=1))


class Residual(nn.Module):
    """Adds a scaled change to the stream, and in training now and then leaves it out for a whole row.

    LayerScale (Touvron et al. 2021, eq. 2) and stochastic depth (Huang et al. 2016, eq. 2).
    """

    def __init__(self, width: int, scale: float, skipped: float) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((width,), scale))
        self.skipped = skipped

    def forward(self, stream: Tensor, change: Tensor) -> Tensor:
        """stream + scale · change."""
        change = change * self.scale
        if self.training and self.skipped > 0.0:
            kept = torch.rand(len(change), device=change.device) >= self.skipped
            change = keep(change / (1.0 - self.skipped), kept)
        return stream + change


class TransformerBlock(nn.Module):
    """One layer: attention, then a small net on each token, each behind a norm (pre-norm, Xiong et al. 2020).

    Dropout falls on what is added to the stream, not on the weights of attention, which could not be computed block by
    block then.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        expansion: int = 4,
        dropout: float = 0.1,
        skipped: float = 0.0,
        scale: float = 0.1,
    ) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = SelfAttention(width, heads)
        self.attention_residual = Residual(width, scale, skipped)
        self.feed_norm = nn.LayerNorm(width)
        self.feed = _feed(width, expansion)
        self.feed_residual = Residual(width, scale, skipped)
        self.dropout = Dropout(dropout)

    def forward(
        self,
        values: TokenValues,
        mask: TokenMask,
        attention_mask: AttentionMask | None = None,
        row_mask: RowAttentionMask | None = None,
        finite: bool = False,
    ) -> Tensor:
        """(rows, tokens, width) → the same shape; `finite` promises that nothing under the mask is NaN or infinite."""
        values = values if finite else keep(values, mask)
        change = self.attention(self.attention_norm(values), mask, attention_mask, row_mask, finite=True)
        values = self.attention_residual(values, self.dropout(change))
        changed: Tensor = self.feed_residual(values, self.dropout(self.feed(self.feed_norm(values))))
        return changed


class CrossBlock(nn.Module):
    """One layer of looking elsewhere: attention to another set of tokens, then a small net on each token (pre-norm).

    Where the other set of a row is empty, only the small net changes its tokens.
    """

    def __init__(self, width: int, heads: int, expansion: int = 4, dropout: float = 0.1, scale: float = 0.1) -> None:
        super().__init__()
        self.query_norm, self.key_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = CrossAttention(width, heads)
        self.attention_residual = Residual(width, scale, 0.0)
        self.feed_norm = nn.LayerNorm(width)
        self.feed = _feed(width, expansion)
        self.feed_residual = Residual(width, scale, 0.0)
        self.dropout = Dropout(dropout)

    def forward(self, values: TokenValues, others: OtherValues, other_mask: OtherMask) -> Tensor:
        """values (rows, n, width), others (rows, m, width) with their mask → (rows, n, width)."""
        change = self.attention(
            self.query_norm(values), self.key_norm(keep(others, other_mask)), other_mask, finite=True
        )
        values = self.attention_residual(values, self.dropout(change))
        changed: Tensor = self.feed_residual(values, self.dropout(self.feed(self.feed_norm(values))))
        return changed


class Transformer(nn.Module):
    """Tokens that have looked at each other: any number of them, padding never seen.

    Where tokens carry positions, these are added as sines and cosines before the first layer (`place=False` leaves them
    out). `causal` lets a token see only itself and the ones before it. `skipped` is the rate of stochastic depth in the
    last layer; it grows from zero in the first. With a `share` below 1, every second layer works on that share of the
    tokens of a row, which it chooses (ConditionalBlock); such a transformer is not causal, nor are its rows packed.
    """

    def __init__(
        self,
        width: int,
        layers: int = 2,
        heads: int = 4,
        expansion: int = 4,
        dropout: float = 0.1,
        skipped: float = 0.0,
        causal: bool = False,
        place: bool = True,
        share: float = 1.0,
    ) -> None:
        super().__init__()
        if causal and share < 1.0:
            raise ValueError("a causal transformer cannot choose tokens: the choice would depend on later ones")
        self.width, self.causal, self.place, self.share = width, causal, place, share
        rates = [skipped * layer / max(layers - 1, 1) for layer in range(layers)]
        blocks = [TransformerBlock(width, heads, expansion, dropout, rate) for rate in rates]
        self.blocks = nn.ModuleList(
            ConditionalBlock(block, width, share) if share < 1.0 and layer % 2 else block
            for layer, block in enumerate(blocks)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens: Tokens, row_mask: RowAttentionMask | None = None) -> Tokens:
        """The same tokens, each changed by the others of its row, or by those that `row_mask` lets it see."""
        if row_mask is not None and self.share < 1.0:
            raise ValueError("a transformer that chooses tokens cannot read packed rows")
        values = keep(tokens.values, tokens.mask)
        if self.place and tokens.positions is not None:
            values = values + self.places(tokens.positions.to(values.dtype))
        length = values.shape[1]
        order = torch.ones(length, length, dtype=torch.bool, device=values.device).tril() if self.causal else None
        limits = {} if self.share < 1.0 else {"attention_mask": order, "row_mask": row_mask, "finite": True}
        for block in self.blocks:
            values = block(values, tokens.mask, **limits)
        return Tokens(keep(self.norm(values), tokens.mask), tokens.mask, tokens.positions)

    def places(self, positions: Tensor) -> Tensor:
        """Positions (rows, tokens, axes) as (rows, tokens, width); what does not divide among the axes stays zero."""
        left = self.width % (2 * positions.shape[-1])
        return F.pad(sine_cosine(positions, self.width - left), (0, left))


class Pool(nn.Module):
    """Turns the tokens of each row into one: their mean, a class token that gathers them, or a learned weighting.

    `class` needs `open` to be called before the layers that fill the class token. A row without a real token has a mask
    that is False.
    """

    def __init__(self, width: int, how: Literal["mean", "class", "attention"] = "mean") -> None:
        super().__init__()
        self.how = how
        self.token = nn.Parameter(torch.randn(width) * 0.02) if how == "class" else None
        self.score = nn.Linear(width, 1) if how == "attention" else None

    def open(self, tokens: Tokens) -> Tokens:
        """Put the class token, at position zero, before the others; the same tokens where none is used."""
        if self.token is None:
            return tokens
        first = tokens.present.unsqueeze(1)
        head = keep(self.token.to(tokens.values.dtype).expand(len(first), 1, -1), first)
        places = tokens.positions
        if places is not None:
            places = torch.cat([places.new_zeros(len(first), 1, places.shape[-1]), places], dim=1)
        return Tokens(torch.cat([head, tokens.values], dim=1), torch.cat([first, tokens.mask], dim=1), places)

    def forward(self, tokens: Tokens) -> Tokens:
        """(rows, tokens, width) → (rows, 1, width), without positions."""
        mask = tokens.present.unsqueeze(1)
        if self.how == "class":
            pooled = tokens.values[:, 0]
        elif self.score is None:
            pooled = masked_mean(tokens.values, tokens.mask)
        else:
            values = keep(tokens.values, tokens.mask)
            weights = masked_softmax(self.score(values).squeeze(-1), tokens.mask)
            pooled = torch.einsum("rt,rtw->rw", weights, values)
        return Tokens(keep(pooled.unsqueeze(1), mask), mask)


def _feed(width: int, expansion: int) -> nn.Sequential:
    """The small net on each token."""
    inner = expansion * width
    return nn.Sequential(nn.Linear(width, inner), nn.GELU(), nn.Linear(inner, width))


def _check_heads(width: int, heads: int) -> None:
    if width % heads:
        raise ValueError(f"width must be a multiple of heads, found width {width} and {heads} heads")
