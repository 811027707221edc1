"""How much."""

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import NonNegativeFloat
from torch import Tensor, nn

from polymodal.core import Combine
from polymodal.core.shapes import Outputs
from polymodal.tasks import metrics as measures
from polymodal.tasks.base import Decoded, Head, Task
from polymodal.tasks.targets import NumberColumn, NumberScale

__all__ = ["Regression"]

LOSSES: Mapping[str, Callable[..., Tensor]] = {"squared": F.mse_loss, "absolute": F.l1_loss, "huber": F.huber_loss}


class Regression(Task):
    """A number, predicted in its own unit and trained in units of its spread among the training rows.

    `loss` is "squared", "absolute", or "huber" (Huber 1964, squared within one standard deviation, absolute beyond).
    `scale` says on what it is learned: the number as it is ("linear"), its square "root", or its logarithm ("log", for
    what acts by factors). Answers and metrics are in the unit of the target all the same; a number that has no root or
    logarithm is refused. Under "log" an answer lies beyond the training numbers by no larger a factor than lies between
    the smallest and the largest of these: an exponential of what a net says of strange rows has no bounds.
    """

    reader: NumberColumn
    answers = "numbers"
    headline = "r2"

    def __init__(
        self,
        target: str,
        loss: Literal["squared", "absolute", "huber"] = "squared",
        scale: NumberScale = "linear",
        weight: NonNegativeFloat = 1.0,
    ) -> None:
        self.target, self.loss, self.scale, self.weight = target, loss, scale, weight
        self.reader = NumberColumn(target, scale)

    def head(self, views: int, width: int, combine: Combine) -> nn.Module:
        """One number, starting from the training mean."""
        return Head(views, width, torch.zeros(1), combine)

    def losses(self, outputs: Outputs, target: Tensor) -> Tensor:
        """(n,) loss in squared (or absolute) standard deviations of the training target, on its scale."""
        scaled = self.reader.scaled(target).to(outputs.dtype)
        return LOSSES[self.loss](outputs[:, 0], scaled, reduction="none")

    def decode(self, outputs: Outputs) -> Decoded:
        """Numbers in the unit of the target."""
        return Decoded(self.reader.unscaled(outputs[:, 0].double().cpu()).numpy())

    def truth(self, target: Tensor) -> np.ndarray:
        """The numbers themselves."""
        return target.double().cpu().numpy()

    def metrics(self, decoded: Decoded, truth: np.ndarray) -> dict[str, float]:
        """mse, mae, rmse, r2, pearson, spearman."""
        return measures.regression(truth, decoded.prediction)
