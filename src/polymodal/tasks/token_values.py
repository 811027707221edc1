"""A number for each token of a modality: how much of each residue water can reach, what was measured at each spot."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import NonNegativeFloat
from torch import Tensor

from polymodal.core import Combine, DataError
from polymodal.tasks.base import Decoded, Task
from polymodal.tasks.by_token import Content, TokenColumn, TokenHead, per_token
from polymodal.tasks.metrics import token_errors
from polymodal.tasks.regression import LOSSES
from polymodal.tasks.targets import scale_of

__all__ = ["Numbers", "TokenValues"]


class TokenValues(Task):
    """A number for each token of the modality `of`, which gives a token for each residue (or spot) it holds.

    A cell of `target` is a list of numbers, one for each token in the order of the file, null or NaN where one is not
    known; or the same as text, parted by `separator`, nothing between two of them where one is not known. A list of
    another length than the modality has tokens in that row is refused. `mask` may name a column of lists of 0 and 1, as
    long as the numbers: those beside a 0 are not known. Learned in units of the spread among all training tokens, by
    the mean loss over the known tokens of a row: "squared", "absolute", or "huber" (Huber 1964, squared within one
    standard deviation, absolute beyond).
    """

    reader: "TokenColumn[Numbers]"
    answers = "token_numbers"
    headline = "r2"

    def __init__(
        self,
        target: str,
        of: str,
        separator: str = ";",
        mask: str | None = None,
        loss: Literal["squared", "absolute", "huber"] = "squared",
        hides: Sequence[str] = (),
        weight: NonNegativeFloat = 1.0,
    ) -> None:
        self.target, self.of, self.separator, self.mask = target, of, separator, mask
        self.loss, self.hides, self.weight = loss, list(hides), weight
        self.reader = TokenColumn(target, of, separator, mask, Numbers())

    @property
    def speaks_of(self) -> dict[str, Sequence[str]]:
        """The modality whose tokens are told apart, and those that are hidden."""
        return {"of": [self.of], "hides": self.hides}

    def head(self, views: int, width: int, combine: Combine) -> TokenHead:
        """A number for each token, starting near the mean of the training tokens."""
        return TokenHead(self.of, width, torch.zeros(1), self._losses, self.reader.content)

    def _losses(self, told: Tensor, numbers: Tensor) -> Tensor:
        scaled = (numbers - self.reader.content.mean) / self.reader.content.spread
        return LOSSES[self.loss](told[:, 0], scaled.to(told.dtype), reduction="none")

    def decode(self, outputs: Tensor) -> Decoded:
        """(n,) lists of numbers in the unit of the target, one for each token; an empty one without the modality."""
        told, there = per_token(outputs, 1)
        content = self.reader.content
        numbers = told[..., 0].double() * content.spread + content.mean
        return Decoded(_listed(numbers, there))

    def truth(self, target: Tensor) -> np.ndarray:
        """(n,) lists of numbers, None for a token without one."""
        return _listed(target.double(), target != self.reader.content.behind)

    def metrics(self, decoded: Decoded, truth: np.ndarray) -> dict[str, float]:
        """mse, mae, rmse, r2, pearson, spearman over all known tokens of all rows."""
        return token_errors(truth, decoded.prediction)


class Numbers(Content):
    """A number for each token; knows mean and spread of the training tokens."""

    things: ClassVar[str] = "numbers"
    unknown, behind, dtype = np.nan, np.inf, np.float64

    def __init__(self) -> None:
        self.mean, self.spread = 0.0, 1.0

    def parsed(self, pieces: Sequence[object], marks: set[str]) -> np.ndarray:
        """(tokens,) numbers, NaN where there is none. Raises ValueError for what is no number."""
        return np.array([_number(piece, marks) for piece in pieces], dtype=np.float64)

    def learn(self, lists: Sequence[np.ndarray], where: str, separator: str) -> None:
        """Mean and standard deviation.

        Raises DataError where no training row has more than one number, where none differ, or where they spread beyond
        all bounds.
        """
        known = np.concatenate([np.zeros(0), *lists])
        longest = max(map(len, lists), default=0)
        if longest < 2:
            raise DataError(
                "no-token-values",
                where=where,
                expected=f'lists of numbers, or texts of them parted by "{separator}"',
                found=f"{len(lists)} lists in the training rows, {longest} numbers a row",
                remedy="check the column and the separator; a number for the whole row is a task of type regression",
            )
        self.mean, self.spread = scale_of(known[np.isfinite(known)], where)

    def coded(self, parsed: np.ndarray) -> tuple[np.ndarray, list[str]]:
        """The numbers; one that is not finite is told, and its token has none."""
        endless = np.isinf(parsed)
        reasons = [f"{int(endless.sum())} of its numbers are not finite"] if endless.any() else []
        return np.where(endless, np.nan, parsed), reasons

    def state(self) -> dict[str, Any]:
        """Mean and spread."""
        return {"mean": self.mean, "spread": self.spread}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take them over."""
        self.mean, self.spread = float(state["mean"]), float(state["spread"])


def _number(piece: object, marks: set[str]) -> float:
    if isinstance(piece, str):
        text = piece.strip()
        if text in marks:
            return np.nan
        try:
            return float(text)
        except ValueError:
            raise ValueError(f'"{text[:40]}" in a list of numbers is no number') from None
    if piece is None:
        return np.nan
    if isinstance(piece, int | float | np.integer | np.floating):
        return float(piece)
    raise TypeError


def _listed(numbers: Tensor, there: Tensor) -> np.ndarray:
    made = np.empty(len(numbers), dtype=object)
    for row, (each, held) in enumerate(zip(numbers.cpu().numpy(), there.cpu().numpy(), strict=True)):
        made[row] = [None if np.isnan(number) else number for number in each[held].tolist()]
    return made
