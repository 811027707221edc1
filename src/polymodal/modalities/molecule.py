"""Molecules by their SMILES."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import pandas as pd
import torch
from pydantic import Field
from torch import Generator, Tensor, nn

from polymodal.core.seeding import numpy_generator
from polymodal.data.base import DataTable
from polymodal.data.molecules import ATOM_CODES, BOND_CODES, ELEMENTS, HIDDEN, Fragments, MoleculeColumn
from polymodal.encoders.bag import CountBag
from polymodal.encoders.graph import CodedGraph, GraphNet
from polymodal.encoders.series import PartReader
from polymodal.encoders.vectors import SideBySide
from polymodal.modalities.base import Budget, Content, Modality, Parts

__all__ = ["Molecule"]

PIECES = ("C", "CC", "O", "N", "C(=O)", "c1ccccc1", "C(F)", "S", "C(C)(C)", "[N+](C)(C)", "C#C")
"""What molecules of the example are strung together from."""


class Molecule(Modality):
    """A column of SMILES: graphs of atoms and bonds, read by RDKit.

    `encoder` is "graph" (messages along the bonds), "fingerprint" (counts of circular pieces), "both" (a token of
    each), "auto", or a function of the fitted column and the width that gives a module from the parts (see
    `MoleculeColumn`) to Tokens. `tokens` is "pooled" or, of a graph, "atoms" (one for each). Of a salt or a mixture
    `fragments` keeps "all" or the "largest". A molecule of more than `largest` atoms is refused. `hide` is the share of
    atoms, and of pieces, that a step of training does without. Without `directions` pieces are read one by one, and not
    also by the main directions in which molecules differ, which is better for search: among thousands every piece
    counts. Needs the extra: pip install "polymodal[molecules]".
    """

    reader: MoleculeColumn

    def __init__(
        self,
        column: str,
        encoder: Literal["graph", "fingerprint", "both", "auto"] | Callable[[Any, int], nn.Module] = "auto",
        tokens: Literal["pooled", "atoms"] = "pooled",
        layers: Annotated[int, Field(ge=1, le=64)] = 4,
        fragments: Fragments = "all",
        largest: Annotated[int, Field(ge=1, le=2**14)] = 512,
        hide: Annotated[float, Field(ge=0, lt=1)] = 0.05,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
        directions: bool = True,
    ) -> None:
        self.column, self.encoder, self.tokens, self.layers = column, encoder, tokens, layers
        self.fragments, self.largest, self.hide, self.dropout = fragments, largest, hide, dropout
        self.directions = directions
        if tokens == "atoms" and encoder in ("fingerprint", "both"):
            raise ValueError(f'a fingerprint has no atoms: encoder "{encoder}" goes with tokens "pooled"')
        self.reader = MoleculeColumn(column, fragments, largest)

    def chosen(self) -> tuple[str, str]:
        """Which encoder is built, and why in a sentence."""
        if callable(self.encoder):
            return "custom", "a function builds it"
        if self.encoder != "auto":
            return self.encoder, "the spec asks for it"
        learned = self.reader.learned
        seen = f"{learned.distinct:,} molecules, {learned.middle:,} atoms in the middle one"
        if self.tokens == "atoms":
            return "graph", f"each atom beside those it is bound to: {seen}"
        return "both", f"counts of pieces tell molecules apart at once, messages along bonds find the rest: {seen}"

    def build_encoder(self, width: int) -> nn.Module:
        """A net for molecules."""
        if callable(self.encoder):
            return self.encoder(self.reader, width)
        kind = self.chosen()[0]
        nets: list[nn.Module] = []
        if kind in ("graph", "both"):
            net = GraphNet(width, self.layers, self.dropout, "pooled" if self.tokens == "pooled" else "nodes")
            nets.append(CodedGraph(("atoms", "bonds"), ATOM_CODES, BOND_CODES, width, net))
        if kind in ("fingerprint", "both"):
            bag = CountBag.of(self.reader.pieces, self.reader.learned.rows, width, self.directions)
            nets.append(PartReader("counts", bag))
        return nets[0] if len(nets) == 1 else SideBySide(nets)

    def perturb(self, parts: Parts, generator: Generator) -> Parts:
        """Hide a share of the atoms, and of the pieces that are counted."""
        return self.corrupt(parts, self.hide, generator)[0] if self.hide else parts

    def corrupt(self, parts: Parts, rate: float, generator: Generator) -> tuple[Parts, Tensor]:
        """Hide all that is told of some atoms, and as large a share of the counts; (n, atoms) True where that was done.

        Which pieces an atom belongs to is not kept, so that some of what is left tells of atoms that are hidden.
        """
        atoms = parts["atoms"]
        drawn = torch.rand(atoms.shape[:2], generator=generator).to(atoms.device) < rate
        hidden = drawn & (atoms[..., 0] != 0)
        unknown = torch.zeros(atoms.shape[-1], dtype=atoms.dtype, device=atoms.device)
        unknown[0] = HIDDEN
        counts = parts["counts"]
        gone = torch.rand(counts.shape, generator=generator).to(counts.device) < rate
        return {
            **parts,
            "atoms": torch.where(hidden.unsqueeze(-1), unknown, atoms),
            "counts": counts.masked_fill(gone, 0),
        }, hidden

    def content(self, parts: Parts) -> Content:
        """Which element each atom is."""
        element = parts["atoms"][..., 0]
        told = torch.where((element != 0) & (element != HIDDEN), element, -1)
        return Content(torch.zeros(len(element), 0, 1, device=element.device), told)

    def content_size(self) -> tuple[int, int]:
        """No numbers; the elements."""
        return 0, ELEMENTS

    def budget(self) -> dict[str, Budget]:
        """Nothing: an atom cannot be moved by a small amount."""
        return {}

    def example(self, rows: int, seed: int) -> DataTable:
        """Chains of two to seven pieces; about one row in six has none."""
        draw = numpy_generator(seed, "molecule example")
        cells: list[str | None] = ["".join(draw.choice(PIECES, int(draw.integers(2, 8)))) for _ in range(rows)]
        for row in range(1, rows):
            if draw.random() < 1 / 6 or row == rows // 2:
                cells[row] = None
        return DataTable(pd.DataFrame({self.column: pd.Series(cells, dtype="str")}), source="molecule example")
