"""Proteins by their amino-acid sequence."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
import torch
from pydantic import Field
from torch import Generator, Tensor, nn

from polymodal.core.seeding import numpy_generator
from polymodal.data.base import DataTable
from polymodal.data.residues import CODES, FIRST, HIDDEN, RESIDUES, UNKNOWN, ResidueColumn
from polymodal.encoders.bag import CountBag
from polymodal.encoders.residues import ConvolutionBody, MarkedSeries, PieceNet
from polymodal.encoders.sequences import SequenceNet
from polymodal.encoders.series import PartReader, SeriesConvolution
from polymodal.encoders.transformer import Transformer
from polymodal.encoders.vectors import SideBySide
from polymodal.modalities.base import Budget, Content, Modality, Parts

__all__ = ["Protein"]

STRIDE = 4
"""Residues that a convolution for one token takes at a time: about a turn of a helix."""


class Protein(Modality):
    """A column of amino-acid sequences in one-letter signs, unknown residues (X) among them.

    `encoder` is "pieces" (how often up to three neighbours stand side by side), "convolution", "both" (a token of
    each), "transformer", "auto", or a function of the fitted column and the width that gives a module from the part
    "codes" (n, residues) to Tokens. `tokens` is "pooled" or "residues" (one for each, where labels are given for each;
    not for pieces). Of a
    sequence the first `longest` residues are read. `hide` is the share of residues that a step of training does
    without.
    """

    reader: ResidueColumn

    def __init__(
        self,
        column: str,
        encoder: Literal["pieces", "convolution", "both", "transformer", "auto"]
        | Callable[[Any, int], nn.Module] = "auto",
        tokens: Literal["pooled", "residues"] = "pooled",
        layers: Annotated[int, Field(ge=1, le=64)] = 3,
        longest: Annotated[int, Field(ge=8, le=2**16)] = 2048,
        hide: Annotated[float, Field(ge=0, lt=1)] = 0.05,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
    ) -> None:
        self.column, self.encoder, self.tokens, self.layers = column, encoder, tokens, layers
        self.longest, self.hide, self.dropout = longest, hide, dropout
        if tokens == "residues" and encoder in ("pieces", "both"):
            raise ValueError(f'a count of pieces has no residues: encoder "{encoder}" goes with tokens "pooled"')
        self.reader = ResidueColumn(column, longest)

    def chosen(self) -> tuple[str, str]:
        """Which encoder is built, and why in a sentence."""
        if callable(self.encoder):
            return "custom", "a function builds it"
        if self.encoder != "auto":
            return self.encoder, "the spec asks for it"
        seen = f"{self.reader.learned.rows:,} rows, {self.reader.learned.middle:,} residues in the middle"
        if self.tokens == "residues":
            return "convolution", f"each residue beside its neighbours: {seen}"
        return "both", f"counts of pieces tell proteins apart at once, a convolution finds longer motifs: {seen}"

    def build_encoder(self, width: int) -> nn.Module:
        """A net for sequences like those of the training rows."""
        if callable(self.encoder):
            return self.encoder(self.reader, width)
        kind, nets = self.chosen()[0], []
        if kind in ("pieces", "both"):
            bag = CountBag.of(self.reader.pieces, self.reader.learned.rows, width)
            nets.append(PartReader("codes", PieceNet(bag)))
        if kind != "pieces":
            nets.append(PartReader("codes", self._net(width, "convolution" if kind == "both" else kind)))
        return nets[0] if len(nets) == 1 else SideBySide(nets)

    def _net(self, width: int, kind: str) -> nn.Module:
        single = self.tokens == "pooled"
        if kind == "transformer":
            heads = next(heads for heads in (4, 2, 1) if width % heads == 0)
            body: nn.Module = Transformer(width, self.layers, heads, dropout=self.dropout)
            return SequenceNet(CODES, width, body, "mean" if single else None, min(512, self.longest), self.dropout)
        if single:
            middle = self.reader.learned.middle
            series = SeriesConvolution(CODES - 1, width, middle, dropout=self.dropout, stride=STRIDE)
            return MarkedSeries(CODES, series)
        body = ConvolutionBody(width, self.layers, dropout=self.dropout)
        return SequenceNet(CODES, width, body, None, self.longest, self.dropout)

    def perturb(self, parts: Parts, generator: Generator) -> Parts:
        """Turn a share of the residues unknown."""
        if self.hide == 0.0:
            return parts
        codes = parts["codes"]
        drawn = torch.rand(codes.shape, generator=generator).to(codes.device) < self.hide
        return {"codes": torch.where(drawn & (codes >= FIRST), UNKNOWN, codes)}

    def corrupt(self, parts: Parts, rate: float, generator: Generator) -> tuple[Parts, Tensor]:
        """Hide residues; (n, residues) True where one that was known is hidden."""
        codes = parts["codes"]
        hidden = (torch.rand(codes.shape, generator=generator).to(codes.device) < rate) & (codes >= FIRST)
        return {"codes": torch.where(hidden, HIDDEN, codes)}, hidden

    def content(self, parts: Parts) -> Content:
        """Which amino acid stands at each place."""
        codes = parts["codes"]
        told = torch.where(codes >= FIRST, codes, -1)
        return Content(torch.zeros(len(codes), 0, 1, device=codes.device), told)

    def content_size(self) -> tuple[int, int]:
        """No numbers; the codes."""
        return 0, CODES

    def budget(self) -> dict[str, Budget]:
        """Nothing: a residue cannot be moved by a small amount."""
        return {}

    def example(self, rows: int, seed: int) -> DataTable:
        """Sequences of 12 to 40 residues, some with X; about one row in six has none."""
        draw = numpy_generator(seed, "protein example")
        signs = np.array(list(RESIDUES + "X"))
        cells: list[str | None] = ["".join(draw.choice(signs, int(draw.integers(12, 41)))) for _ in range(rows)]
        for row in range(1, rows):
            if draw.random() < 1 / 6 or row == rows // 2:
                cells[row] = None
        return DataTable(pd.DataFrame({self.column: pd.Series(cells, dtype="str")}), source="protein example")
