"""All tokens of all modalities look at each other from the start."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import nn

from polymodal.core import Combine, Representation, Tokens
from polymodal.core.masking import keep
from polymodal.encoders.positions import sine_cosine
from polymodal.encoders.transformer import Pool, Transformer
from polymodal.fusion.base import Fusion

__all__ = ["Early"]

ON_A_PLANE = 2.0
"""Weight of positions on a plane. What encoders of sequences give tells of order already; where a cell of a picture is,
only its position tells, and at weight 1 a question for it is answered by chance for long."""


class Early(Fusion):
    """Join the tokens of what is there into one sequence, each marked with its modality, and let a transformer read it.

    One view: the mean of the fused tokens, a class token that looks at all of them, or a learned weighting, by `pool`.
    The cost grows with the square of the number of tokens. With a `share` below 1, every second layer works on that
    share of them alone, those that it scores highest (mixture of depths, Raposo et al. 2024), in as much less time.
    """

    combine: Combine = "single"

    def __init__(
        self,
        layers: Annotated[int, Field(ge=1, le=64)] = 2,
        heads: Annotated[int, Field(ge=1, le=64)] = 4,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
        pool: Literal["mean", "class", "attention"] = "mean",
        share: Annotated[float, Field(gt=0, le=1)] = 1.0,
    ) -> None:
        super().__init__()
        self.layers, self.heads, self.dropout, self.pool, self.share = layers, heads, dropout, pool, share

    def build(self, names: Sequence[str], width: int) -> None:
        """A mark for each modality, one transformer, and what makes one token of its own."""
        self.names, self.width = sorted(names), width
        self.marks = nn.Parameter(torch.randn(len(self.names), width) * 0.02)
        self.transformer = Transformer(
            width, self.layers, self.heads, dropout=self.dropout, place=False, share=self.share
        )
        self.pooling = Pool(width, self.pool)

    @property
    def views(self) -> int:
        """One."""
        return 1

    def forward(self, tokens: Mapping[str, Tokens]) -> Representation:
        """Concatenate, read, and hand each modality its own tokens back."""
        given = [name for name in self.names if name in tokens]
        marked = [mark_tokens(tokens[name], self.marks[self.names.index(name)]) for name in given]
        joined = Tokens(torch.cat([part.values for part in marked], 1), torch.cat([part.mask for part in marked], 1))
        fused = self.transformer(self.pooling.open(joined))
        lengths = [part.values.shape[1] for part in marked]
        values, masks = fused.values[:, -sum(lengths) :].split(lengths, 1), joined.mask.split(lengths, 1)
        parts = {name: Tokens(values[k], masks[k], tokens[name].positions) for k, name in enumerate(given)}
        pooled = self.pooling(fused)
        return Representation(pooled.values, pooled.mask, "single", parts, tokens)


def mark_tokens(tokens: Tokens, mark: torch.Tensor) -> Tokens:
    """Tokens of one length that carry the mark of their modality (width,) and, as sines and cosines, their positions.

    Without a common length a modality whose encoder speaks loudly would drown the positions and the other modalities.
    """
    values = F.layer_norm(keep(tokens.values, tokens.mask), mark.shape) + mark
    if tokens.positions is not None:
        weight = 1.0 if tokens.positions.shape[-1] == 1 else ON_A_PLANE
        values = values + weight * sine_cosine(tokens.positions.to(values.dtype), values.shape[-1])
    return Tokens(keep(values, tokens.mask), tokens.mask, tokens.positions)
