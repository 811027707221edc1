"""Nets that read videos: each frame as a picture, and then the frames in their order in time."""

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from polymodal.core import Tokens
from polymodal.core.masking import keep
from polymodal.encoders.transformer import Pool, Transformer

__all__ = ["ClipNet"]


class ClipNet(nn.Module):
    """Clips to one token each, or to one for each frame.

    `net` makes one token of width `width` of each picture (pixels, known), whichever clip it belongs to. With `layers`
    above 0 the frames of a clip then look at each other in a transformer that knows when each was shown, divided
    attention in its plainest form (factorised encoder, Arnab et al. 2021, model 2). Pictures are brought to mean 0 and
    spread 1 of the training pictures first. Positions are seconds; inside, they are counted in `step`, the usual time
    between two frames.
    """

    mean: Tensor
    spread: Tensor

    def __init__(
        self,
        net: nn.Module,
        width: int,
        scale: tuple[Sequence[float], Sequence[float]],
        step: float = 1.0,
        layers: int = 1,
        tokens: Literal["pooled", "frames"] = "pooled",
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.net, self.step = net, step
        heads = next(heads for heads in (4, 2, 1) if width % heads == 0)
        self.time = Transformer(width, layers, heads, dropout=dropout) if layers > 0 else None
        self.pool = Pool(width, "mean") if tokens == "pooled" else None
        for name, values in zip(("mean", "spread"), scale, strict=True):
            self.register_buffer(name, torch.tensor(values).view(-1, 1, 1))

    def forward(self, parts: Mapping[str, Tensor]) -> Tokens:
        """frames (n, frames, channels, height, width), seconds (n, frames), known (n, height, width) → Tokens."""
        there = ~parts["seconds"].isnan()
        seconds = parts["seconds"].to(self.mean.dtype).unsqueeze(-1)
        seen = self.pictures(parts, there)
        mask = there & seen.mask.view(there.shape)
        values = seen.values.view(*there.shape, -1)
        tokens = Tokens(keep(values, mask), mask, keep(seconds / self.step, mask))
        if self.time is not None:
            tokens = self.time(tokens)
        if self.pool is not None:
            return self.pool(tokens)
        return Tokens(tokens.values, mask, keep(seconds, mask))

    def pictures(self, parts: Mapping[str, Tensor], there: Tensor) -> Tokens:
        """One token for each frame (n · frames, 1, width), all clips one after the other.

        Frames that are not there (n, frames) are looked at as blanks: their number changes from step to step, and with
        it the order of sums, and a device would have to be asked for it.
        """
        frames, known = parts["frames"], parts.get("known")
        pixels = (frames.to(self.mean.dtype).clamp(0, 255) - self.mean) / self.spread
        if known is not None:
            known = known.unsqueeze(1).expand(-1, frames.shape[1], -1, -1).flatten(0, 1)
        tokens: Tokens = self.net(keep(pixels, there).flatten(0, 1), known)
        return tokens
