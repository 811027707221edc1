"""Where things are in a picture: a box around each, and what it is."""

import json
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field, NonNegativeFloat
from torch import Tensor

from polymodal.core import Combine, Representation, Values
from polymodal.core.masking import keep
from polymodal.encoders.pyramid_decoder import PyramidDecoder
from polymodal.tasks.base import Aspect, Decoded, Task, TaughtHead
from polymodal.tasks.boxes import BoxColumn, matched
from polymodal.tasks.metrics import box_scores
from polymodal.tasks.pixels import finest
from polymodal.tasks.targets import Names

__all__ = ["CentreHead", "Detection"]

RARE = -2.19
"""The logit of .1, which every place starts from (Lin et al. 2017, section 4.1)."""
SPREAD = 0.54 / 6
"""The spread of the peak around a centre, as a share of the box's sides (Liu et al. 2020, with alpha .54)."""
TOLD = 6
"""Numbers of each box that is told: its score, the place of its class, left, top, right, bottom."""
LEFT = 0.25
"""The share of a box that must stay in a moved picture for the box to stay."""
LEAST = 0.01
"""The score from which on a box is told."""
SHARE = 0.2
"""What the loss is multiplied by: it adds up over places where those of pixels are means, and would drown them."""


class Detection(Task):
    """Boxes around the things in the pictures of the modality `of`, which needs `tokens: pyramid`.

    A cell of `target` is a list of [left, top, right, bottom, class], as a list or as JSON text; sides are shares of
    width and height, from 0 to 1 (pixels divided by them). [] is a picture without boxes, an empty cell one of which
    nothing is known. `names` are the classes; without them, those that occur in training rows. Answers are JSON text
    of the same form with a score behind the class, at most `most` boxes a picture, the surest first.

    A thing is the peak of a map at its centre (Zhou et al. 2019, "Objects as points"), learned by their focal loss
    (eq. 1), whose peaks are as wide and as high as the box (Liu et al. 2020); at the centre, its place within the cell
    and the logarithms of its sides are learned by absolute errors. There are no anchors, and overlapping answers are
    not suppressed but by a peak being the largest of nine cells. Training moves boxes along with the pictures.
    """

    reader: BoxColumn
    answers = "boxes"
    headline = "ap50"
    ensembles = False
    at_once = 32

    def __init__(
        self,
        target: str,
        of: str,
        names: Names | None = None,
        most: Annotated[int, Field(ge=1, le=1000)] = 100,
        weight: NonNegativeFloat = 1.0,
    ) -> None:
        self.target, self.of, self.names, self.most, self.weight = target, of, names, most, weight
        self.follows: str | None = of
        self.reader = BoxColumn(target, of, names)

    @property
    def classes(self) -> Sequence[str]:
        """The names of the classes."""
        return self.reader.classes

    @property
    def speaks_of(self) -> dict[str, Sequence[str]]:
        """The modality in whose pictures things are looked for."""
        return {"of": [self.of]} | super().speaks_of

    def head(self, views: int, width: int, combine: Combine) -> "CentreHead":
        """A decoder to maps of centres, of places within a cell, and of sides."""
        return CentreHead(self.of, width, len(self.classes), self.reader.size, self.most)

    def moved(self, target: Tensor, moves: Tensor) -> Tensor:
        """Boxes (n, boxes, 5) around where their corners went; one of which little is left in the picture is gone."""
        moves = moves.to(target)
        back = torch.linalg.inv(moves[:, :, :2])
        sides = 2 * target[..., :4] - 1
        corners = torch.stack([sides[..., [0, 1]], sides[..., [2, 1]], sides[..., [0, 3]], sides[..., [2, 3]]], dim=2)
        went = torch.einsum("nij,nbcj->nbci", back, corners - moves[:, None, None, :, 2])
        whole = torch.cat([went.amin(dim=2), went.amax(dim=2)], dim=-1)
        kept = whole.clamp(-1, 1)
        areas = [(each[..., 2:] - each[..., :2]).clamp(min=0).prod(dim=-1) for each in (kept, whole)]
        there = areas[0] > LEFT * areas[1]  # False for NaN, too
        made = torch.cat([(kept + 1) / 2, target[..., 4:]], dim=-1)
        return torch.where(there.unsqueeze(-1), made, torch.nan)

    def joined(self, outputs: Sequence[Tensor]) -> Tensor:
        """What the first model says."""
        return outputs[0]

    def decode(self, outputs: Tensor) -> Decoded:
        """(n,) JSON text: [left, top, right, bottom, class, score] of each box, the surest first."""
        told = np.empty(len(outputs), dtype=object)
        for row, boxes in enumerate(outputs.double().cpu().numpy().reshape(len(outputs), -1, TOLD)):
            held = boxes[boxes[:, 0] >= LEAST]
            told[row] = json.dumps(
                [[*np.round(box[2:], 4).tolist(), self.classes[int(box[1])], round(float(box[0]), 4)] for box in held]
            )
        return Decoded(told)

    def truth(self, target: Tensor) -> np.ndarray:
        """(n,) JSON text: [left, top, right, bottom, class] of each box."""
        told = np.empty(len(target), dtype=object)
        for row, boxes in enumerate(target.double().cpu().numpy()):
            held = boxes[np.isfinite(boxes[:, 4])]
            told[row] = json.dumps([[*np.round(box[:4], 4).tolist(), self.classes[int(box[4])]] for box in held])
        return told

    def aspects(self, decoded: Decoded, truth: np.ndarray) -> list[Aspect]:
        """One thing: (n, classes) how many boxes there are, and for each row what `boxes.matched` makes of it."""
        counts = np.zeros((len(truth), len(self.classes)))
        found = np.empty(len(truth), dtype=object)
        for row, (known, told) in enumerate(zip(truth, decoded.prediction, strict=True)):
            true, said = self._numbers(known, 5), self._numbers(told, 6)
            counts[row] = np.bincount(true[:, 4].astype(np.int64), minlength=len(self.classes))
            found[row] = matched(said, true)
        return [Aspect("", Decoded(found, classes=self.classes), counts, np.ones(len(truth), dtype=bool))]

    def metrics(self, decoded: Decoded, truth: np.ndarray) -> dict[str, float]:
        """ap50 and ap50_CLASS of each class, over all rows, from what `aspects` gives."""
        return box_scores(truth, decoded.prediction, decoded.classes)

    def _numbers(self, written: str, width: int) -> np.ndarray:
        """Boxes as they are told, with the place of the class for its name."""
        boxes: list[list[Any]] = json.loads(written)
        made = [[*box[:4], self.classes.index(box[4]), *box[5:]] for box in boxes]
        return np.array(made, dtype=np.float64).reshape(-1, width)


class CentreHead(TaughtHead):
    """Maps of centres, one for each class, of places within a cell (2), and of the logarithms of sides (2).

    Outputs are (batch, most · 6): score, place of the class, left, top, right, bottom, the surest first; score 0 behind
    the last, and for a row without the picture.
    """

    def __init__(self, of: str, width: int, classes: int, size: Sequence[float], most: int) -> None:
        super().__init__()
        self.of, self.classes, self.most = of, classes, most
        prior = torch.cat([torch.full((classes,), RARE), torch.full((2,), 0.5), torch.tensor(list(size)).float()])
        self.decoder = PyramidDecoder(width, prior)

    def forward(self, representation: Representation) -> Tensor:
        """What is told of each row."""
        rows = torch.arange(len(representation.pooled), device=representation.pooled.device)
        told = representation.pooled.new_zeros(len(rows), self.most, TOLD)
        maps, present = finest(self.decoder, representation, self.of, rows)
        if maps is not None:
            peaks = self._peaks(maps)
            told[:, : peaks.shape[1]] = keep(peaks, present)
        return told.flatten(1)

    def teach(self, representation: Representation, target: Values) -> Tensor:
        """(n,) the losses of the labelled rows whose picture is there."""
        there = representation.tokens[self.of].present & target.present
        if not there.any():
            return representation.pooled.new_zeros(0)
        rows = there.nonzero().squeeze(1)
        maps, _ = finest(self.decoder, representation, self.of, rows)
        if maps is None:
            return representation.pooled.new_zeros(0)
        return self.losses(maps, target.data["target"][target.index[rows]])

    def losses(self, maps: Tensor, boxes: Tensor) -> Tensor:
        """(n,) per box, from maps (n, classes + 4, height, width) and boxes (n, boxes, 5), NaN behind the last."""
        known = boxes[..., 4].isfinite()
        held = torch.where(known.unsqueeze(-1), boxes, boxes.new_tensor([0.0, 0.0, 1.0, 1.0, 0.0])).to(maps)
        count, size = known.sum(dim=1).clamp(min=1), maps.shape[2:]
        scale = maps.new_tensor([size[1], size[0]])
        middle = (held[..., :2] + held[..., 2:4]) / 2 * scale
        sides = (held[..., 2:4] - held[..., :2]).clamp(min=1e-6)
        cell = torch.minimum(middle.floor().clamp(min=0), scale - 1)
        heat = self._heat(cell, sides * scale, held[..., 4].long(), known, (size[0], size[1]))
        logits = maps[:, : self.classes]
        chance = logits.sigmoid()
        right = (1 - chance).square() * F.logsigmoid(logits)
        wrong = (1 - heat).pow(4) * chance.square() * F.logsigmoid(-logits)
        focal = -torch.where(heat == 1, right, wrong).flatten(1).sum(dim=1)
        place = (cell[..., 1] * size[1] + cell[..., 0]).long().unsqueeze(1).expand(-1, 4, -1)
        told = maps[:, self.classes :].flatten(2).gather(2, place).transpose(1, 2)
        wanted = torch.cat([middle - cell, sides.log()], dim=-1)
        return SHARE * (focal + keep((told - wanted).abs().sum(dim=-1), known).sum(dim=1)) / count

    def _heat(self, cell: Tensor, sides: Tensor, kinds: Tensor, known: Tensor, size: tuple[int, int]) -> Tensor:
        """(n, classes, height, width) 1 at the centres, less around them, and 0 far away."""
        places = [torch.arange(length, device=cell.device, dtype=cell.dtype) for length in (size[1], size[0])]
        across, down = (
            torch.exp(-(place - cell[..., axis, None]).square() / (2 * (SPREAD * sides[..., axis, None]).square()))
            for axis, place in enumerate(places)
        )
        peaks = keep(down.unsqueeze(-1) * across.unsqueeze(-2), known)
        heat = cell.new_zeros(len(cell), self.classes, *size)
        return heat.scatter_reduce(1, kinds[..., None, None].expand_as(peaks), peaks, "amax")

    def _peaks(self, maps: Tensor) -> Tensor:
        """(n, boxes, 6) the cells that are the largest of nine, the surest first."""
        heat, size = maps[:, : self.classes].sigmoid(), maps.shape[2:]
        top = keep(heat, heat == F.max_pool2d(heat, 3, 1, 1)).flatten(1)
        score, found = top.topk(min(self.most, top.shape[1]), dim=1)
        kind, place = found // (size[0] * size[1]), found % (size[0] * size[1])
        told = maps[:, self.classes :].flatten(2).gather(2, place.unsqueeze(1).expand(-1, 4, -1)).transpose(1, 2)
        cell = torch.stack([place % size[1], place // size[1]], dim=-1)
        middle = (cell + told[..., :2]) / maps.new_tensor([size[1], size[0]])
        half = told[..., 2:].clamp(-10, 0).exp() / 2
        said = torch.stack([score, kind.to(maps)], dim=-1)
        return torch.cat([said, (middle - half).clamp(0, 1), (middle + half).clamp(0, 1)], dim=-1)
