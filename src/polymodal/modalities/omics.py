"""Genes: how much of each is read off, or copied, or changed; thousands of columns for each row."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
import torch
from pydantic import Field, PositiveInt
from torch import Generator, Tensor, nn

from polymodal.core.seeding import numpy_generator
from polymodal.data.base import DataTable
from polymodal.data.genes import GeneColumn, Measure
from polymodal.data.series import FARTHEST
from polymodal.encoders.gene_sets import GeneSetNet
from polymodal.encoders.series import PartReader
from polymodal.encoders.vectors import VectorNet
from polymodal.modalities.base import Budget, Content, Modality, Parts

__all__ = ["Omics"]

EXAMPLE = 6
"""Genes of the example, where one column holds all of them or a pattern stands for them."""


class Omics(Modality):
    """Measures of many genes, of which some may be missing in a row.

    `columns` are names and patterns of columns ("rna_*"), each of a gene, or one column whose cells hold vectors.
    `values` says what they are: "counts" (normalised to ten thousand in each row, then log(1 + x)), "logged" measures,
    or "scaled" ones such as z-scores. `genes` is how many are kept, those that vary most in the training rows, or
    "all". `encoder` is "mlp" (a linear map of all genes and `layers` residual blocks), "sets", or a function of the
    fitted column and the width that gives a module from the part "genes" (n, genes) to Tokens. `sets` names a GMT file
    of gene sets below the data folder; with it the encoder is "sets": genes are read set by set, and `tokens` says
    whether each set is a token or all of them are one ("pooled"). `hide` is the share of the genes that a step of
    training does without: rows are few and genes are many.
    """

    reader: GeneColumn

    def __init__(
        self,
        columns: Annotated[Sequence[str], Field(min_length=1)],
        values: Measure = "logged",
        genes: PositiveInt | Literal["all"] = 2000,
        sets: str | None = None,
        tokens: Literal["sets", "pooled"] = "pooled",
        encoder: Literal["auto"] | Callable[[Any, int], nn.Module] = "auto",
        layers: Annotated[int, Field(ge=0, le=64)] = 1,
        hide: Annotated[float, Field(ge=0, lt=1)] = 0.5,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.3,
    ) -> None:
        self.columns, self.values, self.genes, self.sets, self.tokens = list(columns), values, genes, sets, tokens
        self.encoder, self.layers, self.hide, self.dropout = encoder, layers, hide, dropout
        self.reader = GeneColumn(columns, values, None if isinstance(genes, str) else genes, sets)

    def chosen(self) -> tuple[str, str]:
        """Which encoder is built, and why in a sentence."""
        if callable(self.encoder):
            return "custom", "a function builds it"
        learned = self.reader.learned
        told = f"{len(learned.names):,} of {learned.length:,} genes, {learned.training_rows:,} training rows"
        if self.sets is None:
            return "mlp", f"{told}: a linear map of all genes, of which a step of training sees {1 - self.hide:.0%}"
        read = len({place for places in self.reader.members.values() for place in places})
        return "sets", f"{told}: {len(self.reader.members):,} sets, which hold {read:,} of these genes"

    def build_encoder(self, width: int) -> nn.Module:
        """A net for the genes that are kept."""
        if callable(self.encoder):
            return self.encoder(self.reader, width)
        many, members = len(self.reader.learned.names), list(self.reader.members.values())
        if self.sets is None:
            return PartReader("genes", VectorNet(many, width, self.layers, self.hide, self.dropout))
        return PartReader("genes", GeneSetNet(many, members, width, self.tokens == "pooled", self.hide, self.dropout))

    def perturb(self, parts: Parts, generator: Generator) -> Parts:
        """Nothing: no change of a gene surely leaves the meaning alone. `hide` is in the encoder."""
        return parts

    def corrupt(self, parts: Parts, rate: float, generator: Generator) -> tuple[Parts, Tensor]:
        """Turn genes unknown; (n, genes) True where that was done to one that was known."""
        genes = parts["genes"]
        drawn = (torch.rand(genes.shape, generator=generator) < rate).to(genes.device)
        return {"genes": genes.masked_fill(drawn, torch.nan)}, drawn & ~genes.isnan()

    def content(self, parts: Parts) -> Content:
        """One place for each gene."""
        genes = parts["genes"]
        return Content(genes.unsqueeze(-1), torch.zeros(len(genes), 0, dtype=torch.long, device=genes.device))

    def content_size(self) -> tuple[int, int]:
        """One number at a place; no classes."""
        return 1, 0

    def budget(self) -> dict[str, Budget]:
        """Each gene may move by a tenth of a standard deviation of the training rows."""
        return {"genes": Budget("linf", 0.1, -FARTHEST, FARTHEST)}

    def example(self, rows: int, seed: int) -> DataTable:
        """Genes that rise together in half of the rows; about one row in six is absent, and some single genes are."""
        draw = numpy_generator(seed, "omics example")
        stars = [
            [name.replace("*", f"G{place}") for place in range(EXAMPLE if "*" in name else 1)] for name in self.columns
        ]
        names = [name for group in stars for name in group]
        several = len(names) > 1
        level = draw.normal(0, 1, (rows, len(names) if several else EXAMPLE)) + (draw.random(rows) < 0.5)[:, None]
        measured = draw.poisson(np.exp(level + 2)).astype(float) if self.values == "counts" else level.round(3)
        empty = draw.random(rows) < 1 / 6
        empty[:1], empty[rows // 2 : rows // 2 + 1] = False, rows > 2
        measured[draw.random(measured.shape) < 0.05] = np.nan
        if several:
            return DataTable(pd.DataFrame(np.where(empty[:, None], np.nan, measured), columns=names))
        held = [None if gone else vector for gone, vector in zip(empty, measured, strict=True)]
        return DataTable(pd.DataFrame({names[0]: pd.Series(held, dtype=object)}))
