"""How far away each pixel of a picture is."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat
from torch import Tensor

from polymodal.core import Combine, DataError
from polymodal.core.masking import keep, masked_mean
from polymodal.data.augmentation import follow
from polymodal.data.pictures import unusable
from polymodal.tasks.base import Aspect, Decoded, Task
from polymodal.tasks.maps import MapColumn, MapKind, MapSize
from polymodal.tasks.metrics import depth_scores
from polymodal.tasks.pixels import PixelHead

__all__ = ["Depth", "DepthMaps"]


class Depth(Task):
    """A distance for each pixel of the pictures of the modality `of`, which needs `tokens: pyramid`.

    `target` names depth maps: PNG files of 8 or 16 bits, .npy files or arrays. `scale` times what they hold is the
    distance in the unit of the answers (0.001 for millimetres, told in metres). Zero, less, and what is not finite is
    unknown, and so is what is beyond `farthest`. `size` is as in segmentation.

    Learned by the scale-invariant error of Eigen, Puhrsch and Fergus (2014, eq. 4): with d the difference of the
    natural logarithms at each known pixel, mean(d²) − `invariance` · mean(d)². At 1 it does not matter how large the
    whole scene is taken to be; their value is .5. Training moves the maps along with the pictures.
    """

    reader: MapColumn
    answers = "depths"
    headline = "abs_rel"
    higher_is_better = False
    ensembles = False
    at_once = 32

    def __init__(
        self,
        target: str,
        of: str,
        scale: PositiveFloat = 1.0,
        farthest: PositiveFloat | None = None,
        size: MapSize = "auto",
        invariance: Annotated[float, Field(ge=0, le=1)] = 0.5,
        weight: NonNegativeFloat = 1.0,
    ) -> None:
        self.target, self.of, self.scale, self.farthest = target, of, scale, farthest
        self.size, self.invariance, self.weight = size, invariance, weight
        self.follows: str | None = of
        self.distances = DepthMaps(scale, farthest)
        self.reader = MapColumn(target, of, size, self.distances)

    @property
    def speaks_of(self) -> dict[str, Sequence[str]]:
        """The modality whose pixels are measured."""
        return {"of": [self.of]} | super().speaks_of

    def head(self, views: int, width: int, combine: Combine) -> PixelHead:
        """A decoder that starts from the middle of all logarithms."""
        size = (self.reader.height, self.reader.width)
        return PixelHead(self.of, width, torch.tensor([self.distances.middle]), size, self.loss_of, _distances)

    def loss_of(self, logs: Tensor, target: Tensor) -> Tensor:
        """(n,) the scale-invariant error of logarithms (n, 1, height, width) and distances (n, height, width)."""
        known = target.isfinite().flatten(1)
        true = target.to(logs.dtype).flatten(1).masked_fill(~known, 1.0).log()
        gap = keep(logs.flatten(1) - true, known)
        return masked_mean(gap.square(), known) - self.invariance * masked_mean(gap, known).square()

    def moved(self, target: Tensor, moves: Tensor) -> Tensor:
        """Depth maps moved along with their pictures; what comes in from outside is unknown."""
        return follow(target, float("nan"), moves)

    def joined(self, outputs: Sequence[Tensor]) -> Tensor:
        """What the first model says."""
        return outputs[0]

    def decode(self, outputs: Tensor) -> Decoded:
        """(n, height, width) distances."""
        return Decoded(outputs.float().cpu().reshape(-1, self.reader.height, self.reader.width).numpy())

    def truth(self, target: Tensor) -> np.ndarray:
        """(n, height, width) distances, NaN where none is known."""
        return np.asarray(target.float().cpu().numpy())

    def aspects(self, decoded: Decoded, truth: np.ndarray) -> list[Aspect]:
        """One thing: how many pixels of each row are known, and (n, 3) the sums over them of what is judged.

        These are the relative error, whether the ratio of the two is under 1.25, and the squared error.
        """
        sums, known = np.zeros((len(truth), 3)), np.isfinite(truth)
        for row, (there, true, told) in enumerate(zip(known, truth, decoded.prediction, strict=True)):
            near, far = np.minimum(told[there], true[there]), np.maximum(told[there], true[there])
            gap = np.abs(told[there].astype(np.float64) - true[there])
            sums[row] = (gap / true[there]).sum(), (far < 1.25 * near).sum(), (gap**2).sum()
        return [Aspect("", Decoded(sums), known.sum(axis=(1, 2)), np.ones(len(truth), dtype=bool))]

    def metrics(self, decoded: Decoded, truth: np.ndarray) -> dict[str, float]:
        """abs_rel, delta1 and rmse, from sums as `aspects` gives them, over all known pixels of all rows."""
        return depth_scores(truth, decoded.prediction)


class DepthMaps(MapKind):
    """Maps of distances, as float32, NaN where none is known."""

    unknown = np.float32(np.nan)

    def __init__(self, scale: float, farthest: float | None) -> None:
        self.scale, self.farthest, self.middle = scale, farthest, 0.0

    def learn(self, maps: Iterator[np.ndarray], where: str) -> None:
        """The middle of the logarithms. Raises DataError where no training map holds a distance."""
        middles = []
        for numbers in maps:
            held = self._distances(numbers)
            if np.isfinite(held).any():
                middles.append(float(np.median(np.log(held[np.isfinite(held)]))))
        if not middles:
            raise DataError(
                "no-distances",
                where=where,
                expected="maps of distances above zero",
                found="none in the training rows",
                remedy="check the column, scale and farthest",
            )
        self.middle = float(np.median(middles))

    def coded(self, numbers: np.ndarray) -> np.ndarray:
        """Distances; a map without any is refused."""
        held = self._distances(numbers)
        if not np.isfinite(held).any():
            raise unusable("no-distances", "holds no known distance", "leave the cell empty")
        return held

    def state(self) -> dict[str, Any]:
        """The middle of the logarithms."""
        return {"middle": self.middle}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take it over."""
        self.middle = float(state["middle"])

    def _distances(self, numbers: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore", over="ignore"):
            held = numbers.astype(np.float64) * self.scale
            most = np.inf if self.farthest is None else self.farthest
            known = np.isfinite(held) & (held > 0) & (held <= most)
        return np.where(known, held, np.nan).astype(np.float32)


def _distances(logs: Tensor) -> Tensor:
    # Within what a float holds, whatever a net may say.
    return logs.squeeze(1).clamp(-30, 30).exp()
