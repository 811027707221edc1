"""Losses of the tasks, inner products of their gradients, and the guard against numbers that are not finite."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor

from polymodal.core import Batch, DivergedError, Representation, Values
from polymodal.core.masking import masked_mean
from polymodal.model import Model
from polymodal.tasks.base import TaughtHead
from polymodal.training.settings import Settings

__all__ = [
    "Alone",
    "Suspects",
    "TaskGradients",
    "all_losses",
    "cosines",
    "decided_alone",
    "diverged",
    "features",
    "gramian",
    "gramian_places",
    "means",
    "objective",
    "own_losses",
    "sample_losses",
    "task_losses",
]


def task_losses(
    model: Model, outputs: Mapping[str, Tensor], batch: Batch, representation: Representation | None = None
) -> Tensor:
    """(tasks,) the weighted mean loss over the labelled rows of each task; NaN where no row is labelled.

    A task whose head is taught learns from the `representation`, and has no loss without one.
    """
    return means(model, all_losses(model, outputs, batch, representation))


def all_losses(
    model: Model, outputs: Mapping[str, Tensor], batch: Batch, representation: Representation | None = None
) -> dict[str, Tensor]:
    """(labelled,) the losses of samples by the names in `model.balanced`: of each task, or of each part of it."""
    found: dict[str, Tensor] = {}
    for name, task in model.tasks.items():
        if task.parts:
            found |= _part_losses(model, name, batch, representation)
        else:
            found[name] = sample_losses(model, name, outputs, batch, representation)
    return found


def _part_losses(model: Model, name: str, batch: Batch, representation: Representation | None) -> dict[str, Tensor]:
    head, nothing = model.heads[name], torch.zeros(0, device=batch.rows.device)
    if representation is None or not isinstance(head, TaughtHead):
        return {f"{name}.{part}": nothing for part in model.tasks[name].parts}
    taught = head.teach_parts(model.read([name], representation)[name], batch.targets[name])
    return {f"{name}.{part}": taught[part] for part in model.tasks[name].parts}


def means(model: Model, losses: Mapping[str, Tensor]) -> Tensor:
    """(losses,) the weighted mean of the losses of samples of each task, or part of it; NaN where there are none."""
    found = []
    for name, task in model.balanced.items():
        each = losses[name]
        mean = each.mean() if len(each) else torch.full((), torch.nan, device=each.device)
        found.append(mean if task.weight == 1.0 else task.weight * mean)
    return torch.stack(found) if found else torch.zeros(0)


def objective(model: Model, losses: Tensor, alone: "Alone | None", weight: float) -> Tensor:
    """(tasks,) what training lowers: the mean of a task's loss and, `weight` times, that of its views' own decisions.

    A task of which no view has decided alone keeps its loss.
    """
    if weight == 0 or alone is None:
        return losses
    own = means(model, alone.losses)
    return torch.where(own.isnan(), losses, (losses + weight * own) / (1.0 + weight))


@dataclass(frozen=True)
class Alone:
    """What the views of a fusion lose when each decides alone.

    `losses` holds, by task, (labelled,) the loss of each labelled pair (row, view); `batch` has the targets of all
    pairs, and `place` (pairs,) tells which of the `views` each pair is about.
    """

    losses: Mapping[str, Tensor]
    batch: Batch
    place: Tensor
    views: int

    def by_view(self, values: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """(tasks, views) the mean of a value of each labelled pair, zero without any, and the number of these pairs.

        `values` holds (labelled,) numbers by task, as `losses` does.
        """
        every = torch.arange(self.views, device=self.place.device).unsqueeze(1)
        found, counts = [], []
        for name, each in values.items():
            present = self.batch.targets[name.partition(".")[0]].present
            # A head that is taught decides on no view, whatever is labelled.
            here = self.place[present if len(each) else torch.zeros_like(present)] == every
            found.append(masked_mean(each.expand(self.views, -1), here))
            counts.append(here.sum(1))
        return torch.stack(found), torch.stack(counts)


def own_losses(model: Model, representation: Representation, batch: Batch) -> Tensor:
    """(tasks,) what the views of a fusion lose when each decides alone: the mean over the labelled pairs (row, view).

    A sum of decisions only asks of each view what the others leave unexplained, so that a slow modality is never
    learned; its own loss asks it for everything (Wang, Tran and Feiszli 2020, with equal weights). NaN where no such
    pair is labelled.
    """
    return means(model, decided_alone(model, representation, batch).losses)


def decided_alone(model: Model, representation: Representation, batch: Batch) -> Alone:
    """The losses of all pairs (row, view) in which the view is there, as if it were the row's only one."""
    rows, views = representation.view_mask.nonzero(as_tuple=True)
    count = representation.view_mask.shape[1]
    lit = F.one_hot(views, count).bool()
    lone = Representation(representation.pooled[rows], lit, representation.combine, {}, {})
    targets = {name: Values(target.data, target.index[rows]) for name, target in batch.targets.items()}
    deciding = [name for name, head in model.heads.items() if not isinstance(head, TaughtHead)]
    outputs = {name: model.heads[name](given) for name, given in model.sharing(lone, deciding).items()}
    pairs = Batch({}, targets, batch.rows[rows])
    return Alone(all_losses(model, outputs, pairs), pairs, views, count)


def sample_losses(
    model: Model,
    name: str,
    outputs: Mapping[str, Tensor],
    batch: Batch,
    representation: Representation | None = None,
) -> Tensor:
    """(labelled,) the loss of each labelled row of one task; none for a taught head that sees nothing."""
    target, present, head = batch.targets[name], batch.targets[name].present, model.heads[name]
    if isinstance(head, TaughtHead):
        if representation is None:
            return torch.zeros(0, device=batch.rows.device)
        return head.teach(model.read([name], representation)[name], target)
    made = outputs[name]
    if present.all():
        return model.tasks[name].losses(made, target.data["target"][target.index])
    return model.tasks[name].losses(made[present], target.data["target"][target.index[present]])


def gramian(losses: Tensor, places: Sequence[Tensor]) -> Tensor:
    """(tasks, tasks) inner products of the gradients of `losses` (tasks,) at the given tensors, as float64.

    A task whose loss is NaN (no labels) has a row and a column of zeros. One backward pass for each task.
    """
    return TaskGradients.of(losses, places).gramian(places)


@dataclass(frozen=True)
class TaskGradients:
    """The gradients of each task at all weights, kept until the step: one backward pass for each task, and no other.

    `rows` holds, by task, the gradient of each of the `weights`, None where the task does not use it; a task without
    labels has no gradients.
    """

    weights: Sequence[Tensor]
    rows: Sequence[Sequence[Tensor | None]]

    @classmethod
    def of(cls, losses: Tensor, places: Iterable[Tensor]) -> "TaskGradients":
        """Those of `losses` (tasks,) at the tensors that ask for a gradient; the graph is kept."""
        learning = [place for place in places if place.requires_grad]
        nothing: Sequence[Tensor | None] = [None] * len(learning)
        known = (~losses.isnan()).tolist()
        rows = [
            torch.autograd.grad(loss, learning, retain_graph=True, allow_unused=True) if here else nothing
            for loss, here in zip(losses, known, strict=True)
        ]
        return cls(learning, rows)

    def gramian(self, places: Sequence[Tensor]) -> Tensor:
        """(tasks, tasks) inner products at some of the weights: at each in float32 at least, summed in float64.

        A double copy of all gradients would take ten times as long, for cosines that are 1e-6 more exact.
        """
        chosen = {id(place) for place in places}
        count, device = len(self.rows), places[0].device if places else None
        found = torch.zeros(count, count, dtype=torch.float64, device=device)
        # One place after the other: all gradients side by side would be one more copy of each, several times as dear.
        for number, weight in enumerate(self.weights):
            slopes = [row[number] for row in self.rows]
            if id(weight) in chosen and any(slope is not None for slope in slopes):
                whole = [torch.zeros_like(weight) if slope is None else slope for slope in slopes]
                jacobian = torch.stack(whole).flatten(1)
                jacobian = jacobian.to(torch.promote_types(jacobian.dtype, torch.float32))
                found += (jacobian @ jacobian.T).double()
        return found

    def fill(self, shares: Tensor, rest: Tensor | None = None) -> None:
        """Set the gradient of every weight to the sum over tasks by their shares (tasks,), and add that of `rest`."""
        made: dict[int, Tensor] = {}
        for share, row in zip(shares.tolist(), self.rows, strict=True):
            used = {number: slope for number, slope in enumerate(row) if slope is not None}
            again = made.keys() & used.keys()
            if again:
                torch._foreach_add_([made[n] for n in again], [used[n] for n in again], alpha=share)
            fresh = [number for number in used if number not in again]
            if fresh:
                made.update(zip(fresh, torch._foreach_mul([used[n] for n in fresh], share), strict=True))
        for number, weight in enumerate(self.weights):
            slope = made.get(number)
            weight.grad = None if slope is None else slope.contiguous()  # convolutions leave them in another order
        if rest is not None and rest.requires_grad:
            torch.autograd.backward(rest, inputs=list(self.weights))


def gramian_places(model: Model, seen: Sequence[Representation], settings: Settings) -> list[Tensor]:
    """The tensors at which task gradients are compared: shared parameters, the last shared layers, or the features.

    `seen` is all that the model made of the rows of a step.
    A fusion without a layer of its own is compared at all shared parameters.
    """
    if settings.gramian_at == "features":
        return features(model, *seen)
    layers = model.fusion.last_layers() if settings.gramian_at == "last_layer" else []
    return [
        weight
        for part in layers or [model.encoders, model.fusion]
        for weight in part.parameters(recurse=not layers)
        if weight.requires_grad
    ]


def features(model: Model, *seen: Representation) -> list[Tensor]:
    """What is read of all that the model made: pooled views; and tokens and the maps behind them, where that is so."""
    read = [representation.pooled for representation in seen]
    if len(seen) > 1 or any(isinstance(head, TaughtHead) for head in model.heads.values()):
        tokens = [part for each in seen for tokens in (each.tokens, each.unfused) for part in tokens.values()]
        read += [part.values for part in tokens]
        grids = [part.grid for part in tokens if part.grid is not None]
        read += [finer for grid in grids for finer in grid.finer]
        read += [grid.edges for grid in grids if grid.edges is not None]
    return list({id(part): part for part in read if part.requires_grad}.values())


def cosines(products: Tensor) -> list[list[float | None]]:
    """(tasks, tasks) cosines of gradients by their inner products.

    None for a task without labels, or whose gradient is zero there.
    """
    sizes = products.diagonal().sqrt()
    found = products / (sizes.unsqueeze(1) * sizes)
    return [[cosine if math.isfinite(cosine) else None for cosine in row] for row in found.tolist()]


@dataclass(frozen=True)
class Suspects:
    """Tasks, objectives and rows whose loss is not finite, and all `seen` rows."""

    tasks: frozenset[str] = frozenset()
    objectives: frozenset[str] = frozenset()
    rows: frozenset[int] = frozenset()
    seen: frozenset[int] = frozenset()

    @classmethod
    def of(
        cls,
        model: Model,
        outputs: Mapping[str, Tensor],
        batch: Batch,
        others: Mapping[str, Tensor] = MappingProxyType({}),
    ) -> "Suspects":
        """Those of one batch; `others` are losses that belong to no single row, by name."""
        tasks, rows = set(), set()
        for name in outputs:
            each = sample_losses(model, name, outputs, batch)
            bad = ~torch.isfinite(each)
            if bad.any():
                tasks.add(name)
                rows |= set(batch.rows[batch.targets[name].present][bad].tolist())
        broken = {name for name, loss in others.items() if not bool(torch.isfinite(loss))}
        return cls(frozenset(tasks), frozenset(broken), frozenset(rows), frozenset(batch.rows.tolist()))

    def __or__(self, other: "Suspects") -> "Suspects":
        return Suspects(
            self.tasks | other.tasks, self.objectives | other.objectives, self.rows | other.rows, self.seen | other.seen
        )


def diverged(suspects: Suspects, step: int, what: str) -> DivergedError:
    """The error for a loss or gradient that is not finite; names the tasks and the rows that have it."""
    kinds = (("task", suspects.tasks), ("objective", suspects.objectives))
    named = "; ".join(f"{kind} {', '.join(sorted(names))}" for kind, names in kinds if names)
    named = named or "no single task (all losses are finite)"
    shown = sorted(suspects.rows or suspects.seen)
    listed = ", ".join(map(str, shown[:20])) + (f" and {len(shown) - 20} more" if len(shown) > 20 else "")
    return DivergedError(
        f"non-finite-{what}",
        where=f"training, step {step}",
        expected=f"a finite {what}",
        found=f"{named}; rows {listed}",
        remedy="look at these rows, or start a new run with a lower train.lr; the last good state is kept",
    )
