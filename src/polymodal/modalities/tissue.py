"""Sections of tissue: spots with counts of genes, where they lie, and the picture about each."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from scipy import sparse
from torch import Generator, Tensor, nn

from polymodal.core import UsageProblem
from polymodal.core.seeding import numpy_generator
from polymodal.data.base import DataTable
from polymodal.data.expression import WILDEST
from polymodal.data.sections import Resolution, Room, Section, Wanted, write_section
from polymodal.data.tissues import COLOURS, Look, TissueColumn
from polymodal.encoders.spots import SpotNet
from polymodal.modalities.base import Budget, Content, Modality, Parts

__all__ = ["Tissue"]

EXAMPLE_GENES, EXAMPLE_SECTIONS = 12, 6


class Tissue(Modality):
    """A column of sections of tissue in AnnData files (.h5ad, .h5mu), by file name or as their bytes.

    A section is one value; its spots are its tokens. Counts in X, or in `layer`, become log(1 + counts at the depth of
    the middle spot), unless `values` are "logged"; of the genes that all training sections measured, the `genes` that
    vary most are kept, and told by as many main `directions` as asked for (None: by themselves). A spot hears its
    nearest `neighbours` in `layers` rounds; 0 layers are blind to space. With a `picture`, "lowres" or "hires", the
    tissue about each spot is seen, too: `patch` pixels a side, which show `around` spacings. `joined` is "early", where
    picture and genes of a spot are one before it hears its neighbours, or "intermediate", where each has rounds of its
    own; with `genes` "none" the picture is read alone, and a section without one is refused. Of an .h5mu file `assay`
    names the modality. `encoder` is "spots" (what "auto" takes), or a function of the fitted column and the width that
    gives a module from the parts (see `TissueColumn`) to Tokens. `tokens` is "spots" (one for each, where labels are
    given for each) or "pooled". In training, `hide` is the share of spots whose genes a step does without, and `turn`
    lays sections in one of eight ways. A section of more than `largest` spots, and a file over `max_megabytes`, is
    refused; `cache_megabytes` of finished sections stay in memory. Needs the extra: pip install "polymodal[tissue]".
    """

    reader: TissueColumn

    def __init__(
        self,
        column: str,
        values: Literal["counts", "logged"] = "counts",
        genes: PositiveInt | Literal["all", "none"] = 2000,
        directions: Annotated[int, Field(ge=1, le=512)] | None = 50,
        neighbours: Annotated[int, Field(ge=1, le=64)] = 6,
        picture: Resolution | None = None,
        patch: Annotated[int, Field(ge=4, le=128)] = 8,
        around: PositiveFloat = 2.0,
        joined: Literal["early", "intermediate"] = "early",
        layer: str | None = None,
        assay: str | None = None,
        encoder: Literal["spots", "auto"] | Callable[[Any, int], nn.Module] = "auto",
        tokens: Literal["spots", "pooled"] = "spots",
        layers: Annotated[int, Field(ge=0, le=64)] = 2,
        hide: Annotated[float, Field(ge=0, lt=1)] = 0.05,
        turn: bool = True,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
        largest: Annotated[int, Field(ge=1, le=2**20)] = 20_000,
        max_megabytes: PositiveFloat = 256.0,
        cache_megabytes: NonNegativeFloat = 512.0,
    ) -> None:
        self.column, self.values, self.genes, self.directions = column, values, genes, directions
        self.neighbours, self.picture, self.patch, self.around = neighbours, picture, patch, around
        self.joined = joined
        self.layer, self.assay, self.encoder, self.tokens, self.layers = layer, assay, encoder, tokens, layers
        self.hide, self.turn, self.dropout = hide, turn, dropout
        self.largest, self.max_megabytes, self.cache_megabytes = largest, max_megabytes, cache_megabytes
        if genes == "none" and picture is None:
            raise _nothing_read(column)
        kept = {"all": None, "none": 0}[genes] if isinstance(genes, str) else genes
        look = Look(values, kept, directions, neighbours, patch, around, Wanted(assay, layer, picture))
        room = Room(bytes=int(max_megabytes * 2**20), spots=largest)
        self.reader = TissueColumn(column, look, room, int(cache_megabytes * 2**20))

    def chosen(self) -> tuple[str, str]:
        """Which encoder is built, and why in a sentence."""
        if callable(self.encoder):
            return "custom", "a function builds it"
        if self.encoder != "auto":
            return self.encoder, "the spec asks for it"
        reader = self.reader
        if self.genes == "none":
            return "spots", f"{reader.sections:,} training sections, {reader.middle:,} spots in the middle one, as seen"
        told = f"{len(reader.learned.names):,} genes, told in {reader.learned.size:,} numbers"
        return "spots", f"{reader.sections:,} training sections, {reader.middle:,} spots in the middle one; {told}"

    def build_encoder(self, width: int) -> nn.Module:
        """A net for spots."""
        if callable(self.encoder):
            return self.encoder(self.reader, width)
        size = 0 if self.genes == "none" else self.content_size()[0]
        return SpotNet(size, width, self.layers, self.dropout, self.picture is not None, self.tokens, self.joined)

    def perturb(self, parts: Parts, generator: Generator) -> Parts:
        """Hide the genes of a share of the spots, and lay each section in one of eight ways, its patches with it."""
        if self.hide:
            parts = self.corrupt(parts, self.hide, generator)[0]
        return _turned(parts, generator) if self.turn else parts

    def corrupt(self, parts: Parts, rate: float, generator: Generator) -> tuple[Parts, Tensor]:
        """Turn all genes of some spots unknown; (n, spots) True where that was done. Places and picture stay.

        Where the picture is read alone, it is hidden about these spots.
        """
        genes = parts["genes"]
        drawn = torch.rand(genes.shape[:2], generator=generator).to(genes.device) < rate
        if self.genes == "none":
            hidden = drawn & parts["seen"]
            return {**parts, "seen": parts["seen"] & ~hidden}, hidden
        hidden = drawn & ~genes.isnan().all(dim=-1)
        return {**parts, "genes": genes.masked_fill(hidden.unsqueeze(-1), torch.nan)}, hidden

    def content(self, parts: Parts) -> Content:
        """What each spot expresses; where the picture is read alone, its mean colour from -1 to 1."""
        genes = parts["genes"]
        nothing = torch.zeros(len(genes), 0, dtype=torch.long, device=genes.device)
        if self.genes == "none":
            colours = parts["patches"].to(genes.dtype).mean(dim=(-2, -1)) / 127.5 - 1.0
            return Content(colours.masked_fill(~parts["seen"].unsqueeze(-1), torch.nan), nothing)
        return Content(genes, nothing)

    def content_size(self) -> tuple[int, int]:
        """The numbers that are told of a spot; no classes."""
        return COLOURS if self.genes == "none" else max(1, self.reader.learned.size), 0

    def budget(self) -> dict[str, Budget]:
        """Each number of a spot may move by a tenth of the mean spread; a picture that is read alone, by 8 of 255."""
        if self.genes == "none":
            return {"patches": Budget("linf", 8.0, 0.0, 255.0)}
        return {"genes": Budget("linf", 0.1, -WILDEST, WILDEST)}

    def example(self, rows: int, seed: int) -> DataTable:
        """Up to six small sections of two layers with genes of their own, as bytes of files; one in six is absent."""
        draw = numpy_generator(seed, "tissue example")
        made = [write_section(_example(draw, self.picture)) for _ in range(min(rows, EXAMPLE_SECTIONS))]
        cells: list[bytes | None] = [made[row % len(made)] for row in range(rows)]
        empty = draw.random(rows) < 1 / 6
        if rows > 2:
            empty[0], empty[rows // 2] = False, True
        shown = [None if gone else cell for cell, gone in zip(cells, empty, strict=True)]
        return DataTable(pd.DataFrame({self.column: pd.Series(shown, dtype=object)}), source="tissue example")


def _nothing_read(column: str) -> UsageProblem:
    return UsageProblem(
        "no-picture-to-read",
        where=f'the sections of column "{column}"',
        expected='picture: lowres or hires, where no genes are read (genes: "none")',
        found="none, so that nothing would be known of a spot",
        remedy="name the picture, or read genes",
    )


def _turned(parts: Parts, generator: Generator) -> Parts:
    """Each section mirrored along either axis, and its axes exchanged, or not."""
    places = parts["places"]
    drawn = torch.rand(len(places), 3, generator=generator) < 0.5
    changed = {name: parts[name].clone() for name in ("places", "patches") if name in parts}
    for number, (down, across, exchanged) in enumerate(drawn.tolist()):
        moved = changed["places"][number] * places.new_tensor([-1.0 if down else 1.0, -1.0 if across else 1.0])
        changed["places"][number] = moved.flip(-1) if exchanged else moved
        if "patches" in changed:
            axes = [axis for axis, mirrored in ((-2, down), (-1, across)) if mirrored]
            shown = changed["patches"][number].flip(axes)
            changed["patches"][number] = shown.transpose(-2, -1) if exchanged else shown
    return {**parts, **changed}


def _example(draw: np.random.Generator, picture: Resolution | None) -> Section:
    """A grid of 9 to 25 spots: half of the genes are frequent in its upper part, the others in its lower part."""
    height, width = draw.integers(3, 6, size=2)
    places = np.stack(np.meshgrid(np.arange(height), np.arange(width), indexing="ij"), axis=-1).reshape(-1, 2)
    upper = places[:, :1] < height / 2
    level = np.where(upper == (np.arange(EXAMPLE_GENES) < EXAMPLE_GENES // 2), 6.0, 1.0)
    names = np.array([f"G{place}" for place in range(EXAMPLE_GENES)], dtype=object)
    shuffled = draw.permutation(EXAMPLE_GENES)
    counts = sparse.csr_matrix(draw.poisson(level).astype(np.float32)[:, shuffled])
    barcodes = np.array([f"S{place}" for place in range(len(places))], dtype=object)
    shown = draw.integers(0, 256, (10 * height, 10 * width, 3), dtype=np.uint8) if picture is not None else None
    return Section(barcodes, names[shuffled], counts, 10.0 * places + 5, picture=shown, resolution=picture or "lowres")
