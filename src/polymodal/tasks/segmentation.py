"""Which class each pixel of a picture is of."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field, NonNegativeFloat
from torch import Tensor

from polymodal.core import Combine, DataError
from polymodal.core.masking import keep, masked_mean
from polymodal.data.augmentation import follow
from polymodal.data.pictures import unusable
from polymodal.tasks.base import Aspect, Decoded, Task
from polymodal.tasks.maps import MapColumn, MapKind, MapSize
from polymodal.tasks.metrics import pixel_scores
from polymodal.tasks.pixels import PixelHead
from polymodal.tasks.targets import Names

__all__ = ["LabelMaps", "Segmentation"]

NOTHING = 255
"""What stands for a place without a label, and so the number of classes at most."""


class Segmentation(Task):
    """A class for each pixel of the pictures of the modality `of`, which needs `tokens: pyramid`.

    `target` names label maps: PNG files of one channel or with a palette, .npy files or arrays, that hold class numbers
    from 0 to 254. Numbers in `ignore` are no class, are not learned and not judged. `names` are the classes in the
    order of their numbers; without them, classes are the numbers that occur in training maps. Maps are brought to one
    `size`, (height, width), which is that of the answers; "auto" takes what training maps have, up to 256.

    Learned by the mean cross-entropy of the labelled pixels plus `dice` times soft Dice (Milletari et al. 2016; Sudre
    et al. 2017): the mean, over the classes that a picture shows, of 1 − 2 Σ p·t / (Σ p + Σ t), by which a thin pole
    weighs as much as the sky. In the cross-entropy a pixel weighs (1 / frequency of its class) ^ `balance` in training
    maps, 1 on average over their pixels; at 1 all classes weigh the same (Eigen and Fergus 2015, but for
    a factor). Training moves the maps along with the pictures.
    """

    reader: MapColumn
    answers = "pixels"
    headline = "miou"
    ensembles = False
    at_once = 32

    def __init__(
        self,
        target: str,
        of: str,
        names: Names | None = None,
        ignore: Sequence[int] = (255,),
        size: MapSize = "auto",
        dice: NonNegativeFloat = 1.0,
        balance: Annotated[float, Field(ge=0, le=1)] = 0.0,
        weight: NonNegativeFloat = 1.0,
    ) -> None:
        self.target, self.of, self.names, self.ignore = target, of, names, ignore
        self.size, self.dice, self.balance, self.weight = size, dice, balance, weight
        self.follows: str | None = of
        self.labels = LabelMaps(names, ignore)
        self.reader = MapColumn(target, of, size, self.labels)

    @property
    def classes(self) -> Sequence[str]:
        """The names of the classes, or their numbers."""
        names = self.names
        return [str(number) if names is None else names[number] for number in self.labels.numbers]

    @property
    def class_weights(self) -> list[float]:
        """What a pixel of each class weighs in the cross-entropy: 1 on average over the pixels of training maps."""
        counts = np.array(self.labels.counts, dtype=float)
        raised = np.where(counts > 0, np.maximum(counts, 1) ** -self.balance, 0.0)
        told: list[float] = (raised * counts.sum() / (raised * counts).sum()).tolist()
        return told

    @property
    def speaks_of(self) -> dict[str, Sequence[str]]:
        """The modality whose pixels are told apart."""
        return {"of": [self.of]} | super().speaks_of

    def head(self, views: int, width: int, combine: Combine) -> PixelHead:
        """A decoder that starts from how frequent each class is."""
        counts = torch.tensor(self.labels.counts, dtype=torch.float64) + 1
        prior = (counts.log() - counts.log().mean()).float()
        size = (self.reader.height, self.reader.width)
        return PixelHead(self.of, width, prior, size, self.loss_of, _likeliest)

    def loss_of(self, logits: Tensor, target: Tensor) -> Tensor:
        """(n,) cross-entropy and Dice; logits (n, classes, height, width), places of classes (n, height, width)."""
        logs, known = F.log_softmax(logits, dim=1).flatten(2), (target != NOTHING).flatten(1)
        codes = target.long().flatten(1).masked_fill(~known, 0).unsqueeze(1)
        right = logs.gather(1, codes).squeeze(1)
        weights = logits.new_tensor(self.class_weights)
        entropy = masked_mean(-right * weights[codes.squeeze(1)] if self.balance else -right, known)
        if self.dice == 0:
            return entropy
        shape = (len(logits), logits.shape[1])
        told = torch.where(known.unsqueeze(1), logs.exp(), 0.0).sum(dim=2)
        both = logits.new_zeros(shape).scatter_add(1, codes.squeeze(1), keep(right.exp(), known))
        true = logits.new_zeros(shape).scatter_add(1, codes.squeeze(1), known.to(logits.dtype))
        lost = 1 - 2 * both / (told + true).clamp(min=1e-6)
        return entropy + self.dice * masked_mean(lost, true > 0)

    def moved(self, target: Tensor, moves: Tensor) -> Tensor:
        """Label maps moved along with their pictures; what comes in from outside has no label."""
        return follow(target, NOTHING, moves)

    def joined(self, outputs: Sequence[Tensor]) -> Tensor:
        """What the first model says."""
        return outputs[0]

    def decode(self, outputs: Tensor) -> Decoded:
        """(n, height, width) class numbers, as label maps hold them."""
        numbers = torch.tensor(self.labels.numbers, dtype=torch.uint8)
        told = numbers[outputs.cpu().long()].reshape(-1, self.reader.height, self.reader.width)
        return Decoded(told.numpy())

    def truth(self, target: Tensor) -> np.ndarray:
        """(n, height, width) class numbers, −1 where there is none."""
        numbers = torch.full((NOTHING + 1,), -1, dtype=torch.int16)
        numbers[: len(self.labels.numbers)] = torch.tensor(self.labels.numbers, dtype=torch.int16)
        return np.asarray(numbers[target.cpu().long()].numpy())

    def aspects(self, decoded: Decoded, truth: np.ndarray) -> list[Aspect]:
        """One thing, as tables (n, classes, classes) of how many pixels of each class are taken for which."""
        count, place = len(self.labels.numbers), np.full(NOTHING + 1, -1)
        place[self.labels.numbers] = np.arange(count)
        tables = np.zeros((len(truth), count, count), dtype=np.int64)
        for row, (known, told) in enumerate(zip(truth, decoded.prediction, strict=True)):
            pairs = place[known[known >= 0]] * count + place[told[known >= 0]]
            tables[row] = np.bincount(pairs, minlength=count**2).reshape(count, count)
        judged = Decoded(tables, classes=self.classes)
        return [Aspect("", judged, tables.sum(axis=2), np.ones(len(truth), dtype=bool))]

    def metrics(self, decoded: Decoded, truth: np.ndarray) -> dict[str, float]:
        """miou and pixel_accuracy, from tables as `aspects` gives them, over all pixels of all rows."""
        return pixel_scores(decoded.prediction)


class LabelMaps(MapKind):
    """Maps of class numbers, as uint8: places in `numbers`, 255 = no label."""

    unknown = np.uint8(NOTHING)

    def __init__(self, names: Sequence[str] | None, ignore: Sequence[int]) -> None:
        self.ignore = sorted(set(ignore))
        named = range(0 if names is None else len(names))
        self.numbers = [number for number in named if number not in self.ignore]
        self.named, self.counts = names is not None, [0] * len(self.numbers)

    def learn(self, maps: Iterator[np.ndarray], where: str) -> None:
        """The classes, and how many pixels have each. Raises DataError for fewer than two, or more than 255."""
        counts = np.zeros(NOTHING, dtype=np.int64)
        for numbers in maps:
            if not _is_whole(numbers):
                continue
            held = numbers.astype(np.int64)
            held = held[~np.isin(held, self.ignore) & (held >= 0) & (held < NOTHING)]
            counts += np.bincount(held, minlength=NOTHING)
        if not self.named:
            self.numbers = np.flatnonzero(counts).tolist()
        self.counts = counts[self.numbers].tolist()
        if sum(count > 0 for count in self.counts) < 2:
            raise DataError(
                "too-few-classes",
                where=where,
                expected="maps of class numbers from 0 to 254, of two classes at least",
                found=f"{sum(count > 0 for count in self.counts)} classes in the training maps",
                remedy="check the column and what is ignored; one class for a whole picture is a multiclass task",
            )

    def coded(self, numbers: np.ndarray) -> np.ndarray:
        """Places in `numbers`; a number that is neither a class nor ignored is refused."""
        if not _is_whole(numbers):
            raise unusable("no-class-numbers", "holds fractions, not class numbers", "store whole numbers")
        held = numbers.astype(np.int64)
        strange = np.setdiff1d(np.unique(held), [*self.numbers, *self.ignore])
        if len(strange):
            shown = ", ".join(map(str, strange[:5].tolist()))
            found = f"holds {shown}, which is no class of the training maps and not ignored"
            raise unusable("unknown-class", found, "name all classes (names), or list what is none (ignore)")
        place = np.full(NOTHING + 1, NOTHING, dtype=np.uint8)
        place[self.numbers] = np.arange(len(self.numbers))
        return np.where(np.isin(held, self.ignore), np.uint8(NOTHING), place[held.clip(0, NOTHING)])

    def state(self) -> dict[str, Any]:
        """The classes, and how many pixels of training maps have each."""
        return {"numbers": self.numbers, "counts": self.counts}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take them over."""
        self.numbers, self.counts = list(state["numbers"]), list(state["counts"])


def _is_whole(numbers: np.ndarray) -> bool:
    return numbers.dtype.kind != "f" or bool(np.isfinite(numbers).all() and (numbers == np.rint(numbers)).all())


def _likeliest(logits: Tensor) -> Tensor:
    return logits.argmax(dim=1).to(torch.uint8)
