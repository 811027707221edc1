"""Writes a sequence of codes, one after another, while it looks at what it is to write about."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polymodal.core import Tokens
from polymodal.core.masking import attend, keep
from polymodal.core.shapes import AttentionMask, TokenMask, TokenValues
from polymodal.encoders.dropout import Dropout
from polymodal.encoders.positions import sine_cosine
from polymodal.encoders.transformer import CrossBlock, Residual, SelfAttention

__all__ = ["Advance", "CausalDecoder", "CodeTable", "DecoderBlock", "Past", "at_rest", "searched"]

Past = tuple[Tensor, Tensor]
"""Keys and values (rows, heads, places, width of a head) of the places that were read before."""
Advance = Callable[[Tensor, Tensor], Tensor]
"""Texts so far (paths, places) and which earlier path each of them continues (paths,) → logits (paths, codes)."""


class CodeTable(nn.Module):
    """One table of vectors that turns codes into vectors, and vectors into chances of codes (Press and Wolf 2017).

    Places are added as sines and cosines, so that a text may have any length.
    """

    def __init__(self, codes: int, width: int) -> None:
        super().__init__()
        self.vectors = nn.Parameter(torch.randn(codes, width) * width**-0.5)
        self.norm = nn.LayerNorm(width)

    def embed(self, codes: Tensor, first: int = 0) -> Tensor:
        """Codes (n, length) at places from `first` on → (n, length, width)."""
        width = self.vectors.shape[1]
        values = F.embedding(codes, self.vectors) * width**0.5
        places = torch.arange(first, first + codes.shape[1], dtype=values.dtype, device=codes.device)
        return values + F.pad(sine_cosine(places.view(1, -1, 1), width - width % 2), (0, width % 2))

    def decide(self, values: Tensor) -> Tensor:
        """(n, length, width) → logits (n, length, codes)."""
        return F.linear(self.norm(values), self.vectors)


class DecoderBlock(nn.Module):
    """One layer: look back, look at the memory, then a small net on each place (Vaswani et al. 2017, section 3.1).

    Each behind a norm (pre-norm). Where the memory of a row is empty, looking at it changes nothing.
    """

    def __init__(self, width: int, heads: int, dropout: float = 0.1, scale: float = 1.0) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attention = SelfAttention(width, heads)
        self.residual = Residual(width, scale, 0.0)
        self.look = CrossBlock(width, heads, dropout=dropout, scale=scale)
        self.dropout = Dropout(dropout)

    def forward(self, values: TokenValues, mask: TokenMask, order: AttentionMask, memory: Tokens) -> Tensor:
        """(n, length, width) → the same shape; `order` says which place sees which."""
        change = self.attention(self.norm(values), mask, order)
        return self.look(self.residual(values, self.dropout(change)), memory.values, memory.mask)

    def told(self, memory: Tokens) -> Past:
        """Keys and values of the memory, which stay the same while a text is written."""
        attention = self.look.attention
        known = attention.tell(self.look.key_norm(keep(memory.values, memory.mask)))
        keys, values = known.unflatten(-1, (2, attention.heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
        return keys, values

    def step(self, value: Tensor, past: Past | None, told: Past, told_mask: TokenMask) -> tuple[Tensor, Past]:
        """The next place (n, 1, width) alone, at rest, and the `past` that the place after it will look back on."""
        split = self.attention.project(self.norm(value)).unflatten(-1, (3, self.attention.heads, -1))
        asked, keys, values = split.permute(2, 0, 3, 1, 4).unbind(0)
        if past is not None:
            keys, values = torch.cat([past[0], keys], dim=2), torch.cat([past[1], values], dim=2)
        everything = torch.ones(len(value), keys.shape[2], dtype=torch.bool, device=value.device)
        value = self.residual(value, self.attention.out(_joined(attend(asked, keys, values, everything))))
        look = self.look
        asked = look.attention.ask(look.query_norm(value)).unflatten(-1, (look.attention.heads, -1)).transpose(1, 2)
        seen = look.attention.out(_joined(attend(asked, told[0], told[1], told_mask)))
        value = look.attention_residual(value, keep(seen, told_mask.any(dim=1)))
        return look.feed_residual(value, look.feed(look.feed_norm(value))), (keys, values)


class CausalDecoder(nn.Module):
    """Codes that are predicted from the codes before them and from a memory, such as the tokens of a picture.

    `codes` is how many there are; code 0 is padding. The memory has the same width. A row without a memory is written
    from its own beginning alone.
    """

    def __init__(self, width: int, codes: int, layers: int = 2, heads: int = 4, dropout: float = 0.1) -> None:
        super().__init__()
        self.table = CodeTable(codes, width)
        self.dropout = Dropout(dropout)
        self.blocks = nn.ModuleList(DecoderBlock(width, heads, dropout) for _ in range(layers))

    def forward(self, codes: Tensor, mask: TokenMask, memory: Tokens) -> Tensor:
        """Codes (n, length) int64 with their mask → logits (n, length, codes) of what follows each; zero if masked."""
        values = keep(self.dropout(self.table.embed(codes)), mask)
        length = codes.shape[1]
        order = torch.ones(length, length, dtype=torch.bool, device=codes.device).tril()
        for block in self.blocks:
            values = block(values, mask, order, memory)
        return keep(self.table.decide(values), mask)

    def write(self, memory: Tokens, start: int, end: int, longest: int, beams: int = 1) -> Tensor:
        """The most probable codes (n, longest) after `start`, up to and with `end`, then padding; no randomness.

        `beams` beginnings are kept at each place; 1 takes the likeliest code each time. See `searched`.
        """
        rows = torch.arange(len(memory.mask), device=memory.mask.device).repeat_interleave(beams)
        told_mask = memory.mask[rows]
        blocks = [block for block in self.blocks if isinstance(block, DecoderBlock)]
        pasts: list[Past | None] = [None] * len(blocks)

        def advance(texts: Tensor, parents: Tensor) -> Tensor:
            values = self.table.embed(texts[:, -1:], first=texts.shape[1] - 1)
            for place, block in enumerate(blocks):
                past = pasts[place]
                if past is not None and beams > 1:
                    past = past[0][parents], past[1][parents]
                values, pasts[place] = block.step(values, past, told[place], told_mask)
            return self.table.decide(values).squeeze(1)

        with at_rest(self):
            known = [block.told(memory) for block in blocks]
            told = [(keys[rows], values[rows]) for keys, values in known]
            beginnings = torch.full((len(rows), 1), start, device=rows.device)
            return searched(advance, beginnings, end, longest, beams, never=(start,))


@contextmanager
def at_rest(net: nn.Module) -> Iterator[None]:
    """Without dropout and gradients for a while."""
    training = net.training
    net.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        net.train(training)


def searched(
    advance: Advance,
    texts: Tensor,
    end: int,
    longest: int,
    beams: int = 1,
    padding: int = 0,
    never: Sequence[int] = (),
) -> Tensor:
    """Codes (n, longest) that follow some beginnings, up to and with `end`, and then padding (beam search).

    `texts` (n · beams, places) holds each beginning `beams` times over. At every place the `beams` continuations with
    the highest sum of log-probabilities are kept (Sutskever et al. 2014, section 3.2), the likeliest one is given. The
    padding and the codes `never` are written in no place. Rows do not depend on each other.
    """
    first, count = texts.shape[1], len(texts) // beams
    banned = sorted({padding, *never} - {end})
    # All paths of a row begin alike, so only one of them may be continued at first.
    scores = torch.where(torch.arange(beams, device=texts.device) == 0, 0.0, -torch.inf).expand(count, -1)
    parents, ended = torch.arange(len(texts), device=texts.device), torch.zeros_like(texts[:, 0], dtype=torch.bool)
    for _ in range(longest):
        logits = advance(texts, parents)
        logits[:, banned] = -torch.inf
        chances = logits.log_softmax(dim=-1)
        # A text that has ended goes on with padding, at no cost.
        going_on = torch.full_like(chances[:1], -torch.inf)
        going_on[:, padding] = 0.0
        chances = torch.where(ended.unsqueeze(1), going_on, chances)
        total = (scores.reshape(-1, 1) + chances).view(count, -1)
        scores, best = total.topk(beams, dim=1)
        row = torch.arange(count, device=texts.device).unsqueeze(1) * beams
        parents = (row + best // chances.shape[1]).flatten()
        codes = (best % chances.shape[1]).flatten()
        texts, ended = torch.cat([texts[parents], codes.unsqueeze(1)], dim=1), ended[parents] | (codes == end)
        if ended.all():
            break
    written = texts.view(count, beams, -1)[:, 0, first:]
    return F.pad(written, (0, longest - written.shape[1]), value=padding)


def _joined(heads: Tensor) -> Tensor:
    """(n, heads, places, width of a head) → (n, places, width)."""
    return heads.transpose(1, 2).flatten(-2)
