"""Write a text about what a row holds: a caption, a description, a name."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from pydantic import Field, NonNegativeFloat, PositiveInt
from torch import Tensor

from polymodal.core import Combine, DataError, Refusal, Representation, Tokens, Values
from polymodal.core.masking import masked_mean
from polymodal.data.base import Column, DataTable, Rows
from polymodal.data.bytepair import END, PADDING, START, BytePair
from polymodal.data.kinds import parse_labels
from polymodal.data.plain import Plain
from polymodal.encoders.decoder import CausalDecoder
from polymodal.tasks.base import Decoded, Task, TaughtHead
from polymodal.tasks.metrics import texts
from polymodal.tasks.targets import TargetCells, collate_targets

__all__ = ["Caption", "WrittenColumn"]


class Caption(Task):
    """Write the text of the column `target`, piece by piece, from the tokens of the other modalities.

    A small causal decoder looks at the fused tokens by cross-attention (Vaswani et al. 2017, section 3.1). Name in
    `hides` every modality that reads the text itself, or the answer is given away. `vocabulary` is the number of word
    pieces, learned from the training texts; a text is written up to the length of the longest of these. `beams` are
    the beginnings that are kept while writing. Answers of several models cannot be brought together: of an ensemble,
    the first one writes.
    """

    reader: "WrittenColumn"
    answers = "texts"
    headline = "chrf"
    ensembles = False

    def __init__(
        self,
        target: str,
        hides: Sequence[str] = (),
        vocabulary: Annotated[int, Field(ge=261, le=2**16)] = 1024,
        layers: PositiveInt = 2,
        beams: Annotated[int, Field(ge=1, le=64)] = 1,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
        weight: NonNegativeFloat = 1.0,
    ) -> None:
        self.target, self.hides, self.vocabulary, self.layers = target, list(hides), vocabulary, layers
        self.beams, self.dropout, self.weight = beams, dropout, weight
        self.reader = WrittenColumn(target, vocabulary)

    def head(self, views: int, width: int, combine: Combine) -> "CaptionHead":
        """A decoder for the codes of the column."""
        heads = next(heads for heads in (4, 2, 1) if width % heads == 0)
        decoder = CausalDecoder(width, len(self.reader.tokeniser), self.layers, heads, self.dropout)
        return CaptionHead(decoder, self.reader.longest, self.beams)

    def joined(self, outputs: Sequence[Tensor]) -> Tensor:
        """What the first model writes."""
        return outputs[0]

    def decode(self, outputs: Tensor) -> Decoded:
        """(n,) texts of codes (n, places)."""
        return Decoded(self.truth(outputs))

    def truth(self, target: Tensor) -> np.ndarray:
        """(n,) texts of codes (n, places), up to the first end."""
        made = np.empty(len(target), dtype=object)
        for row, codes in enumerate(target.long().cpu().tolist()):
            made[row] = self.reader.tokeniser.decode(codes[: codes.index(END)] if END in codes else codes)
        return made

    def metrics(self, decoded: Decoded, truth: np.ndarray) -> dict[str, float]:
        """exact_match and chrf, both from 0 to 1."""
        return texts(list(truth), list(decoded.prediction))


class CaptionHead(TaughtHead):
    """A decoder that reads the fused tokens of a row."""

    def __init__(self, decoder: CausalDecoder, longest: int, beams: int) -> None:
        super().__init__()
        self.decoder, self.longest, self.beams = decoder, longest, beams

    def forward(self, representation: Representation) -> Tensor:
        """(batch, places) the codes that are written, with an end and padding behind it."""
        return self.decoder.write(memory_of(representation), START, END, self.longest, self.beams)

    def teach(self, representation: Representation, target: Values) -> Tensor:
        """(labelled,) the mean cross-entropy of each text's codes, each told from the true ones before it."""
        rows = target.present
        memory = memory_of(representation)
        memory = Tokens(memory.values[rows], memory.mask[rows])
        codes = target.data["target"][target.index[rows]]
        if not len(codes):
            return memory.values.new_zeros(0)
        codes = codes[:, : int((codes != PADDING).sum(dim=1).max())]
        mask = codes != PADDING
        before = F.pad(codes[:, :-1], (1, 0), value=START)
        logits = self.decoder(before, mask, memory)
        losses = F.cross_entropy(logits.flatten(0, 1), codes.flatten(), reduction="none").view_as(codes)
        return masked_mean(losses, mask)


def memory_of(representation: Representation) -> Tokens:
    """The fused tokens of all modalities of a row, one after the other."""
    parts = [representation.tokens[name] for name in sorted(representation.tokens)]
    return Tokens(torch.cat([part.values for part in parts], dim=1), torch.cat([part.mask for part in parts], dim=1))


def _texts(series: pd.Series, missing: Sequence[str]) -> list[Any]:
    """For each row its text, None where absent, and what is no text as it is."""
    cells = series.tolist()
    held = [isinstance(cell, np.ndarray | bytes | list | tuple | dict) for cell in cells]
    labels = parse_labels(series.mask(np.array(held, dtype=bool)) if any(held) else series, missing)
    return [cell if other else label for cell, label, other in zip(cells, labels, held, strict=True)]


class WrittenColumn(Column[TargetCells]):
    """Texts as codes of word pieces that are learned from the training texts, so that each can be written back."""

    def __init__(self, target: str, size: int) -> None:
        self.names, self.target, self.size = [target], target, size
        self.tokeniser = BytePair(size, fold=False)
        self.longest = 1

    def fit(self, table: DataTable, rows: Rows) -> None:
        """Learn the pieces, and how many the longest text has. Raises DataError where there is no text."""
        found = _texts(table.column(self.target).iloc[rows], table.missing)
        written = [text for text in found if isinstance(text, str)]
        if not written:
            raise DataError(
                "no-text",
                where=f'{table.source}, column "{self.target}"',
                expected="texts among the training rows",
                found="none",
                remedy="check the column and the split",
            )
        self.tokeniser = BytePair(self.size, fold=False)
        self.tokeniser.fit(written)
        self.longest = 1 + max(len(self.tokeniser.encode(text)) for text in written)

    def read(self, table: DataTable) -> TargetCells:
        """Codes with an end behind them; a text that is longer than any in training is refused."""
        found = _texts(table.column(self.target), table.missing)
        present, refusals = np.zeros(len(found), dtype=bool), []
        codes = np.full((len(found), self.longest), PADDING, dtype=np.int64)
        for row, text in enumerate(found):
            values = [*self.tokeniser.encode(text), END] if isinstance(text, str) else []
            if text is not None and not isinstance(text, str):
                refusals.append(Refusal(row, self.target, f"holds a {type(text).__name__}, not a text"))
            elif len(values) > self.longest:
                reason = f"the text has {len(values) - 1} pieces, more than the {self.longest - 1} of any training text"
                refusals.append(Refusal(row, self.target, reason))
            elif values:
                codes[row, : len(values)], present[row] = values, True
        return TargetCells(present, codes, refusals=refusals)

    def collate(self, cells: TargetCells, rows: Rows) -> tuple[Values, list[Refusal]]:
        """Codes (n, places) of these rows under the name "target"."""
        return collate_targets(cells, rows), []

    def plain(self, cells: TargetCells, rows: Rows) -> list[Plain]:
        """Nothing: a target is never a feature."""
        return []

    def state(self) -> dict[str, Any]:
        """The pieces, and the greatest length."""
        return {"tokeniser": self.tokeniser.state(), "longest": self.longest}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take them over."""
        self.tokeniser.restore(state["tokeniser"])
        self.longest = int(state["longest"])
