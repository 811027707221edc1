"""What is said, sign by sign: the text of a recording, read off the tokens in the order of time."""

import unicodedata
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import NonNegativeFloat
from torch import Tensor, nn

from polymodal.core import (
    Combine,
    DataError,
    PolymodalWarning,
    Refusal,
    Representation,
    UsageProblem,
    Values,
)
from polymodal.data.base import Cells, Column, DataTable, Rows
from polymodal.data.plain import Plain
from polymodal.tasks.base import Decoded, Task, TaughtHead
from polymodal.tasks.by_token import per_token, told_apart
from polymodal.tasks.caption import texts_of
from polymodal.tasks.metrics import spelling
from polymodal.tasks.writing import spaced

__all__ = ["SpelledColumn", "Transcript", "tokens_needed"]

NOTHING = 0
"""The code that a token has of which no sign is told (the blank), and what stands behind the end of a text."""


class Transcript(Task):
    """The text of the column `target`, told sign by sign by the tokens of the modality `of` in their order.

    No one has to say where in the recording a sign is: learned is the chance of all ways to lay the text along the
    tokens (connectionist temporal classification; Graves et al. 2006), per sign of the text. A text needs a token for
    each sign and one more between two alike; a row with fewer is not learned from. Take tokens of steps: `audio` and
    `signal` with `tokens: steps` and a short `patch`. Signs are those of the training texts, after Unicode's form NFC
    and with single spaces. Read off is the likeliest sign of each token. Of an ensemble, the first model reads.
    """

    reader: "SpelledColumn"
    answers = "spelled"
    headline = "character_error_rate"
    higher_is_better = False
    ensembles = False

    def __init__(self, target: str, of: str, hides: Sequence[str] = (), weight: NonNegativeFloat = 1.0) -> None:
        self.target, self.of, self.hides, self.weight = target, of, list(hides), weight
        self.reader = SpelledColumn(target, of)

    @property
    def speaks_of(self) -> dict[str, Sequence[str]]:
        """The modality whose tokens are read, and those that are hidden."""
        return {"of": [self.of], "hides": self.hides}

    def head(self, views: int, width: int, combine: Combine) -> "TranscriptHead":
        """A linear decision on each token: one of the signs, or none."""
        return TranscriptHead(self.of, width, 1 + len(self.reader.signs))

    def joined(self, outputs: Sequence[Tensor]) -> Tensor:
        """What the first model reads: models tell the same sign at different tokens, and their mean tells none."""
        return outputs[0]

    def decode(self, outputs: Tensor) -> Decoded:
        """(n,) texts: the likeliest sign of each token, repeats told once; empty where the modality is absent."""
        told, there = per_token(outputs, 1 + len(self.reader.signs))
        best = torch.where(there, told.argmax(dim=-1), NOTHING)
        fresh = best != F.pad(best[:, :-1], (1, 0), value=NOTHING)
        return Decoded(self.truth(torch.where(fresh, best, NOTHING)))

    def truth(self, target: Tensor) -> np.ndarray:
        """(n,) texts of codes (n, places)."""
        made = np.empty(len(target), dtype=object)
        for row, codes in enumerate(target.long().cpu().tolist()):
            made[row] = "".join(self.reader.signs[code - 1] for code in codes if code != NOTHING)
        return made

    def metrics(self, decoded: Decoded, truth: np.ndarray) -> dict[str, float]:
        """character_error_rate and word_error_rate; lower is better, and beyond 1 is possible."""
        return spelling(list(truth), list(decoded.prediction))


class TranscriptHead(TaughtHead):
    """A linear decision on each fused token of one modality: a sign, or none."""

    def __init__(self, of: str, width: int, codes: int) -> None:
        super().__init__()
        self.of = of
        self.linear = nn.Linear(width, codes)

    def forward(self, representation: Representation) -> Tensor:
        """(batch, tokens · (codes + 1)): logits of each token, and 1 where there is one, else all zeros."""
        return told_apart(self.linear, representation.tokens[self.of])

    def teach(self, representation: Representation, target: Values) -> Tensor:
        """(n,) minus the log chance of the text, per sign, of each row whose tokens suffice for its text.

        Rows with too few tokens are warned of. Raises UsageProblem where the modality gives one token for a row.
        """
        tokens, rows = representation.tokens[self.of], target.present
        mask, codes = tokens.mask[rows], target.data["target"][target.index[rows]]
        held, wanted = mask.sum(dim=1), tokens_needed(codes)
        self._check(mask.shape[1], held, wanted)
        taught = held >= wanted
        mask, codes, held = mask[taught], codes[taught], held[taught]
        if not len(codes):
            return tokens.values.new_zeros(0)
        # Real tokens come first, in their order: what is counted is tokens, not places.
        order = torch.argsort(~mask, dim=1, stable=True).unsqueeze(-1)
        values = tokens.values[rows][taught].masked_fill(~mask.unsqueeze(-1), 0.0)
        values = values.gather(1, order.expand_as(values))
        chances = self.linear(values).log_softmax(dim=-1).transpose(0, 1)
        lengths = (codes != NOTHING).sum(dim=1)
        losses = F.ctc_loss(chances, codes, held, lengths, blank=NOTHING, reduction="none")
        return losses / lengths

    def _check(self, longest: int, held: Tensor, wanted: Tensor) -> None:
        short = (held < wanted) & (held > 0)
        if longest == 1 and bool((short & (wanted > 1)).any()):
            raise UsageProblem(
                "too-few-tokens",
                where=f'texts read off the tokens of "{self.of}"',
                expected="tokens in the order of time, at least as many as signs",
                found="one token for each row",
                remedy="have it give several (tokens: steps of a sound or a signal)",
            )
        if bool(short.any()):
            told = (
                f'rows have fewer tokens of "{self.of}" than their texts need, and teach nothing: take a shorter patch'
            )
            warnings.warn(told, PolymodalWarning, stacklevel=3)


def tokens_needed(codes: Tensor) -> Tensor:
    """(n,) how many tokens codes (n, places) need: one for each sign, and one more between two alike."""
    real = codes != NOTHING
    alike = (codes[:, 1:] == codes[:, :-1]) & real[:, 1:]
    return real.sum(dim=1) + alike.sum(dim=1)


@dataclass(frozen=True)
class SpelledCells(Cells):
    """`texts` (rows,) are codes (places,) of each row; `of` is what was read of the modality, if any."""

    texts: Sequence[np.ndarray]
    of: tuple[Column[Any], Cells] | None = None


class SpelledColumn(Column[SpelledCells]):
    """Texts as numbers of their signs. The part "target" is (n, places) int64, 0 behind the end."""

    def __init__(self, target: str, of: str) -> None:
        self.names, self.target, self.of = [target], target, of
        self.signs: list[str] = []

    def fit(self, table: DataTable, rows: Rows) -> None:
        """Learn the signs. Raises DataError where the training rows have no text."""
        texts = [_plain(text) for text in texts_of(table.column(self.target).iloc[rows], table.missing)]
        self.signs = sorted({sign for text in texts if text is not None for sign in text})
        if not self.signs:
            raise DataError(
                "no-text",
                where=f'{table.source}, column "{self.target}"',
                expected="texts among the training rows",
                found="none",
                remedy="check the column and the split",
            )

    def read(self, table: DataTable) -> SpelledCells:
        """Codes; a text with a sign that training never saw is refused, and so is what is no text."""
        place = {sign: number for number, sign in enumerate(self.signs, start=NOTHING + 1)}
        texts, refusals = [], []
        for row, cell in enumerate(texts_of(table.column(self.target), table.missing)):
            text = _plain(cell)
            strange = next((sign for sign in text or "" if sign not in place), None)
            if strange is not None:
                refusals.append(Refusal(row, self.target, f'the sign "{strange}" does not occur in training'))
            elif cell is not None and not isinstance(cell, str):
                refusals.append(Refusal(row, self.target, f"holds a {type(cell).__name__}, not a text"))
            known = text is not None and strange is None
            texts.append(np.array([place[sign] for sign in text or ""] if known else [], dtype=np.int64))
        present = np.array([len(codes) > 0 for codes in texts], dtype=bool)
        return SpelledCells(present, texts, refusals=refusals)

    def beside(self, cells: SpelledCells, inputs: Mapping[str, tuple[Column[Any], Cells]]) -> SpelledCells:
        """The same cells, with the modality whose tokens are read."""
        return replace(cells, of=inputs[self.of]) if self.of in inputs else cells

    def collate(self, cells: SpelledCells, rows: Rows) -> tuple[Values, list[Refusal]]:
        """Codes (n, places) under the name "target"; where tokens can be counted, too many signs are refused."""
        present, refusals = cells.present[rows], []
        texts = [torch.from_numpy(cells.texts[row]) for row in rows]
        counted = None if cells.of is None else cells.of[0].lengths(cells.of[1], rows)
        for place in np.flatnonzero(present) if counted is not None else ():
            needed, held = int(tokens_needed(texts[place][None])[0]), int(counted[place]) if counted is not None else -1
            if 0 <= held < needed:
                found = f'needs {needed:,} tokens of "{self.of}", which has {held:,} in this row'
                refusals.append(Refusal(int(rows[place]), self.target, found))
                present[place] = False
        kept = [texts[place] for place in np.flatnonzero(present)]
        codes = torch.full((len(kept), max(map(len, kept), default=1)), NOTHING, dtype=torch.int64)
        for number, text in enumerate(kept):
            codes[number, : len(text)] = text
        index = np.where(present, np.cumsum(present) - 1, -1).astype(np.int64)
        return Values({"target": codes}, torch.from_numpy(index)), refusals

    def plain(self, cells: SpelledCells, rows: Rows) -> list[Plain]:
        """Nothing: a target is never a feature."""
        return []

    def state(self) -> dict[str, Any]:
        """The signs."""
        return {"signs": self.signs}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take them over."""
        self.signs = list(state["signs"])


def _plain(cell: object) -> str | None:
    """The text in one spelling; None for an absent one, and for what is no text."""
    return (spaced(unicodedata.normalize("NFC", cell)) or None) if isinstance(cell, str) else None
