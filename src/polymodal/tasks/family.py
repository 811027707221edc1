"""Many alike questions in one long table, each told by a description: also those that training never met."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor, nn

from polymodal.core import Combine, Refusal, Representation, Values
from polymodal.core.masking import keep
from polymodal.core.shapes import Outputs, Pooled
from polymodal.data.base import Cells, Column, DataTable, Rows
from polymodal.data.kinds import parse_labels
from polymodal.data.plain import Plain
from polymodal.encoders.hypernetwork import Adapter, Hypernetwork
from polymodal.tasks.base import Aspect, Decoded, Head, Task
from polymodal.tasks.binary import Binary
from polymodal.tasks.by_member import OF_MEMBER, member_table
from polymodal.tasks.metrics import Answers, measure
from polymodal.tasks.regression import Regression
from polymodal.tasks.targets import LabelColumn, NumberColumn, TargetCells, collate_targets

__all__ = ["Family", "FamilyColumn", "HyperHead"]


class Family(Task):
    """Many alike questions, a row for each that was asked of a thing: a molecule, an assay, and what came out.

    `member` names the column that says which question a row asks, `target` the one with the answer, and `described` the
    modalities that tell what a question is about: a text, numbers, a molecule. Only the head reads these, which a
    hypernetwork makes from them, and the rest of the model does not see them; so a question that was never met is
    answered from its description. `each` is "binary" (`positive` names the label that counts as yes) or "regression".
    `rank` is how many directions heads may differ in, `adapter` the width of a detour that is made for each question
    before its head, 0 for none. `gain` is by how much heads differ at the start, in logits or standard deviations; they
    learn to differ as much more slowly as it is small, which keeps them near their mean where descriptions say little.
    Metrics are means over the questions that have enough rows, and intervals draw
    questions.
    """

    reader: "FamilyColumn"
    answers = "members"

    def __init__(
        self,
        target: str,
        member: str,
        described: Annotated[Sequence[str], Field(min_length=1)],
        each: Literal["binary", "regression"] = "binary",
        positive: str | None = None,
        rank: PositiveInt = 16,
        adapter: Annotated[int, Field(ge=0)] = 0,
        gain: PositiveFloat = 1.0,
        weight: NonNegativeFloat = 1.0,
    ) -> None:
        self.target, self.member, self.described = target, member, list(described)
        self.each, self.positive, self.rank = each, positive, rank
        self.adapter, self.gain, self.weight = adapter, gain, weight
        self.one = Binary(target, positive) if each == "binary" else Regression(target)
        self.headline = self.one.headline  # type: ignore[misc]
        self.hides = self.described
        self.reader = FamilyColumn(target, member, self.described, self.one.reader)

    @property
    def classes(self) -> Sequence[str]:
        """The two labels, the positive one last; none where numbers are predicted."""
        return self.one.classes

    @property
    def speaks_of(self) -> dict[str, Sequence[str]]:
        """The modalities that describe."""
        return {"described": self.described}

    @property
    def needs(self) -> Sequence[str]:
        """A question of which nothing is described is not answered."""
        return self.described

    def head(self, views: int, width: int, combine: Combine) -> nn.Module:
        """A head for each question, made from its description, all starting near the mean of the training rows."""
        usual = self.one.head(views, width, combine)
        net = ViewNet(views, width, usual.get_parameter("prior").detach(), self.adapter)
        return HyperHead(net, self.described, width, (self.rank, self.gain), combine)

    def losses(self, outputs: Outputs, target: Tensor) -> Tensor:
        """(n,) those of a binary task, or of regression."""
        return self.one.losses(outputs, target[:, 0])

    def decode(self, outputs: Outputs) -> Decoded:
        """As a binary task, or regression."""
        return self.one.decode(outputs)

    def truth(self, target: Tensor) -> np.ndarray:
        """(n,) pairs of "target", a label or a number, and "member", the name of the question."""
        made = np.empty(len(target), dtype=OF_MEMBER)
        value = target[:, 0] if self.each == "regression" else target[:, 0].long()
        made["target"] = self.one.truth(value)
        made["member"] = [self.reader.met.get(int(number), str(int(number))) for number in target[:, 1]]
        return made

    def metrics(self, decoded: Decoded, truth: np.ndarray) -> dict[str, float]:
        """Means over members: auroc and auprc, or r2, pearson and mae."""
        given = Answers("members", truth, decoded.prediction, decoded.probabilities, decoded.classes)
        found = {name: float(value[0]) for name, value in measure(given).items()}
        return {name: value for name, value in found.items() if np.isfinite(value)}

    def aspects(self, decoded: Decoded, truth: np.ndarray) -> list[Aspect]:
        """All members together, which are drawn again as such; with each one's scores, and who has too few rows."""
        told = decoded.prediction if decoded.probabilities is None else decoded.probabilities[:, -1]
        scores, few = member_table(truth, told, decoded.classes[-1] if decoded.classes else None)
        every = np.ones(len(truth), dtype=bool)
        return [Aspect("", decoded, truth, every, truth["member"], {"members": scores, "too_few_rows": few})]


class ViewNet(nn.Module):
    """A linear decision on each view, perhaps behind an adapter; the weights are those of a question not described."""

    def __init__(self, views: int, width: int, prior: Tensor, adapter: int) -> None:
        super().__init__()
        self.adapter = Adapter(width, adapter) if adapter else None
        self.views = nn.ModuleList(nn.Linear(width, len(prior), bias=False) for _ in range(views))
        for view in self.views:
            nn.init.normal_(view.get_parameter("weight"), std=0.1 * width**-0.5)
        self.prior = nn.Parameter(prior.clone().float())

    def forward(self, pooled: Pooled) -> tuple[Tensor, Tensor]:
        """(rows, views, width) → decisions (rows, views, outputs), and what they are added to (rows, outputs)."""
        seen = pooled if self.adapter is None else self.adapter(pooled)
        decisions = torch.stack([view(seen[:, place]) for place, view in enumerate(self.views)], dim=1)
        return decisions, self.prior.expand(len(pooled), -1)


class HyperHead(nn.Module):
    """A head for each question in the batch, made by a hypernetwork from what is unfused of its description.

    `size` is the rank and the gain. `shift` (rank,) is added to every code; it is zero but where a few rows of one
    question taught it (`few_shot`).
    """

    shift: Tensor

    def __init__(
        self, net: ViewNet, described: Sequence[str], width: int, size: tuple[int, float], combine: Combine
    ) -> None:
        super().__init__()
        self.made = Hypernetwork(net, described, width, *size)
        self.combine = combine
        self.gate = nn.Parameter(torch.zeros(len(net.views), width)) if combine == "learned" else None
        self.register_buffer("shift", torch.zeros(size[0]))

    def codes(self, representation: Representation) -> tuple[Tensor, Tensor]:
        """(n, rank) the codes of the distinct questions of these rows, and (rows,) which of them a row asks."""
        codes, which = self.made.questions(representation.unfused, len(representation.pooled))
        return codes + self.shift, which

    def decided(self, codes: Tensor, which: Tensor, representation: Representation) -> Outputs:
        """(batch, outputs) by the heads of these codes."""
        pooled = keep(representation.pooled, representation.view_mask)
        decisions, prior = self.made(codes, which, pooled)
        outputs: Tensor = prior + Head.joined(decisions, representation, self.combine, self.gate)
        return outputs

    def forward(self, representation: Representation) -> Outputs:
        """(batch, outputs) from the views that are there."""
        return self.decided(*self.codes(representation), representation)


class FamilyColumn(Column[TargetCells]):
    """The answer and the question of each row: the part "target" is (n, 2), a class or number and the member's number.

    A member's number depends on its name alone. `met` knows the names of all members that were read.
    """

    def __init__(self, target: str, member: str, described: Sequence[str], answer: LabelColumn | NumberColumn) -> None:
        self.names, self.target, self.member = [target, member], target, member
        self.described, self.answer = described, answer
        self.met: dict[int, str] = {}

    def fit(self, table: DataTable, rows: Rows) -> None:
        """Learn what the answers are. Raises DataError where a column is not there."""
        table.column(self.member)
        self.answer.fit(table, rows)

    def read(self, table: DataTable) -> TargetCells:
        """Answers of named members; an answer without a member is refused and the row is unlabelled."""
        cells = self.answer.read(table)
        labels = parse_labels(table.column(self.member), table.missing)
        number = {label: _number(label) for label in set(labels) if label is not None}
        self.met |= {place: label for label, place in number.items()}
        named = np.array([label is not None for label in labels], dtype=bool)
        members = np.array([0 if label is None else number[label] for label in labels], dtype=np.float64)
        refused = [
            Refusal(int(row), self.member, "the row does not say which member of the family it asks")
            for row in np.flatnonzero(cells.present & ~named)
        ]
        values = np.stack([cells.values.astype(np.float64), members], axis=1)
        return TargetCells(cells.present & named, values, refusals=[*cells.refusals, *refused])

    def beside(self, cells: TargetCells, inputs: Mapping[str, tuple[Column[Any], Cells]]) -> TargetCells:
        """The same without rows whose member is not described: they are refused and unlabelled."""
        told = np.zeros(len(cells.present), dtype=bool)
        for name in self.described:
            told |= inputs[name][1].present if name in inputs else False
        refused = [
            Refusal(int(row), self.target, f'"{self.met[int(cells.values[row, 1])]}" is not described: {self._lacking}')
            for row in np.flatnonzero(cells.present & ~told)
        ]
        return replace(cells, present=cells.present & told, refusals=[*cells.refusals, *refused])

    @property
    def _lacking(self) -> str:
        return f"the row has nothing of {', '.join(self.described)}"

    def collate(self, cells: TargetCells, rows: Rows) -> tuple[Values, list[Refusal]]:
        """Answers and members of these rows under the name "target"."""
        return collate_targets(cells, rows), []

    def plain(self, cells: TargetCells, rows: Rows) -> list[Plain]:
        """Nothing: a target is never a feature."""
        return []

    def state(self) -> dict[str, Any]:
        """What was learned of the answers."""
        return self.answer.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take it over."""
        self.answer.restore(state)


def _number(name: str) -> int:
    """48 bits of a digest, which a float64 holds exactly: two of ten thousand names agree once in five million."""
    return int.from_bytes(hashlib.blake2b(name.encode(errors="surrogatepass"), digest_size=6).digest(), "big")
