"""What a modality must offer so that every fusion, task, balancer and report can use it without knowing its name."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Generator, Tensor, nn

from polymodal.data.base import Column, DataTable

__all__ = ["Budget", "Content", "Modality", "Parts"]

Parts = Mapping[str, Tensor]
"""The distinct values of a modality: names of parts to tensors (n, ...)."""


@dataclass(frozen=True)
class Budget:
    """How far an attacker may move one part of a modality: a ball of `radius` in `norm`, within [low, high]."""

    norm: str
    radius: float
    low: float
    high: float


@dataclass(frozen=True)
class Content:
    """What values of a modality hold, place by place, in a form that a net can be asked for.

    `numbers` (n, places, size) are about 1 in spread, NaN where nothing is known. `codes` (n, coded) stand for one of
    several classes, -1 where nothing is known; their places come after those of the numbers.
    """

    numbers: Tensor
    codes: Tensor

    @property
    def places(self) -> int:
        """How many places there are, of both kinds."""
        return self.numbers.shape[1] + self.codes.shape[1]


class Modality(ABC):
    """One sense: how its columns are read, encoded, perturbed, corrupted and attacked.

    Every option of the constructor is kept under its own name, so that a modality can be written down as plain data and
    built again (an option called `encoder`, too: hence `build_encoder`). `reader` is made by the constructor and fitted
    later.
    """

    reader: Column[Any]

    @abstractmethod
    def chosen(self) -> tuple[str, str]:
        """Which encoder is built, and why in a sentence; the reader must be fitted."""

    @abstractmethod
    def build_encoder(self, width: int) -> nn.Module:
        """A fresh network from parts (n, ...) to Tokens of this width; the reader must be fitted."""

    @abstractmethod
    def perturb(self, parts: Parts, generator: Generator) -> Parts:
        """Training's small changes that leave the meaning alone (augmentation); may return `parts` itself."""

    def perturb_along(self, parts: Parts, generator: Generator) -> tuple[Parts, Tensor | None]:
        """The same, with (n, 2, 3) how each picture was moved, for what has to move along; None where nothing was.

        A movement is one of `data.augmentation.drawn_moves`.
        """
        return self.perturb(parts, generator), None

    @abstractmethod
    def corrupt(self, parts: Parts, rate: float, generator: Generator) -> tuple[Parts, Tensor]:
        """Hide about `rate` of the content: the changed parts, and (n, places) True where something was hidden."""

    @abstractmethod
    def content(self, parts: Parts) -> Content:
        """What the values hold, at the places that `corrupt` speaks of; at one place where these have no order."""

    @abstractmethod
    def content_size(self) -> tuple[int, int]:
        """How many numbers a place holds at most, and out of how many classes a code is; the reader must be fitted."""

    def conceal(self, parts: Parts, rate: float, generator: Generator) -> tuple[Parts, Content, Tensor]:
        """Hide about `rate` of the content: the changed parts, the content, and (n, places) True where to tell it."""
        changed, hidden = self.corrupt(parts, rate, generator)
        return changed, self.content(parts), hidden

    @abstractmethod
    def budget(self) -> dict[str, Budget]:
        """What an attacker may change, by part; empty where no part is a differentiable input."""

    @abstractmethod
    def example(self, rows: int, seed: int) -> DataTable:
        """A small table of this modality with plausible content and some absent values, for tests and demos.

        The columns it holds are the ones that this modality reads.
        """
