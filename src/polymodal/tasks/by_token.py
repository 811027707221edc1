"""What tasks about each token share: lists of answers, one for each token, and a decision on each of them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polymodal.core import DataError, Refusal, Representation, Tokens, UsageProblem, Values
from polymodal.core.masking import keep, masked_mean
from polymodal.data.base import Cells, Column, DataTable, Rows
from polymodal.data.plain import Plain
from polymodal.tasks.base import TaughtHead

__all__ = ["Content", "ContentT", "TokenCells", "TokenColumn", "TokenHead", "per_token", "pieces_of", "told_apart"]

YES, NO = frozenset({"1", "1.0", "true"}), frozenset({"0", "0.0", "false"})
"""What stands in a mask for a token that counts, and for one that does not."""


class Content(ABC):
    """What a list holds for each token: a label, a number.

    `unknown` stands for a token without an answer, `behind` for the places behind the last token.
    """

    things: ClassVar[str]
    unknown: ClassVar[float]
    behind: ClassVar[float]
    dtype: ClassVar[type[np.generic]]

    @abstractmethod
    def parsed(self, pieces: Sequence[object], marks: set[str]) -> np.ndarray:
        """(tokens,) the answers of one cell. Raises TypeError or ValueError where it holds something else."""

    @abstractmethod
    def learn(self, lists: Sequence[np.ndarray], where: str, separator: str) -> None:
        """Learn from the lists of the training rows. Raises DataError where they hold nothing to learn."""

    @abstractmethod
    def coded(self, parsed: np.ndarray) -> tuple[np.ndarray, list[str]]:
        """(tokens,) the numbers that a batch holds, and reasons why some token has none."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """What was learned, as JSON data."""

    @abstractmethod
    def restore(self, state: Mapping[str, Any]) -> None:
        """Take it over."""


ContentT = TypeVar("ContentT", bound=Content)


class TokenHead(TaughtHead):
    """A linear decision on each fused token of the modality `of`.

    `losses` maps what is decided on tokens (m, outputs), and their answers (m,), to losses (m,); tokens without an
    answer never reach it. Outputs are (batch, tokens · (outputs + 1)): for each token what is decided, and 1 where
    there is one, else all zeros.
    """

    def __init__(
        self,
        of: str,
        width: int,
        prior: Tensor,
        losses: Callable[[Tensor, Tensor], Tensor],
        content: Content,
    ) -> None:
        super().__init__()
        self.of, self.losses = of, losses
        self.unknown, self.behind = content.unknown, content.behind
        self.linear = nn.Linear(width, len(prior))
        with torch.no_grad():
            self.linear.bias.copy_(prior)

    def forward(self, representation: Representation) -> Tensor:
        """What is decided on each token."""
        return told_apart(self.linear, representation.tokens[self.of])

    def teach(self, representation: Representation, target: Values) -> Tensor:
        """(n,) the mean loss over the known tokens of each row that has tokens and answers.

        Raises UsageProblem where a row has another number of tokens than of answers.
        """
        tokens, rows = representation.tokens[self.of], target.present
        mask, answers = tokens.mask[rows], target.data["target"][target.index[rows]]
        here, held = mask.any(dim=1), answers != self.behind
        self._check(mask.sum(dim=1)[here], held.sum(dim=1)[here])
        width = mask.shape[1]
        answers = F.pad(answers, (0, max(0, width - answers.shape[1])), value=self.behind)[:, :width]
        known = mask & (answers != self.behind) & (answers != self.unknown) & ~answers.isnan()
        taught = known.any(dim=1)
        each = self.losses(self.linear(tokens.values[rows][known]), answers[known])
        return masked_mean(each.new_zeros(known.shape).masked_scatter(known, each)[taught], known[taught])

    def _check(self, tokens: Tensor, answers: Tensor) -> None:
        unlike = (tokens != answers).nonzero()
        if len(unlike):
            first = unlike[0]
            raise UsageProblem(
                "token-labels-misfit",
                where=f'answers for the tokens of "{self.of}"',
                expected="a token of this modality for each answer",
                found=f"{int(tokens[first])} tokens and {int(answers[first])} answers in a row",
                remedy="have it give a token for each (tokens: spots of a tissue, tokens: residues of a protein)",
            )


def told_apart(linear: nn.Linear, tokens: Tokens) -> Tensor:
    """(n, tokens · (outputs + 1)): what a linear map says of each token, and 1 where there is one, else all zeros."""
    there = tokens.mask.unsqueeze(-1)
    told = torch.cat([linear(tokens.values), there.to(tokens.values.dtype)], dim=-1)
    return keep(told, tokens.mask).flatten(1)


def per_token(outputs: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Outputs of the head as (n, tokens, size) decisions, and (n, tokens) where there is a token."""
    told = outputs.reshape(len(outputs), outputs.shape[1] // (size + 1), size + 1)
    return told[..., :-1], told[..., -1] > 0.5


@dataclass(frozen=True)
class TokenCells(Cells):
    """`values` (rows,) hold an array of numbers for each row; `of` is what was read of the modality, if any."""

    values: np.ndarray
    of: tuple[Column[Any], Cells] | None = None


class TokenColumn(Column[TokenCells], Generic[ContentT]):
    """Lists of answers, one for each token of a modality, and perhaps a column of lists that mask some of them.

    The part "target" is (n, tokens): the content's mark `unknown` for a token without an answer, `behind` behind the
    last.
    """

    def __init__(self, target: str, of: str, separator: str, mask: str | None, content: ContentT) -> None:
        self.names = [target] if mask is None else [target, mask]
        self.target, self.of, self.separator, self.mask = target, of, separator, mask
        self.content: ContentT = content

    def fit(self, table: DataTable, rows: Rows) -> None:
        """Learn from the lists of these rows. Raises DataError where there is nothing to learn."""
        made, refusals = self._lists(table.take(rows))
        lists, where = [each for each in made if each is not None], f'{table.source}, column "{self.target}"'
        if refusals and not lists:
            raise DataError(
                f"no-token-{self.content.things}",
                where=where,
                expected=f"lists of {self.content.things}, one for each token",
                found=f"none in {len(made):,} training rows: the first {refusals[0].reason}",
                remedy="check the column; an answer for the whole row is a task of type multiclass or regression",
            )
        self.content.learn(lists, where, self.separator)

    def read(self, table: DataTable) -> TokenCells:
        """The numbers of each row; what cannot be used is refused, and its token, or its row, has no answer."""
        lists, refusals = self._lists(table)
        values = np.empty(len(lists), dtype=object)
        nothing = np.zeros(0, dtype=self.content.dtype)
        for row, parsed in enumerate(lists):
            values[row], reasons = (nothing, []) if parsed is None else self.content.coded(parsed)
            refusals += [Refusal(row, self.target, reason) for reason in reasons]
        present = np.array([parsed is not None for parsed in lists], dtype=bool)
        return TokenCells(present, values, refusals=refusals)

    def beside(self, cells: TokenCells, inputs: Mapping[str, tuple[Column[Any], Cells]]) -> TokenCells:
        """The same cells, with the modality whose tokens are counted beside the answers."""
        return replace(cells, of=inputs[self.of]) if self.of in inputs else cells

    def collate(self, cells: TokenCells, rows: Rows) -> tuple[Values, list[Refusal]]:
        """Numbers (n, tokens) under the name "target"; a list of another length than the tokens is refused."""
        present, refusals = cells.present[rows], []
        lengths = np.array([len(each) for each in cells.values[rows]], dtype=np.int64)
        tokens = np.where(present, self._tokens(cells, rows), -1)
        for place in np.flatnonzero((tokens >= 0) & (tokens != lengths)):
            things = self.content.things
            found = f'holds {lengths[place]:,} {things} for the {tokens[place]:,} tokens of "{self.of}" in this row'
            refusals.append(Refusal(int(rows[place]), self.target, found))
            present[place] = False
        held = np.flatnonzero(present)
        codes = np.full((len(held), lengths[held].max(initial=1)), self.content.behind, dtype=self.content.dtype)
        for number, place in enumerate(held):
            codes[number, : lengths[place]] = cells.values[rows[place]]
        index = np.where(present, np.cumsum(present) - 1, -1).astype(np.int64)
        return Values({"target": torch.from_numpy(codes)}, torch.from_numpy(index)), refusals

    def plain(self, cells: TokenCells, rows: Rows) -> list[Plain]:
        """Nothing: a target is never a feature."""
        return []

    def state(self) -> dict[str, Any]:
        """What was learned of the lists."""
        return self.content.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take it over."""
        self.content.restore(state)

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

    def _lists(self, table: DataTable) -> tuple[list[np.ndarray | None], list[Refusal]]:
        """For each row its answers, None where the cell is empty; and what is no list."""
        marks = {"", *(mark.strip() for mark in table.missing)}
        made: list[np.ndarray | None] = []
        refusals = []
        masks = [None] * len(table) if self.mask is None else table.column(self.mask).tolist()
        for row, (cell, mask) in enumerate(zip(table.column(self.target).tolist(), masks, strict=True)):
            try:
                pieces = pieces_of(cell, self.separator, marks)
                parsed = None if pieces is None else self.content.parsed(pieces, marks)
            except (TypeError, ValueError) as error:
                made.append(None)
                reason = str(error) or f"holds a {type(cell).__name__}, not a list of {self.content.things}"
                refusals.append(Refusal(row, self.target, reason))
                continue
            try:
                made.append(parsed if parsed is None else self._masked(parsed, mask, marks))
            except (TypeError, ValueError) as error:
                made.append(None)
                refusals.append(Refusal(row, self.mask or "", str(error) or "holds no list of 0 and 1"))
        return made, refusals

    def _masked(self, parsed: np.ndarray, cell: object, marks: set[str]) -> np.ndarray:
        """The same list without the answers that the mask takes away; an empty mask takes none away."""
        signs = isinstance(cell, str) and set(cell.strip()) <= {"0", "1"}
        pieces = pieces_of(cell, "" if signs else self.separator, marks)
        if pieces is None:
            return parsed
        said = [str(piece).strip().lower() for piece in pieces]
        strange = next((each for each in said if each not in YES | NO), None)
        if strange is not None:
            raise ValueError(f'"{strange[:40]}" in a mask is neither 0 nor 1')
        if len(said) != len(parsed):
            raise ValueError(f"a mask of {len(said):,} for {len(parsed):,} {self.content.things}")
        unseen = np.array([each in NO for each in said], dtype=bool)
        parsed[unseen] = None  # which is NaN among numbers
        return parsed


def pieces_of(cell: object, separator: str, marks: set[str]) -> Sequence[object] | None:
    """What a cell holds for each token, None where it is empty. Raises TypeError where it holds no list."""
    if isinstance(cell, str):
        text = cell.strip()
        if text in marks:
            return None
        return text.split(separator) if separator else list(text)
    if isinstance(cell, list | tuple | np.ndarray):
        return list(cell) or None
    if cell is None or (isinstance(cell, float) and np.isnan(cell)):
        return None
    raise TypeError
