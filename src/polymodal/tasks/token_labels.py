"""Which class each token of a modality is of: the layer of every spot of a section, the fold of every residue."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import NonNegativeFloat
from torch import Tensor, nn

from polymodal.core import Combine, DataError, Refusal, Representation, UsageProblem, Values
from polymodal.core.masking import keep, masked_mean
from polymodal.data.base import Cells, Column, DataTable, Rows
from polymodal.data.plain import Plain
from polymodal.tasks.base import Decoded, Task, TaughtHead
from polymodal.tasks.metrics import token_scores
from polymodal.tasks.targets import balanced_weights

__all__ = ["TokenLabelColumn", "TokenLabels"]

NOBODY, BEHIND = -1, -2
"""What stands for a token without a label, and behind the last token."""


class TokenLabels(Task):
    """A class for each token of the modality `of`, which gives a token for each spot (or residue) it holds.

    A cell of `target` is a list of labels, one for each token in the order of the file, null where one has none; or
    the same as text, parted by `separator` (with "" each sign is a label), nothing between two of them where one has
    none. A list of another length than the modality has tokens in that row is refused. Learned by cross-entropy, its
    mean over the labelled tokens of a row; `class_weight="balanced"` weighs classes as if all were equally frequent.
    """

    reader: "TokenLabelColumn"
    answers = "tokens"
    headline = "token_accuracy"

    def __init__(
        self,
        target: str,
        of: str,
        separator: str = ";",
        class_weight: Literal["none", "balanced"] = "none",
        hides: Sequence[str] = (),
        weight: NonNegativeFloat = 1.0,
    ) -> None:
        self.target, self.of, self.separator, self.class_weight = target, of, separator, class_weight
        self.hides, self.weight = list(hides), weight
        self.reader = TokenLabelColumn(target, of, separator)

    @property
    def classes(self) -> Sequence[str]:
        """The labels in the order of the outputs."""
        return self.reader.classes

    @property
    def speaks_of(self) -> dict[str, Sequence[str]]:
        """The modality whose tokens are told apart, and those that are hidden."""
        return {"of": [self.of], "hides": self.hides}

    def head(self, views: int, width: int, combine: Combine) -> "TokenHead":
        """A linear decision on each token, starting from the frequencies of the training tokens."""
        counts = torch.tensor(self.reader.counts, dtype=torch.float64) + 1
        even = self.class_weight == "balanced"
        prior = torch.zeros(len(counts)) if even else (counts.log() - counts.log().mean()).float()
        return TokenHead(self.of, width, prior, self.reader.counts if even else None)

    def decode(self, outputs: Tensor) -> Decoded:
        """(n,) lists of labels, one for each token; an empty one where the modality is absent."""
        told = outputs.reshape(len(outputs), -1, len(self.classes) + 1)
        best, there = told[..., :-1].argmax(dim=-1), told[..., -1] > 0.5
        return Decoded(self._named(torch.where(there, best, BEHIND)), classes=self.classes)

    def truth(self, target: Tensor) -> np.ndarray:
        """(n,) lists of labels, None for a token without one."""
        return self._named(target)

    def metrics(self, decoded: Decoded, truth: np.ndarray) -> dict[str, float]:
        """token_accuracy, balanced_accuracy and macro_f1 over all labelled tokens of all rows."""
        return token_scores(truth, decoded.prediction, self.classes)

    def _named(self, codes: Tensor) -> np.ndarray:
        names = [*self.classes, None]  # the last is found at -1
        made = np.empty(len(codes), dtype=object)
        for row, each in enumerate(codes.long().cpu().tolist()):
            made[row] = [names[code] for code in each if code != BEHIND]
        return made


class TokenHead(TaughtHead):
    """A linear decision on each fused token of one modality.

    Outputs are (batch, tokens · (classes + 1)): for each token its logits, and 1 where there is one, else all zeros.
    """

    def __init__(self, of: str, width: int, prior: Tensor, counts: Sequence[int] | None) -> None:
        super().__init__()
        self.of, self.counts = of, counts
        self.linear = nn.Linear(width, len(prior))
        with torch.no_grad():
            self.linear.bias.copy_(prior)

    def forward(self, representation: Representation) -> Tensor:
        """What is decided on each token."""
        tokens = representation.tokens[self.of]
        there = tokens.mask.unsqueeze(-1)
        told = torch.cat([self.linear(tokens.values), there.to(tokens.values.dtype)], dim=-1)
        return keep(told, tokens.mask).flatten(1)

    def teach(self, representation: Representation, target: Values) -> Tensor:
        """(n,) the mean cross-entropy over the labelled tokens of each row that has tokens and labels.

        Raises UsageProblem where a row has another number of tokens than of labels.
        """
        tokens, rows = representation.tokens[self.of], target.present
        mask, codes = tokens.mask[rows], target.data["target"][target.index[rows]].long()
        here = mask.any(dim=1)
        self._check(mask.sum(dim=1)[here], (codes != BEHIND).sum(dim=1)[here])
        width = mask.shape[1]
        codes = F.pad(codes, (0, max(0, width - codes.shape[1])), value=BEHIND)[:, :width]
        known = mask & (codes >= 0)
        taught = known.any(dim=1)
        known, codes = known[taught], codes[taught]
        logits = self.linear(tokens.values[rows][taught])
        losses = F.cross_entropy(logits.flatten(0, 1), codes.clamp(min=0).flatten(), reduction="none").view_as(codes)
        if self.counts is not None:
            losses = losses * balanced_weights(self.counts, losses)[codes.clamp(min=0)]
        return masked_mean(losses, known)

    def _check(self, tokens: Tensor, labels: Tensor) -> None:
        unlike = (tokens != labels).nonzero()
        if len(unlike):
            first = unlike[0]
            raise UsageProblem(
                "token-labels-misfit",
                where=f'labels of the tokens of "{self.of}"',
                expected="a token of this modality for each label",
                found=f"{int(tokens[first])} tokens and {int(labels[first])} labels in a row",
                remedy="have it give a token for each (tokens: spots of a tissue, tokens: residues of a protein)",
            )


@dataclass(frozen=True)
class TokenCells(Cells):
    """`values` (rows,) hold an array of class numbers for each row; `of` is what was read of the modality, if any."""

    values: np.ndarray
    of: tuple[Column[Any], Cells] | None = None


class TokenLabelColumn(Column[TokenCells]):
    """Lists of labels, one for each token of a modality; classes are numbered by letter.

    The part "target" is (n, tokens) int64: -1 for a token without a label, -2 behind the last.
    """

    def __init__(self, target: str, of: str, separator: str) -> None:
        self.names, self.target, self.of, self.separator = [target], target, of, separator
        self.classes: list[str] = []
        self.counts: list[int] = []

    def fit(self, table: DataTable, rows: Rows) -> None:
        """Learn the labels, and how many tokens have each.

        Raises DataError where the training rows have fewer than two labels, or no list of more than one.
        """
        lists = [each for each in self._lists(table.take(rows))[0] if each is not None]
        labels = [label for each in lists for label in each if label is not None]
        seen, counts = np.unique(np.array(labels, dtype=str), return_counts=True)
        if len(seen) < 2 or max(map(len, lists), default=0) < 2:
            raise DataError(
                "no-token-labels",
                where=f'{table.source}, column "{self.target}"',
                expected=f'lists of labels, or texts parted by "{self.separator}", of two classes at least',
                found=f"{len(seen)} classes in {len(lists)} training rows, {max(map(len, lists), default=0)} a row",
                remedy="check the column and the separator; a label for the whole row is a task of type multiclass",
            )
        self.classes, self.counts = seen.tolist(), counts.tolist()

    def read(self, table: DataTable) -> TokenCells:
        """Class numbers by token; a label that training never saw is refused, and its token is unlabelled."""
        place: dict[str | None, int] = {name: number for number, name in enumerate(self.classes)}
        lists, refusals = self._lists(table)
        values = np.empty(len(lists), dtype=object)
        for row, labels in enumerate(lists):
            held = labels or []
            values[row] = np.array([place.get(label, NOBODY) for label in held], dtype=np.int16)
            strange = sorted({label for label in held if label is not None and label not in place})
            refusals += [Refusal(row, self.target, f'label "{label}" does not occur in training') for label in strange]
        present = np.array([labels is not None for labels in lists], dtype=bool)
        return TokenCells(present, values, refusals=refusals)

    def beside(self, cells: TokenCells, inputs: Mapping[str, tuple[Column[Any], Cells]]) -> TokenCells:
        """The same cells, with the modality whose tokens are counted beside the labels."""
        return replace(cells, of=inputs[self.of]) if self.of in inputs else cells

    def collate(self, cells: TokenCells, rows: Rows) -> tuple[Values, list[Refusal]]:
        """Class numbers (n, tokens) under the name "target"; a list of another length than the tokens is refused."""
        present, refusals = cells.present[rows], []
        lengths = np.array([len(each) for each in cells.values[rows]], dtype=np.int64)
        tokens = np.where(present, self._tokens(cells, rows), -1)
        for place in np.flatnonzero((tokens >= 0) & (tokens != lengths)):
            found = f'holds {lengths[place]:,} labels for the {tokens[place]:,} tokens of "{self.of}" in this row'
            refusals.append(Refusal(int(rows[place]), self.target, found))
            present[place] = False
        held = np.flatnonzero(present)
        codes = np.full((len(held), lengths[held].max(initial=1)), BEHIND, dtype=np.int64)
        for number, place in enumerate(held):
            codes[number, : lengths[place]] = cells.values[rows[place]]
        index = np.where(present, np.cumsum(present) - 1, -1).astype(np.int64)
        return Values({"target": torch.from_numpy(codes)}, torch.from_numpy(index)), refusals

    def plain(self, cells: TokenCells, rows: Rows) -> list[Plain]:
        """Nothing: a target is never a feature."""
        return []

    def state(self) -> dict[str, Any]:
        """Labels, and how many training tokens have each."""
        return {"classes": self.classes, "counts": self.counts}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take them over."""
        self.classes, self.counts = list(state["classes"]), list(state["counts"])

    def _tokens(self, cells: TokenCells, rows: Rows) -> np.ndarray:
        """(n,) how many tokens each row has, -1 where that is not known."""
        if cells.of is None:
            return np.full(len(rows), -1)
        column, others = cells.of
        found = column.lengths(others, rows)
        if found is None:
            raise DataError(
                "no-tokens-to-label",
                where=f'column "{self.target}"',
                expected="a modality whose tokens are things of their own: spots of a tissue, residues of a protein",
                found=f'"{self.of}", whose tokens cannot be counted before they are made',
                remedy="name another modality (of)",
            )
        return found

    def _lists(self, table: DataTable) -> tuple[list[list[str | None] | None], list[Refusal]]:
        """For each row its labels, None where the cell is empty; and what is no list."""
        marks = {"", *(mark.strip() for mark in table.missing)}
        made: list[list[str | None] | None] = []
        refusals = []
        for row, cell in enumerate(table.column(self.target)):
            try:
                made.append(_labels(cell, self.separator, marks))
            except TypeError:
                made.append(None)
                refusals.append(Refusal(row, self.target, f"holds a {type(cell).__name__}, not a list of labels"))
        return made, refusals


def _labels(cell: object, separator: str, marks: set[str]) -> list[str | None] | None:
    """The labels of one cell. Raises TypeError where it holds something else."""
    if isinstance(cell, str):
        text = cell.strip()
        if text in marks:
            return None
        pieces: Sequence[object] = text.split(separator) if separator else list(text)
    elif isinstance(cell, list | tuple | np.ndarray):
        pieces = list(cell)
    elif cell is None or (isinstance(cell, float) and np.isnan(cell)):
        return None
    else:
        raise TypeError
    told = [_label(piece) for piece in pieces]
    return [None if label in marks else label for label in told] or None


def _label(piece: object) -> str | None:
    if piece is None or (isinstance(piece, float) and np.isnan(piece)):
        return None
    if isinstance(piece, str | int | float | np.integer | np.floating | np.str_):
        return str(piece).strip()
    raise TypeError
