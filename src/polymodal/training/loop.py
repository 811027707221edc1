"""The training loop, on one page."""

import math
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from polymodal.balancing.base import Balancer
from polymodal.core import Batch, DataError, DivergedError, PolymodalWarning
from polymodal.core.masking import keep
from polymodal.core.seeding import seeded
from polymodal.data.base import Rows
from polymodal.data.samples import Samples
from polymodal.model import Model
from polymodal.objectives.base import contrasting
from polymodal.training import checkpoints
from polymodal.training.batches import Plan, load, sweep
from polymodal.training.company import Company, company
from polymodal.training.learner import Judged, Learner
from polymodal.training.modulation import make_modulation
from polymodal.training.predicting import at_once
from polymodal.training.settings import Settings
from polymodal.training.state import TrainingState
from polymodal.training.steps import Stepper, check_parts

if TYPE_CHECKING:
    pass

__all__ = ["Interrupted", "Trainer", "train"]

Losses = dict[str, float]
Report = Callable[[Mapping[str, Any]], None]
AVERAGED_EVERY = 4  # steps: reading all weights once more costs as much as a third of the optimiser's work


class Interrupted(Exception):
    """Training was asked to stop; its state is saved where a checkpoint folder was given."""


@dataclass
class Trainer(Stepper):
    """The parts that one training run holds together: nothing but names for what `train` was given."""

    plan: Plan
    folder: Path | None
    stopping: Callable[[], bool]
    held: list[Mapping[str, Any]] = field(default_factory=list, kw_only=True)

    @property
    def total(self) -> int:
        """Steps of the whole run."""
        return (self.settings.epochs or 1) * self.plan.per_epoch

    def rate(self, step: int) -> float:
        """The share of the highest learning rate at this step: a linear rise, then half a cosine down to zero."""
        spent = self.state.counters.seconds / self.settings.time_limit if self.settings.time_limit else 0.0
        share = max(step / self.total, min(spent, 1.0))
        warm = max(self.settings.warmup, 1e-9)
        rising = min(1.0, (step + 1) / max(1.0, warm * self.total))
        return rising * 0.5 * (1.0 + math.cos(math.pi * max(0.0, share - warm) / max(1e-9, 1.0 - warm)))

    def step(self, parts: Sequence[Batch]) -> Tensor:
        """One step of gradient descent; (names,) the losses, NaN where nothing is labelled in these rows."""
        counters = self.state.counters
        try:
            losses = self.move(parts, self.settings.lr * self.rate(counters.step))
        except DivergedError:
            self.checkpoint()
            raise
        counters.step += 1
        if counters.step % AVERAGED_EVERY == 0:
            self.state.average()
        return losses

    def agreed(self, value: float) -> float:
        """What process 0 says: clocks and wishes differ, and all must do the same."""
        return value if self.company.size == 1 else float(self.company.first(torch.tensor([value]).double()))

    def pass_on(self) -> None:
        """Tell what other processes have to tell."""
        for event in self.company.every(self.held):
            self.report(event)
        self.held.clear()

    def checkpoint(self) -> None:
        """Commit the whole state, where a folder was given."""
        if self.folder is not None:
            counters = self.state.counters
            place = checkpoints.save(self.folder, counters.step, self.state.tensors(), self.state.plain())
            self.report({"event": "checkpoint", "step": counters.step, "path": place.name})


def train(
    model: Model | Learner,
    samples: Samples,
    rows: Mapping[str, Rows],
    settings: Settings,
    balancer: Balancer,
    folder: Path | None = None,
    watch: tuple[Report, Callable[[], bool]] = (lambda _: None, lambda: False),
) -> Trainer:
    """Train a model in place, alone or with the objectives of a learner, and leave its best weights in it.

    `rows` names the row numbers "train" and "validation" (which may be empty: then the last average is kept). `folder`
    receives checkpoints, and a valid one there is continued from. `watch` is a function that is told what happens, and
    one that says whether to stop; then the state is saved and Interrupted raised. Raises DivergedError on a loss or
    gradient that is not finite, before it reaches the weights, and UsageProblem, before the first step, for a
    modulation that has nothing to act on, and for what several parts or processes cannot do.
    """
    learner = model if isinstance(model, Learner) else Learner(model)
    check_parts(settings, learner)
    given = _Given(learner, samples, rows, settings, balancer, folder)
    with company(settings.processes, _train_beside, [given]) as together:
        return _train(given, together, watch, [])


@dataclass(frozen=True)
class _Given:
    """What every process of a training needs."""

    learner: Learner
    samples: Samples
    rows: Mapping[str, Rows]
    settings: Settings
    balancer: Balancer
    folder: Path | None


def _train_beside(together: Company, given: _Given) -> None:
    """What another process does: the same. It writes nothing, and what it has to tell is passed on."""
    held: list[Mapping[str, Any]] = []

    def keep_refusal(event: Mapping[str, Any]) -> None:
        if event["event"] == "refused":
            held.append(event)

    with suppress(Interrupted):
        _train(given, together, (keep_refusal, lambda: False), held)


def _train(
    given: _Given, together: Company, watch: tuple[Report, Callable[[], bool]], held: list[Mapping[str, Any]]
) -> Trainer:
    from lightning_fabric import Fabric  # a second to import, which reading and checking a spec need not wait for

    learner, samples, rows, folder = given.learner, given.samples, given.rows, given.folder
    contrasts = contrasting(learner.model.tasks.values(), learner.built.values())
    settings = given.settings.resolved(len(rows["train"]), contrasts=contrasts)
    precision: Literal["bf16-mixed", "32-true"] = "bf16-mixed" if settings.precision == "bf16" else "32-true"
    several = together.size > 1 and torch.cuda.is_available()
    fabric = Fabric(accelerator="auto", devices=[together.rank] if several else 1, precision=precision)
    modulation = make_modulation(learner.model, settings, rows)
    learner.own_loss, learner.apart = settings.own_loss, modulation is not None
    learner.to(fabric.device)
    optimiser = torch.optim.AdamW(grouped(learner, settings.weight_decay), lr=settings.lr, fused=True)
    state = TrainingState(learner, optimiser, given.balancer, settings.averaging, modulation=modulation)
    own = slice(together.rank, None, together.size)
    parts = settings.accumulate * together.size
    plan = Plan(samples, rows["train"], settings.batch_size or 1, settings.seed, settings.mix, parts, own)
    written = folder if together.rank == 0 else None
    report, stopping = watch
    trainer = Trainer(fabric, state, settings, report, plan, written, stopping, company=together, held=held)
    saved = checkpoints.newest(folder) if folder is not None and folder.is_dir() else None
    if saved is not None:
        state.restore(saved[0], saved[1])
        trainer.report({"event": "resumed", "step": state.counters.step, "skipped": saved[2]})
    with seeded(settings.seed, "training"):
        _run(trainer, samples, rows["validation"])
    state.settle()
    return trainer


def _run(trainer: Trainer, samples: Samples, validation: Rows) -> None:
    state, counters = trainer.state, trainer.state.counters
    began, saved_at = time.monotonic() - counters.seconds, time.monotonic()
    names, reserve = state.learner.names, 0.0
    sums, seen = torch.zeros(len(names)), torch.zeros(len(names))
    if len(validation) and not counters.reference:
        told, counters.reference = validation_losses(trainer, samples, validation)
        trainer.report({"event": "reference", "validation": told})
    fresh = counters.step == 0
    if fresh:
        _close_modulation(trainer, samples)
    state.learner.train()
    for parts in load(trainer.plan, counters.step, 0 if counters.done else trainer.total, trainer.settings.workers):
        losses = trainer.step([batch.to(trainer.fabric.device) for batch in parts]).cpu()
        sums, seen = sums + losses.nan_to_num(0.0), seen + ~losses.isnan()
        counters.seconds = trainer.agreed(time.monotonic() - began)
        for refusal in (refusal for batch in parts for refusal in batch.refusals):
            trainer.report({"event": "refused", "refusal": refusal})
        limit = trainer.settings.time_limit
        late = limit is not None and counters.seconds + reserve >= limit
        if late or counters.step % trainer.plan.per_epoch == 0:
            started = time.monotonic()
            if fresh and counters.step == trainer.plan.per_epoch:
                _check_taught(trainer.state.learner, samples, trainer.plan.rows, seen)
            _close_epoch(trainer, samples, validation, sums / seen)
            sums, seen = torch.zeros_like(sums), torch.zeros_like(seen)
            reserve = trainer.agreed(time.monotonic() - started)
            counters.seconds = trainer.agreed(time.monotonic() - began)
            counters.done = late or _finished(trainer)
        else:
            trainer.report(
                {"event": "step", "step": counters.step, "steps": trainer.total, "seconds": counters.seconds}
            )
        stop = bool(trainer.agreed(trainer.stopping()))
        if stop or counters.done or time.monotonic() - saved_at >= trainer.settings.checkpoint_seconds:
            trainer.checkpoint()
            saved_at = time.monotonic()
        if stop and not counters.done:
            raise Interrupted
        if counters.done:
            return


def _check_taught(learner: Learner, samples: Samples, rows: Rows, seen: Tensor) -> None:
    """Raise DataError where a whole epoch taught a task nothing, though rows of it are labelled.

    `seen` (names,) is how many steps each loss was known in. Of an objective that had nothing to do it is warned.
    """
    known = {name for name, steps in zip(learner.names, seen.tolist(), strict=True) if steps}
    for name in learner.names[len(learner.model.balanced) :]:
        if name not in known:
            told = (
                f"the objective {name} could learn from no step of the first epoch: batches too small, or nothing there"
            )
            warnings.warn(told, PolymodalWarning, stacklevel=2)
    for name, task in learner.model.tasks.items():
        names = {f"{name}.{part}" for part in task.parts} or {name}
        labelled = rows[samples.targets[name][1].present[rows]] if name in samples.targets else rows[:0]
        if not len(labelled) or names & known:
            continue
        column, cells = samples.targets[name]
        refusals = column.collate(cells, labelled[:64])[1]
        why = f", the first because it {refusals[0].reason}" if refusals else ""
        raise DataError(
            "nothing-taught",
            where=f'task "{name}", column {" and ".join(column.names)}',
            expected="labels that can be learned from, in the training rows",
            found=f"{len(labelled):,} rows with a label, none of which could be used{why}",
            remedy="mend the column or the modality that it speaks of, or take the task out",
        )


def _close_epoch(trainer: Trainer, samples: Samples, validation: Rows, losses: Tensor) -> None:
    """Judge the averaged weights on the validation rows and keep them if they are the best so far.

    Without such rows, or where epochs do not compare, the last weights are the best.
    """
    state, counters = trainer.state, trainer.state.counters
    state.average()
    _close_modulation(trainer, samples)
    told, judged = validation_losses(trainer, samples, validation) if len(validation) else ({}, {})
    trainer.pass_on()
    compares = judged and not state.learner.contests
    total = relative(judged, counters.reference) if compares else -float(counters.step)
    if counters.best_loss is None or total < counters.best_loss:
        counters.best_loss, counters.best_step, counters.waited = total, counters.step, 0
        state.remember_best()
    else:
        counters.waited += 1
    trainer.report(
        {
            "event": "epoch",
            "epoch": -(-counters.step // trainer.plan.per_epoch),
            "epochs": trainer.settings.epochs,
            "step": counters.step,
            "steps": trainer.total,
            "seconds": round(counters.seconds, 3),
            "train": {name: _number(loss) for name, loss in zip(state.learner.names, losses.tolist(), strict=True)},
            "validation": told,
            "best": counters.best_step == counters.step,
            "lr": state.optimiser.param_groups[0]["lr"],
        }
    )


def _close_modulation(trainer: Trainer, samples: Samples) -> None:
    """Let the modulation measure what it needs, before the first step and after each epoch."""
    if trainer.state.modulation is not None:
        told = trainer.state.modulation.close_epoch(partial(losses_by_view, trainer, samples))
        trainer.report({"event": "modulation", "step": trainer.state.counters.step} | told)


def relative(losses: Mapping[str, float], reference: Mapping[str, float]) -> float:
    """The mean over tasks of loss / reference loss: no task decides when to stop by the size of its numbers."""
    shares = [loss / max(reference.get(name, 1.0), 1e-12) for name, loss in losses.items()]
    return sum(shares) / len(shares)


def _finished(trainer: Trainer) -> bool:
    counters = trainer.state.counters
    return counters.step >= trainer.total or counters.waited >= (trainer.settings.patience or trainer.total)


def validation_losses(trainer: Trainer, samples: Samples, validation: Rows) -> tuple[Losses, Losses]:
    """Of the averaged weights on the validation rows, by task: the mean loss, and the mean of what training lowers.

    Both over labelled rows. The second contains the loss of each modality's own decision, as the objective of a step.
    """
    learner = trainer.state.learner
    sums, counts = torch.zeros(2, len(learner.names), dtype=torch.float64), torch.zeros(len(learner.names))
    company = trainer.company
    with _averaged(trainer):
        for judged in _examined(trainer, samples, validation):
            both = torch.stack([judged.losses, judged.lowered])
            sums += keep((both * judged.counts).T, judged.known).T.cpu().double()
            counts += judged.counts.cpu()
    sums, counts = company.total(sums), company.total(counts)
    told, judged_by = (
        {name: float(each[place] / counts[place]) for place, name in enumerate(learner.names) if counts[place]}
        for each in sums
    )
    return told, judged_by


def losses_by_view(trainer: Trainer, samples: Samples, rows: Rows) -> Tensor:
    """Of the averaged weights on some rows: (tasks, 1 + views) the mean fused loss, then that of each view alone.

    In float64 on the CPU; NaN where nothing is labelled.
    """
    model = trainer.state.model
    scales = torch.tensor([task.weight for task in model.balanced.values()]).double()
    tasks = len(scales)
    sums, counts = torch.zeros(2, tasks, 1 + model.fusion.views, dtype=torch.float64)
    with _averaged(trainer):
        for judged in _examined(trainer, samples, rows):
            sums[:, 0] += keep(judged.losses * judged.counts, judged.known)[:tasks].cpu()
            counts[:, 0] += judged.counts[:tasks].cpu()
            if judged.alone is not None:
                means, pairs = judged.alone.by_view(judged.alone.losses)
                sums[:, 1:] += (means * pairs).cpu() * scales.unsqueeze(1)
                counts[:, 1:] += pairs.cpu()
    return sums / counts


@contextmanager
def _averaged(trainer: Trainer) -> Iterator[None]:
    """The model as it would be kept: averaged weights, nothing drawn, nothing learned."""
    trainer.state.swap()
    trainer.state.learner.eval()
    with torch.no_grad():
        yield
    trainer.state.learner.train()
    trainer.state.swap()


def _examined(trainer: Trainer, samples: Samples, rows: Rows) -> Iterator[Judged]:
    """What the model makes of some rows, batch by batch."""
    many, company = at_once(trainer.state.learner.model), trainer.company
    own = slice(company.rank, None, company.size)
    for place, batch in enumerate(sweep(samples, rows, many, trainer.settings.workers, own)):
        number = company.rank + place * company.size
        for refusal in batch.refusals:
            trainer.report({"event": "refused", "refusal": refusal})
        yield trainer.state.learner.examined(batch.to(trainer.fabric.device), trainer.settings.seed, number)


def grouped(model: torch.nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Parameters in two groups: matrices decay, and vectors (norms, biases, scales, priors) do not."""
    matrices = [weight for weight in model.parameters() if weight.requires_grad and weight.dim() > 1]
    vectors = [weight for weight in model.parameters() if weight.requires_grad and weight.dim() <= 1]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
