"""Precomputed vectors: what a net of your own, or one that others trained, has made of something."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
import torch
from pydantic import Field, PositiveFloat
from torch import Generator, Tensor, nn

from polymodal.core.seeding import numpy_generator
from polymodal.data.base import DataTable
from polymodal.data.files import Limits
from polymodal.data.series import FARTHEST
from polymodal.data.vectors import VectorColumn
from polymodal.encoders.series import PartReader
from polymodal.encoders.vectors import VectorNet
from polymodal.modalities.base import Budget, Content, Modality, Parts

__all__ = ["Embedding"]

EXAMPLE = 6
"""Numbers of a vector of the example."""


class Embedding(Modality):
    """Vectors of one length that were computed elsewhere.

    `columns` is one column whose cells hold vectors (arrays, lists, text such as "0.5 1 2") or, with `files`, names of
    files that do (.npy or text); or names and patterns of columns of single numbers (`emb_*`). `encoder` is "dense" (a
    linear map and `layers` residual blocks) or a function of the fitted column and the width that gives a module from
    the part "vector" (n, length) to Tokens. `hide` is the share of the numbers that a step of training does without.
    """

    reader: VectorColumn

    def __init__(
        self,
        columns: Annotated[Sequence[str], Field(min_length=1)],
        files: bool = False,
        encoder: Literal["dense"] | Callable[[Any, int], nn.Module] = "dense",
        layers: Annotated[int, Field(ge=0, le=64)] = 0,
        hide: Annotated[float, Field(ge=0, lt=1)] = 0.5,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
        max_megabytes: PositiveFloat = 64.0,
    ) -> None:
        self.columns, self.files, self.encoder, self.layers = list(columns), files, encoder, layers
        self.hide, self.dropout, self.max_megabytes = hide, dropout, max_megabytes
        self.reader = VectorColumn(columns, files, Limits(bytes=int(max_megabytes * 2**20)))

    def chosen(self) -> tuple[str, str]:
        """Which encoder is built, and why in a sentence."""
        if callable(self.encoder):
            return "custom", "a function builds it"
        length, rows = self.reader.learned.channels, self.reader.learned.training_rows
        return "dense", f"vectors of {length:,} numbers, {rows:,} training rows: a linear map, {self.layers} blocks"

    def build_encoder(self, width: int) -> nn.Module:
        """A net for vectors as long as those of the training rows."""
        if callable(self.encoder):
            return self.encoder(self.reader, width)
        net = VectorNet(self.reader.learned.channels, width, self.layers, self.hide, self.dropout)
        return PartReader("vector", net)

    def perturb(self, parts: Parts, generator: Generator) -> Parts:
        """Nothing: nobody knows which change of such a vector leaves its meaning alone. `hide` is in the encoder."""
        return parts

    def corrupt(self, parts: Parts, rate: float, generator: Generator) -> tuple[Parts, Tensor]:
        """Turn numbers unknown; (n, length) True where that was done to one that was known."""
        vector = parts["vector"]
        drawn = (torch.rand(vector.shape, generator=generator) < rate).to(vector.device)
        return {"vector": vector.masked_fill(drawn, torch.nan)}, drawn & ~vector.isnan()

    def content(self, parts: Parts) -> Content:
        """One place for each number."""
        vector = parts["vector"]
        return Content(vector.unsqueeze(-1), torch.zeros(len(vector), 0, dtype=torch.long, device=vector.device))

    def content_size(self) -> tuple[int, int]:
        """One number at a place; no classes."""
        return 1, 0

    def budget(self) -> dict[str, Budget]:
        """Each number may move by a tenth of a standard deviation of the training rows."""
        return {"vector": Budget("linf", 0.1, -FARTHEST, FARTHEST)}

    def example(self, rows: int, seed: int) -> DataTable:
        """Vectors around three middles in a lone column, numbers in each of several; about one row in six is absent."""
        draw = numpy_generator(seed, "embedding example")
        names = [name.replace("*", "1") for name in self.columns]
        middles = draw.normal(0, 2, (3, EXAMPLE))
        vectors = (middles[draw.integers(0, 3, rows)] + draw.normal(0, 1, (rows, EXAMPLE))).round(3)
        empty = draw.random(rows) < 1 / 6
        empty[:1], empty[rows // 2 : rows // 2 + 1] = False, rows > 2
        if len(names) > 1:
            cells = np.resize(vectors, (rows, len(names)))
            return DataTable(pd.DataFrame(np.where(empty[:, None], np.nan, cells), columns=names))
        held = [None if gone else vector for gone, vector in zip(empty, vectors, strict=True)]
        return DataTable(pd.DataFrame({names[0]: pd.Series(held, dtype=object)}))
