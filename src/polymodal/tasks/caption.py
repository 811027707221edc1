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
from polymodal.data.language_pieces import FIRST, LanguagePieces
from polymodal.data.plain import Plain
from polymodal.encoders.decoder import CausalDecoder
from polymodal.encoders.gated_language import GatedLanguage, Gpt2
from polymodal.tasks.base import Decoded, Task, TaughtHead
from polymodal.tasks.metrics import texts
from polymodal.tasks.targets import TargetCells, collate_targets

__all__ = ["Caption", "WrittenColumn", "texts_of"]


class Caption(Task):
    """Write the text of the column `target`, piece by piece, from the tokens of the other modalities.

    A small causal decoder looks at the fused tokens by cross-attention (Vaswani et al. 2017, section 3.1). Name in
    `hides` every modality that reads the text itself, or the answer is given away. `vocabulary` is the number of word
    pieces, learned from the training texts; a text is written up to the length of the longest of these. `beams` are
    the beginnings that are kept while writing. Answers of several models cannot be brought together: of an ensemble,
    the first one writes.

    `model` names a folder, or an installed package, with a language model of the GPT-2 family, which then writes in its
    own pieces: it stays as it is and learns to look through gated layers between its own (Alayrac et al. 2022);
    `vocabulary` and `layers` say nothing then. It needs the extra "text".
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
        model: str | None = None,
        beams: Annotated[int, Field(ge=1, le=64)] = 1,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
        weight: NonNegativeFloat = 1.0,
    ) -> None:
        self.target, self.hides, self.vocabulary, self.layers = target, list(hides), vocabulary, layers
        self.model, self.beams, self.dropout, self.weight = model, beams, dropout, weight
        self.reader = WrittenColumn(target, vocabulary, model)

    def head(self, views: int, width: int, combine: Combine) -> "CaptionHead | FrozenCaptionHead":
        """A decoder for the codes of the column."""
        pieces = self.reader.tokeniser
        if isinstance(pieces, LanguagePieces):
            language = Gpt2.build(pieces.config) if pieces.restored else Gpt2.load(pieces.model)
            heads = next(heads for heads in (8, 4, 2, 1) if language.width % heads == 0)
            net = GatedLanguage(language, width, heads=heads, dropout=self.dropout)
            return FrozenCaptionHead(net, self.reader.longest, self.beams)
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
        memory, codes, mask = labelled(representation, target)
        if not len(codes):
            return memory.values.new_zeros(0)
        before = F.pad(codes[:, :-1], (1, 0), value=START)
        return told_apart(self.decoder(before, mask, memory), codes, mask)


class FrozenCaptionHead(TaughtHead):
    """A frozen language model that looks at the fused tokens of a row through gated layers.

    Its own mark for the end of a text stands before the first piece, too, as it did when it was trained.
    """

    def __init__(self, net: GatedLanguage, longest: int, beams: int) -> None:
        super().__init__()
        self.net, self.longest, self.beams = net, longest, beams
        self.end = net.language.padding

    def forward(self, representation: Representation) -> Tensor:
        """(batch, places) the codes that are written, with an end and padding behind it."""
        memory = memory_of(representation)
        beginnings = torch.full((len(memory.mask), 1), self.end, device=memory.mask.device)
        made = self.net.write(memory, beginnings, self.end, self.longest, self.beams)
        ends = made == self.end
        behind = ends.cumsum(dim=1) > ends.long()
        return torch.where(behind, PADDING, torch.where(ends, END, made + FIRST))

    def teach(self, representation: Representation, target: Values) -> Tensor:
        """(labelled,) the mean cross-entropy of each text's codes, each told from the true ones before it."""
        memory, codes, mask = labelled(representation, target)
        if not len(codes):
            return memory.values.new_zeros(0)
        wanted = torch.where(codes >= FIRST, codes - FIRST, self.end)
        before = F.pad(wanted[:, :-1], (1, 0), value=self.end)
        places = torch.zeros_like(memory.mask, dtype=torch.int64)
        return told_apart(self.net(before, mask, memory, places), wanted, mask)


def told_apart(logits: Tensor, codes: Tensor, mask: Tensor) -> Tensor:
    """(n,) the mean cross-entropy over the real places of logits (n, places, codes)."""
    losses = F.cross_entropy(logits.flatten(0, 1), codes.flatten(), reduction="none").view_as(codes)
    return masked_mean(losses, mask)


def labelled(representation: Representation, target: Values) -> tuple[Tokens, Tensor, Tensor]:
    """Of the rows with a text: what they can be told from, their codes (n, places) and which of these are real."""
    rows, memory = target.present, memory_of(representation)
    codes = target.data["target"][target.index[rows]]
    mask = codes != PADDING
    longest = int(mask.sum(dim=1).max()) if len(codes) else 0
    return Tokens(memory.values[rows], memory.mask[rows]), codes[:, :longest], mask[:, :longest]


def memory_of(representation: Representation) -> Tokens:
    """The fused tokens of all modalities of a row, one after the other."""
    parts = [representation.tokens[name] for name in sorted(representation.tokens)]
    return Tokens(torch.cat([part.values for part in parts], dim=1), torch.cat([part.mask for part in parts], dim=1))


def texts_of(series: pd.Series, missing: Sequence[str]) -> list[Any]:
    """For each row its text, None where absent, and what is no text as it is."""
    cells = series.tolist()
    held = [isinstance(cell, np.ndarray | bytes | list | tuple | dict) for cell in cells]
    labels = parse_labels(series.mask(np.array(held, dtype=bool)) if any(held) else series, missing)
    return [cell if other else label for cell, label, other in zip(cells, labels, held, strict=True)]


class WrittenColumn(Column[TargetCells]):
    """Texts as codes of word pieces, so that each can be written back.

    The pieces are learned from the training texts, or are those of a language model.
    """

    def __init__(self, target: str, size: int, model: str | None = None) -> None:
        self.names, self.target, self.size, self.model = [target], target, size, model
        self.tokeniser = self._pieces()
        self.longest = 1

    def _pieces(self) -> BytePair | LanguagePieces:
        return BytePair(self.size, fold=False) if self.model is None else LanguagePieces(self.model)

    def fit(self, table: DataTable, rows: Rows) -> None:
        """Learn the pieces, and how many the longest text has. Raises DataError where there is no text."""
        found = texts_of(table.column(self.target).iloc[rows], table.missing)
        written = [text for text in found if isinstance(text, str)]
        if not written:
            raise DataError(
                "no-text",
                where=f'{table.source}, column "{self.target}"',
                expected="texts among the training rows",
                found="none",
                remedy="check the column and the split",
            )
        self.tokeniser = self._pieces()
        self.tokeniser.fit(written)
        self.longest = 1 + max(len(self.tokeniser.encode(text)) for text in written)

    def read(self, table: DataTable) -> TargetCells:
        """Codes with an end behind them; a text that is longer than any in training is refused."""
        found = texts_of(table.column(self.target), table.missing)
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
