"""How soon."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field, NonNegativeFloat, PositiveFloat
from torch import Tensor, nn

from polymodal.core import Combine, DataError, Refusal, Values
from polymodal.core.masking import keep
from polymodal.core.shapes import Outputs
from polymodal.data.base import Column, DataTable, Rows
from polymodal.data.plain import Plain
from polymodal.tasks import metrics as measures
from polymodal.tasks.base import Decoded, Head, Task
from polymodal.tasks.hazards import Curves, Steps, baseline_hazard, curve_times, outcomes, proportional_curves
from polymodal.tasks.targets import LabelColumn, NumberColumn, TargetCells, collate_targets

__all__ = ["OutcomeColumn", "Survival"]

USUAL_HORIZON = 0.9
"""Unless a horizon is given, this share of the events of the training rows lies before it: beyond it few are left."""
COMPETING = "; of several outcomes write a column that says whether the one asked about came: others end the watching"
"""What to do with an event column of more than two labels."""
EACH = '; where it happened to everybody write "event: null"'
"""What to do with an event column of a single label."""


class Survival(Task):
    """How soon something happens, learned also from those to whom it has not happened yet (censoring).

    `time` is the column with how long each row was watched, `event` the one that says whether it happened then; None
    where it happened in every row. `positive` names the label of `event` that says that it did; unless given it is the
    later one in order (1 of 0 and 1, "yes" of "no" and "yes"), so that a column of censoring marks takes "0".
    `loss="cox"` is the negative partial log-likelihood of proportional hazards, ties by Breslow (Cox 1972; Breslow
    1974): each event is compared with those of its batch who were still watched. `loss="discrete"` asks in each of up
    to `pieces` pieces of time, cut at quantiles of the training rows' events, whether it happens there (Gensheimer and
    Narasimhan 2019); hazards need not be proportional then. `at` are times at which predictions tell the chance that it
    has not happened yet; a cell is empty where nobody of the training rows was watched for so long. Curves are judged
    up to `horizon`, unless given the time before which 90 % of the training rows' events lie, whatever `at` asks for.
    """

    reader: "OutcomeColumn"
    answers = "times"
    headline = "c_index"

    def __init__(
        self,
        time: str,
        event: str | None,
        positive: str | None = None,
        loss: Literal["cox", "discrete"] = "cox",
        pieces: Annotated[int, Field(ge=2, le=1000)] = 12,
        at: Sequence[NonNegativeFloat] = (),
        horizon: PositiveFloat | None = None,
        weight: NonNegativeFloat = 1.0,
    ) -> None:
        self.time, self.event, self.positive, self.loss, self.pieces = time, event, positive, loss, pieces
        self.at, self.horizon, self.weight = list(at), horizon, weight
        self.target = time
        self.reader = OutcomeColumn(time, event, positive, pieces)

    @property
    def targets(self) -> Sequence[str]:
        """The column of times, and that of events."""
        return self.reader.names

    @property
    def compares(self) -> bool:
        """Whether the loss of a row speaks of the rows beside it: of those who were still watched."""
        return self.loss == "cox"

    @property
    def times(self) -> np.ndarray:
        """From 0 to the horizon."""
        return curve_times(self._end, [time for time in self.at if time <= self._end])

    @property
    def _end(self) -> float:
        """The horizon: the one that was asked for, or the usual one."""
        return self.horizon or self.reader.horizon

    def head(self, views: int, width: int, combine: Combine) -> nn.Module:
        """The logarithm of a relative hazard; or a logit for each piece, starting from the training rows' hazard."""
        prior = torch.zeros(1) if self.loss == "cox" else torch.logit(torch.tensor(self.reader.hazards)).float()
        return Head(views, width, prior, combine)

    def losses(self, outputs: Outputs, target: Tensor) -> Tensor:
        """(n,) negative partial log-likelihood, 0 for a censored row, or negative log-likelihood of the pieces.

        Of rows without an event there is no partial likelihood: then there are no losses at all.
        """
        time, event = target[:, 0], target[:, 1] > 0
        if self.loss == "cox":
            return _partial(outputs[:, 0], time, event) if event.any() else outputs[:0, 0]
        edges = torch.tensor(self.reader.edges, dtype=time.dtype, device=time.device)
        middles = (torch.cat([edges.new_zeros(1), edges[:-1]]) + edges) / 2
        # A censored row counts for a piece that it was watched in for more than half (Gensheimer and Narasimhan 2019).
        piece = torch.searchsorted(edges, time.contiguous()).clamp(max=len(edges) - 1)
        passed = torch.where(event, piece, torch.searchsorted(middles, time.contiguous(), right=True))
        place = torch.arange(len(edges), device=time.device)
        happened = event.unsqueeze(1) & (place == piece.unsqueeze(1))
        each = F.binary_cross_entropy_with_logits(outputs, happened.to(outputs.dtype), reduction="none")
        return keep(each, happened | (place < passed.unsqueeze(1))).sum(dim=1)

    def settle(self, outputs: Outputs, target: Tensor) -> None:
        """Learn the baseline hazard (Breslow 1972) from what the finished model says of its training rows."""
        if self.loss == "cox" and len(outputs):
            self.reader.settle(outputs[:, 0].double().cpu().numpy(), self.truth(target))

    def decode(self, outputs: Outputs) -> Decoded:
        """A risk, larger where it happens sooner, and the chance over time that it has not happened yet.

        The risk is the logarithm of the hazard relative to the mean training row; or the share of the time up to the
        last edge of the pieces that is expected to be lost.
        """
        made, times = outputs.double().cpu().numpy(), curve_times(self._end, self.at)
        if self.loss == "cox":
            risk = made[:, 0] - self.reader.centre
            return Decoded(risk, curves=self._curves(times, proportional_curves(self.reader.baseline, risk, times)))
        edges = np.r_[0.0, self.reader.edges]
        gathered = np.cumsum(np.logaddexp(0.0, made), axis=1)
        logs = -np.concatenate([np.zeros((len(made), 1)), gathered], axis=1)
        # Between two edges the hazard is constant (Kvamme and Borgan 2021), so that the logarithm falls on a line.
        fine = np.unique(np.r_[np.linspace(0.0, edges[-1], 257), edges])
        lost = 1 - np.trapezoid(np.exp(_between(fine, edges, logs)), fine, axis=1) / edges[-1]
        return Decoded(lost, curves=self._curves(times, np.exp(_between(times, edges, logs))))

    def _curves(self, times: np.ndarray, chances: np.ndarray) -> Curves:
        """Curves that say nothing of times that nobody was watched for, unless they are judged there."""
        unknown = times > max(self.reader.longest, self._end)
        return Curves(times, np.where(unknown, np.nan, chances), self.at, self._end)

    def truth(self, target: Tensor) -> np.ndarray:
        """(n,) of the type `OUTCOME`: time, and whether it happened."""
        known = target.double().cpu().numpy()
        return outcomes(known[:, 0], known[:, 1] > 0)

    def metrics(self, decoded: Decoded, truth: np.ndarray) -> dict[str, float]:
        """c_index, integrated_brier."""
        return measures.survival(truth, decoded.prediction, decoded.curves)


def _partial(risk: Tensor, time: Tensor, event: Tensor) -> Tensor:
    """(n,) log of the sum of the hazards of all who were at risk when the row's event came, less its own; else 0."""
    order = torch.argsort(time, descending=True, stable=True)
    gathered, ordered = torch.logcumsumexp(risk[order], dim=0), -time[order]
    last = torch.searchsorted(ordered, -time.contiguous(), right=True) - 1
    return keep(gathered[last] - risk, event)


def _between(times: np.ndarray, edges: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(n, times) values (n, edges) on straight lines between the edges, and as at the last edge beyond it."""
    place = np.clip(np.searchsorted(edges, times, side="right") - 1, 0, len(edges) - 2)
    share = np.clip((times - edges[place]) / (edges[place + 1] - edges[place]), 0.0, 1.0)
    return values[:, place] + share * (values[:, place + 1] - values[:, place])


class OutcomeColumn(Column[TargetCells]):
    """Two columns: how long a row was watched, and whether the event happened then.

    A row that has one of both only, or a time below zero, is refused and unlabelled. Targets are (n, 2): time, event.
    """

    def __init__(self, time: str, event: str | None, positive: str | None, pieces: int) -> None:
        self.names = [time] if event is None else [time, event]
        self.clock, self.pieces = NumberColumn(time), pieces
        self.marks = (
            None if event is None else LabelColumn(event, last=positive, exactly=2, otherwise=COMPETING, lone=EACH)
        )
        self.baseline, self.centre, self.horizon = Steps(np.zeros(0), np.zeros(0), 0.0), 0.0, 1.0
        self.longest = np.inf
        self.edges: list[float] = []
        self.hazards: list[float] = []

    def fit(self, table: DataTable, rows: Rows) -> None:
        """Learn how both are written, when events come, and how often. Raises DataError without an event."""
        self.clock.fit(table, rows)
        if self.marks is not None:
            self.marks.fit(table, rows)
        cells = self.read(table.take(rows))
        known = cells.values[cells.present]
        truth = outcomes(known[:, 0], known[:, 1] > 0)
        happened = truth["time"][truth["event"]]
        if not len(happened) or happened.max() <= 0:
            raise DataError(
                "no-event",
                where=f"{table.source}, columns {' and '.join(self.names)}",
                expected="a training row to which the event happened, at a time above zero",
                found=f"{len(truth)} usable rows, " + ("all events at time zero" if len(happened) else "no event"),
                remedy="check the split, and name the label that says that it happened (positive)",
            )
        later = happened[happened > 0]
        self.edges = np.unique(np.quantile(later, np.linspace(0, 1, self.pieces + 1)[1:])).tolist()
        self.horizon, self.longest = float(np.quantile(later, USUAL_HORIZON)), float(truth["time"].max())
        self.baseline, self.centre = baseline_hazard(truth, np.zeros(len(truth))), 0.0
        gone = np.bincount(np.searchsorted(self.edges, happened), minlength=len(self.edges))
        begun = [int((truth["time"] > start).sum()) for start in [0.0, *self.edges[:-1]]]
        self.hazards = [(one + 0.5) / (max(one, many) + 1) for one, many in zip(gone.tolist(), begun, strict=True)]

    def settle(self, risk: np.ndarray, truth: np.ndarray) -> None:
        """Keep the baseline hazard of a row of mean risk, out of the risks (n,) and outcomes of training rows."""
        self.centre = float(risk.mean())
        self.baseline = baseline_hazard(truth, risk - self.centre)

    def read(self, table: DataTable) -> TargetCells:
        """(rows, 2) times and events."""
        times = self.clock.read(table)
        happened, marked = np.ones(len(table)), np.ones(len(table), dtype=bool)
        refusals = list(times.refusals)
        if self.marks is not None:
            read = self.marks.read(table)
            happened, marked = read.values.astype(np.float64), read.present
            refusals += read.refusals
        early = times.present & (times.values < 0)
        refusals += [
            Refusal(int(row), self.names[0], f'"{times.values[row]:g}" is before the beginning: times are 0 or more')
            for row in np.flatnonzero(early)
        ]
        told = {refusal.row for refusal in refusals}
        alone = [row for row in np.flatnonzero(times.present != marked).tolist() if row not in told]
        lacking = {True: "there is a time, but not whether it happened", False: "it has no time"}
        refusals += [
            Refusal(row, self.names[int(times.present[row])], lacking[bool(times.present[row])])
            for row in (alone if self.marks is not None else [])
        ]
        return TargetCells(
            times.present & marked & ~early, np.stack([times.values, happened], axis=1), refusals=refusals
        )

    def collate(self, cells: TargetCells, rows: Rows) -> tuple[Values, list[Refusal]]:
        """Targets (n, 2) of these rows under the name "target"."""
        return collate_targets(cells, rows), []

    def plain(self, cells: TargetCells, rows: Rows) -> list[Plain]:
        """Nothing: a target is never a feature."""
        return []

    def state(self) -> dict[str, Any]:
        """How the columns are written, the pieces of time, the horizon and the baseline hazard."""
        return {
            "clock": self.clock.state(),
            "marks": None if self.marks is None else self.marks.state(),
            "edges": self.edges,
            "hazards": self.hazards,
            "horizon": self.horizon,
            "longest": self.longest,
            "centre": self.centre,
            "baseline": [self.baseline.times.tolist(), self.baseline.values.tolist()],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take them over."""
        self.clock.restore(state["clock"])
        if self.marks is not None:
            self.marks.restore(state["marks"])
        self.edges, self.hazards = list(state["edges"]), list(state["hazards"])
        self.horizon, self.centre = float(state["horizon"]), float(state["centre"])
        self.longest = float(state.get("longest", np.inf))
        times, values = (np.array(part, dtype=np.float64) for part in state["baseline"])
        self.baseline = Steps(times, values, 0.0)
