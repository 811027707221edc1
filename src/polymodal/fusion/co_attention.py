"""Modalities think for themselves and look at each other in turn, along the pairs that are listed."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Annotated, cast

import torch
from pydantic import Field
from torch import nn

from polymodal.core import Combine, Representation, Tokens, UsageProblem, did_you_mean
from polymodal.core.masking import keep
from polymodal.encoders.transformer import CrossBlock, TransformerBlock
from polymodal.fusion.base import Blocks, Fusion, averaged, last_matrix, looked, marked

__all__ = ["CoAttention"]

Pair = tuple[str, str]


class CoAttention(Fusion):
    """In each layer every modality reads itself, then its partners (Lu et al. 2019, section 3.1, for any number).

    `pairs` lists who looks at whom, both ways; None is everyone at everyone. Each modality has blocks of its own, or
    all have the same where they are `tied`. One view: the mean over the modalities that are there. Raises UsageProblem
    for a pair that names no modality.
    """

    combine: Combine = "single"

    def __init__(
        self,
        layers: Annotated[int, Field(ge=1, le=64)] = 2,
        pairs: Sequence[Pair] | None = None,
        heads: Annotated[int, Field(ge=1, le=64)] = 4,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
        tied: bool = False,
    ) -> None:
        super().__init__()
        self.layers, self.pairs, self.heads, self.dropout, self.tied = layers, pairs, heads, dropout, tied

    def build(self, names: Sequence[str], width: int) -> None:
        """A mark for each modality, and for each modality and layer a block that reads itself and one that looks."""
        self.names = sorted(names)
        self.partners = _partners(self.names, self.pairs)
        self.marks = nn.Parameter(torch.randn(len(self.names), width) * 0.02)
        looking = [name for name in self.names if self.partners[name]]
        self.thinks = nn.ModuleList(
            Blocks(self.names, lambda: TransformerBlock(width, self.heads, dropout=self.dropout), self.tied)
            for _ in range(self.layers)
        )
        self.looks = nn.ModuleList(
            Blocks(looking, lambda: CrossBlock(width, self.heads, dropout=self.dropout), self.tied)
            for _ in range(self.layers)
        )
        self.norm = nn.LayerNorm(width)

    @property
    def views(self) -> int:
        """One."""
        return 1

    def last_layers(self) -> list[nn.Module]:
        """The last of each modality's last block."""
        last, looks = cast(Blocks, self.thinks[-1]), cast(Blocks, self.looks[-1])
        blocks = [looks.of(name) if self.partners[name] else last.of(name) for name in self.names]
        return [layer for block in dict.fromkeys(blocks) for layer in last_matrix(block)]

    def forward(self, tokens: Mapping[str, Tokens]) -> Representation:
        """Think and look, layer by layer; all look at once."""
        parts = marked(tokens, self.names, self.marks)
        layers = cast(Iterable[tuple[Blocks, Blocks]], zip(self.thinks, self.looks, strict=True))
        for think, look in layers:
            parts = {name: _thought(think.of(name), part) for name, part in parts.items()}
            seeing = {
                name: looked(look.of(name), name, parts, partners)
                for name, partners in self.partners.items()
                if partners and name in parts
            }
            parts = parts | seeing
        return averaged(parts, tokens, self.norm)


def _thought(block: nn.Module, own: Tokens) -> Tokens:
    return Tokens(keep(block(own.values, own.mask), own.mask), own.mask, own.positions)


def _partners(names: Sequence[str], pairs: Sequence[Pair] | None) -> dict[str, list[str]]:
    """For each modality, sorted, those that it looks at."""
    listed = list(combinations(names, 2)) if pairs is None else [tuple(pair) for pair in pairs]
    for pair in listed:
        for name in pair:
            if name not in names:
                raise UsageProblem(
                    "unknown-modality",
                    where="the pairs of the fusion co_attention",
                    expected=f"names among {', '.join(names)}",
                    found=f'"{name}"',
                    remedy=did_you_mean(name, names),
                )
    return {name: sorted({other for pair in listed if name in pair for other in pair} - {name}) for name in names}
