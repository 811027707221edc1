"""From a table and parts to a trained model: the order of things, in one place."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from polymodal.core import Refusal
from polymodal.core.seeding import derive, seeded
from polymodal.data.base import Column, DataTable, Rows
from polymodal.data.cells import absent, parse_labels
from polymodal.data.ledger import BadRows, apply_policy
from polymodal.data.samples import Samples
from polymodal.data.splits import Split
from polymodal.model import Ensemble, Model
from polymodal.run.division import Division
from polymodal.run.starting import Start
from polymodal.spec import Parts
from polymodal.tasks.base import Task
from polymodal.training import train
from polymodal.training.batches import sweep
from polymodal.training.learner import Learner
from polymodal.training.predicting import outputs

__all__ = ["Fitted", "Watch", "fit_parts", "read_samples", "teaching"]


@dataclass(frozen=True)
class Watch:
    """Who is told what happens, and who says when to stop."""

    report: Callable[[Mapping[str, Any]], None] = lambda _: None
    stopping: Callable[[], bool] = lambda: False


@dataclass(frozen=True)
class Fitted:
    """A trained model beside the data that it was trained on."""

    model: Ensemble
    samples: Samples
    split: Split
    table: DataTable


def fit_parts(
    table: DataTable,
    parts: Parts,
    division: Division,
    bad_rows: BadRows = "mask",
    place: tuple[Path | None, Start] = (None, Start()),
    watch: Watch = Watch(),
) -> Fitted:
    """Fit every reader on the rows that are not for the test, read the table, build the model, train it.

    Rows without a label of any task are known to the readers; training visits them only where an objective, or a task
    without a target, can learn from them. `place` is a folder that keeps checkpoints, where valid ones are continued
    from, and what is begun with: readers and weights of another run. What had to be refused is told to `watch.report`
    as events "refused". Raises DataError, DivergedError, or Interrupted.
    """
    start, teach = place[1], teaching(table, parts)
    taught = np.intersect1d(division.split.train, teach)
    settings = parts.settings.resolved(len(taught), parts.ensembles, parts.contrasts)
    learned = division.split.train if settings.members == 1 else division.development
    known = [parts.modalities[name].reader for name in start.modalities]
    start.restore(parts)
    for reader in parts.readers:
        if reader not in known:
            reader.fit(table, learned)
    samples = replace(read_samples(table, parts), blocks=_blocks(table, settings.together), times=division.times)
    kept, refusals = _kept(table, samples, bad_rows)
    for refusal in refusals:
        watch.report({"event": "refused", "refusal": refusal})
    for name, modality in parts.modalities.items():
        encoder, reason = modality.chosen()
        watch.report({"event": "encoder", "modality": name, "encoder": encoder, "reason": reason})
    told = np.intersect1d(kept, teach)
    members = [
        _member(number, replace(parts, settings=settings), samples, division.member(number, told), place, watch)
        for number in range(settings.members or 1)
    ]
    model, split = Ensemble(members).eval(), division.split
    _settle(model, samples, np.intersect1d(learned, told))
    rest = [np.intersect1d(rows, kept) for rows in (split.train, split.validation, split.test)]
    return Fitted(model, samples, Split(*rest), table)


def _settle(model: Ensemble, samples: Samples, rows: Rows) -> None:
    """Let the tasks that ask for it learn from what the finished model says of the rows it learned from."""
    asking = [name for name, task in model.tasks.items() if type(task).settle is not Task.settle]
    if not asking:
        return
    made = outputs(model, samples, rows, taught=False)
    for name in asking:
        column, cells = samples.targets[name]
        target = column.collate(cells, rows)[0]
        model.tasks[name].settle(made[name][target.present], target.data["target"][target.index[target.present]])


def _member(
    number: int,
    parts: Parts,
    samples: Samples,
    rows: Mapping[str, Rows],
    place: tuple[Path | None, Start],
    watch: Watch,
) -> Model:
    """Train one model of an ensemble; its seed and its rows are its own."""
    settings = parts.settings
    limit = None if settings.time_limit is None else settings.time_limit / (settings.members or 1)
    own = replace(settings, seed=derive(settings.seed, "member", number), time_limit=limit)
    with seeded(own.seed, "model"):
        model = Model(parts.modalities, parts.tasks, parts.fusion, parts.width, parts.sharing)
        learner = Learner(model, parts.objectives, settings.own_loss)
    folder, start = place
    start.fill(model)

    def report(event: Mapping[str, Any]) -> None:
        watch.report(dict(event) | {"member": number, "members": settings.members})

    checkpoints = None if folder is None else folder / f"member-{number}"
    train(learner, samples, rows, own, copy.deepcopy(parts.balancer), checkpoints, (report, watch.stopping))
    return model


def read_samples(table: DataTable, parts: Parts | Ensemble, targets: Sequence[str] | None = None) -> Samples:
    """A table as samples, by columns that are fitted; `targets` names the tasks to read, all of them unless given.

    What the objectives of parts read beside stands among the targets.
    """
    chosen = parts.tasks if targets is None else {name: parts.tasks[name] for name in targets}
    asked: dict[str, Column[Any]] = {name: part.reader for name, part in chosen.items()}
    for objective in () if isinstance(parts, Ensemble) else parts.objectives.values():
        asked |= objective.reads
    return Samples.read(table, {name: part.reader for name, part in parts.modalities.items()}, asked)


def _blocks(table: DataTable, column: str | None) -> np.ndarray | None:
    """(rows,) a number for each value of a column; a row without a value is a block of its own."""
    if column is None:
        return None
    labels = parse_labels(table.column(column), table.missing)
    return np.unique(
        [f"row {row}" if label is None else f"is {label}" for row, label in enumerate(labels)], return_inverse=True
    )[1]


def teaching(table: DataTable, parts: Parts) -> Rows:
    """The rows that training can learn from: those with a label of some task, or all where other things teach, too."""
    every = np.arange(len(table), dtype=np.int64)
    targets = [name for task in parts.tasks.values() for name in (task.targets if task.parts else [task.target])]
    if parts.objectives or None in targets:
        return every
    empty = [absent(table.column(target), table.missing) for target in targets if target is not None]
    return every[~np.all(empty, axis=0)]


def _kept(table: DataTable, samples: Samples, policy: BadRows) -> tuple[Rows, list[Refusal]]:
    """The rows that the policy leaves, and what was refused. Files are opened beforehand only where a row may go."""
    refusals = samples.refusals()
    if policy != "mask":
        every = np.arange(len(table), dtype=np.int64)
        refusals += [refusal for batch in sweep(samples, every, 512) for refusal in batch.refusals]
    return apply_policy(table, refusals, policy)
