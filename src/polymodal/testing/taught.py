"""Does a task whose head is taught keep its promises: what is written, drawn or found, and how it is learned."""

import copy
from typing import Any

import numpy as np
import pandas as pd
import torch

from polymodal.core import Batch
from polymodal.core.seeding import seeded
from polymodal.data.base import Column, DataTable
from polymodal.data.samples import Samples
from polymodal.fusion import Late
from polymodal.modalities import Structure
from polymodal.modalities.base import Modality
from polymodal.model import Model
from polymodal.tasks.base import Task, TaughtHead
from polymodal.testing.columns import check_column
from polymodal.testing.fakes import FakeModality
from polymodal.testing.verdict import check_gradients, check_saving, near, require

__all__ = ["check_taught"]


def check_taught(task: Task, table: DataTable) -> bool:
    """Hold a fitted task with a taught head to its contract, in a model of two modalities called first and second.

    Where the head needs gradients at what it is given, the first one holds atoms in space.

    False where no row that has both has a target that fits the two tokens of each. Raises ContractBroken.
    """
    who = type(task).__name__
    if task.reader.names:
        check_column(lambda: copy.deepcopy(task).reader, table, np.arange(0, len(table), 2))
    model, batch = _scene(task, table)
    whole = torch.stack([part.present for part in (*batch.inputs.values(), *batch.targets.values())]).all(dim=0)
    if not bool(whole.any()):
        return False
    head = model.heads["tested"]
    require(isinstance(head, TaughtHead), f"{who}: a task without losses of its own has a head that is taught")
    _check_teaching(who, model, batch)
    _check_answers(who, task, model, batch)
    check_saving(head, task.head(model.fusion.views, model.width, model.fusion.combine), who)
    return True


def _scene(task: Task, table: DataTable) -> tuple[Model, Batch]:
    rows = len(table)
    first = Structure("a", tokens="atoms") if task.needs_input_gradient else FakeModality(("a", "b"))
    modalities: dict[str, Modality] = {"first": first, "second": FakeModality(("c", "d"))}
    frames = [table.frame, *(part.example(rows, seed).frame for seed, part in enumerate(modalities.values()))]
    whole = DataTable(pd.concat(frames, axis=1))
    for part in modalities.values():
        part.reader.fit(whole, np.arange(rows))
    with seeded(0, "taught"):
        model = Model(modalities, {"tested": task}, Late(), width=16)
    inputs: dict[str, Column[Any]] = {name: part.reader for name, part in modalities.items()}
    return model, Samples.read(whole, inputs, {"tested": task.reader}).batch(np.arange(rows))


def _taught(model: Model, batch: Batch) -> torch.Tensor:
    head = model.heads["tested"]
    if not isinstance(head, TaughtHead):
        raise TypeError("the head is taught")
    with seeded(0, "teach"):
        return head.teach(model.seen_by("tested", model.represent(batch)), batch.targets["tested"])


def _check_teaching(who: str, model: Model, batch: Batch) -> None:
    losses, target = _taught(model, batch), batch.targets["tested"]
    fits = losses.dim() == 1 and 0 < len(losses) <= int(target.present.sum())
    require(fits, f"{who}: a loss for each labelled row that can be learned from, found {tuple(losses.shape)}")
    require(bool(torch.isfinite(losses).all()), f"{who}: losses are finite")
    check_gradients(model.heads["tested"], losses.mean(), who)
    if model.tasks["tested"].parts:
        _check_parts(who, model, batch)
    nobody = {"tested": target.without(torch.ones_like(target.present))}
    require(len(_taught(model, Batch(batch.inputs, nobody, batch.rows))) == 0, f"{who}: no labelled row, no loss")
    dark = _taught(model, Batch(batch.only(frozenset()).inputs, batch.targets, batch.rows))
    require(bool(torch.isfinite(dark).all()), f"{who}: where no modality is there, losses are finite or none")
    if not bool(target.present.all()):
        # Unlabelled rows are felt by nobody: without them the losses are the same.
        rows = target.present.nonzero().squeeze(1)
        inputs = {name: type(part)(part.data, part.index[rows]) for name, part in batch.inputs.items()}
        alone = Batch(inputs, {"tested": type(target)(target.data, target.index[rows])}, batch.rows[rows])
        require(
            near(_taught(model.eval(), alone), _taught(model, batch), 1e-4), f"{who}: unlabelled rows teach nothing"
        )


def _check_parts(who: str, model: Model, batch: Batch) -> None:
    """Each part has losses of its own, where a row knows something of it, and together they say nothing new."""
    parts, head = list(model.tasks["tested"].parts), model.heads["tested"]
    if not isinstance(head, TaughtHead):
        raise TypeError("the head is taught")
    target = batch.targets["tested"]
    told = head.teach_parts(model.seen_by("tested", model.represent(batch)), target)
    require(list(told) == parts, f"{who}: a loss for each of its parts {parts}, found {list(told)}")
    for part, losses in told.items():
        fits = losses.dim() == 1 and len(losses) <= int(target.present.sum())
        require(fits, f"{who}: {part}, a loss for each row that knows it, found {tuple(losses.shape)}")
    together, whole = sum(losses.sum() for losses in told.values()), _taught(model, batch).sum()
    require(near(torch.as_tensor(together), whole, 1e-4), f"{who}: the parts add up to the whole loss")


def _check_answers(who: str, task: Task, model: Model, batch: Batch) -> None:
    model.eval()
    with torch.no_grad():
        outputs = model(batch)["tested"]
        few = Batch(
            {name: type(part)(part.data, part.index[:3]) for name, part in batch.inputs.items()},
            batch.targets,
            batch.rows[:3],
        )
        alone = model(few)["tested"]
    require(outputs.dim() == 2 and len(outputs) == len(batch), f"{who}: the head gives (batch, outputs)")
    require(bool(torch.isfinite(outputs.float()).all()), f"{who}: outputs are finite, also of a row without anything")
    require(near(alone, outputs[:3], 1e-3), f"{who}: other rows change nothing")
    require(task.joined([outputs]).shape == outputs.shape, f"{who}: the outputs of one model stay as they are")
    target = batch.targets["tested"]
    labelled = target.present
    truth = task.truth(target.data["target"][target.index[labelled]])
    for aspect in task.aspects(task.decode(outputs[labelled]), truth):
        require(len(aspect.rows) == len(truth), f"{who}: an aspect tells which of the labelled rows it is about")
        require(int(aspect.rows.sum()) == len(aspect.truth), f"{who}: an aspect has a truth for each of its rows")
        found = task.metrics(aspect.decoded, aspect.truth)
        require(task.headline in found, f"{who}: the headline {task.headline} is among the metrics {sorted(found)}")
        require(all(np.isfinite(list(found.values()))), f"{who}: metrics are finite, found {found}")
