"""Does a task keep its promises: unlabelled rows add nothing, good predictions score well, decoding stays in range."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import get_args

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from polymodal.core import Combine, DataError, Representation, Tokens, Values
from polymodal.core.seeding import numpy_generator, seeded, torch_generator
from polymodal.data.base import DataTable
from polymodal.tasks.base import Decoded, Task
from polymodal.testing.columns import check_column
from polymodal.testing.fake_tokens import fake_representation
from polymodal.testing.making import check_options
from polymodal.testing.taught import check_taught
from polymodal.testing.verdict import check_gradients, check_saving, near, require, same_bits

__all__ = ["check_task", "example_targets"]


def example_targets(rows: int = 40, seed: int = 0, column: str = "target") -> dict[str, DataTable]:
    """Tables with one target column each, about a fifth of the rows unlabelled: numbers, labels, tags, boxes, maps.

    One holds lists of two numbers, one has the columns "time" and "event", and one a column "member" that says of which
    of two questions a label is. Each kind of task can read at least one of them.
    """
    draw = numpy_generator(seed, "targets", rows)
    contents: dict[str, Sequence[str]] = {
        "numbers": [f"{number:.3f}" for number in draw.normal(size=rows)],
        "two labels": draw.choice(["no", "yes"], size=rows).tolist(),
        "three labels": draw.choice(["left", "right", "up"], size=rows).tolist(),
        "grades": draw.choice(["1", "2", "3", "4", "5"], size=rows).tolist(),
        "texts": [" ".join(draw.choice(["a", "red", "blue", "ring"], size=1 + row % 3)) for row in range(rows)],
        "tags": draw.choice(["red", "blue", "red;blue", "green;red", ";"], size=rows).tolist(),
        "lists of numbers": draw.choice(["0.5;1.5", "1.5;-2", ";0.5", "-2;2.5"], size=rows).tolist(),
    }
    boxes = ["[]", '[[0.1, 0.2, 0.6, 0.9, "car"]]', '[[0, 0, 1, 0.5, "sign"]]']
    contents["boxes"] = [boxes[row % 3] for row in range(rows)]
    labelled = draw.random(rows) >= 0.2
    watched = {
        "time": [f"{time:.2f}" for time in draw.exponential(size=rows)],
        "event": draw.choice(["0", "1"], size=rows).tolist(),
    }
    shades = draw.integers(0, 256, (rows, 8, 8, 3), dtype=np.uint8)
    drawn = pd.Series([shade if known else None for shade, known in zip(shades, labelled, strict=True)], dtype=object)
    marks = draw.integers(1, 4, (rows, 8, 8), dtype=np.uint8)
    maps = pd.Series([mark if known else None for mark, known in zip(marks, labelled, strict=True)], dtype=object)
    asked = pd.Series(draw.choice(["warm", "wet"], size=rows), dtype=object)
    answers = np.where(labelled, draw.choice(["no", "yes"], size=rows), "").astype(object)
    return (
        {"pictures": DataTable(pd.DataFrame({column: drawn}), source="pictures")}
        | {"maps": DataTable(pd.DataFrame({column: maps}), source="maps")}
        | {
            what: DataTable(pd.DataFrame({column: np.where(labelled, cells, "").astype(object)}), source=what)
            for what, cells in contents.items()
        }
        | {
            "times": DataTable(
                pd.DataFrame({name: np.where(labelled, cells, "").astype(object) for name, cells in watched.items()}),
                source="times",
            ),
            "members": DataTable(pd.DataFrame({column: answers, "member": asked}), source="members"),
        }
    )


def check_task(task: Task, table: DataTable | None = None, width: int = 16) -> None:
    """Hold a task, its column and its head to their contract, on `table` or on every example target that it can read.

    `task` is not fitted and stays as it is. Raises ContractBroken.
    """
    check_options(task)
    tables = {"table": table} if table is not None else example_targets(column=vars(task).get("target", "target"))
    readable = [given for given in tables.values() if _can_read(task, given)]
    require(bool(readable), f"{_who(task)}: can read one of: {', '.join(tables)}; hand it a table of its own")
    if type(task).losses is Task.losses:
        fitting = [check_taught(_fitted(task, given), given) for given in readable]
        require(any(fitting), f"{_who(task)}: has a target that two tokens answer; hand it a table of its own")
        return
    for given in readable:
        train = np.setdiff1d(np.arange(len(given)), np.arange(0, len(given), 4))
        check_column(lambda: copy.deepcopy(task).reader, given, train)
        fitted = _fitted(task, given)
        target = fitted.reader.collate(fitted.reader.read(given), np.arange(len(given)))[0]
        require("target" in target.data, f'{_who(task)}: the column gives the part "target"')
        for check in (_check_losses, _check_unlabelled, _check_decoding, _check_metrics):
            check(fitted, target)
        _check_heads(fitted, width)


def _who(task: Task) -> str:
    return type(task).__name__


def _fitted(task: Task, table: DataTable) -> Task:
    fitted = copy.deepcopy(task)
    fitted.reader.fit(table, np.arange(len(table)))
    return fitted


def _can_read(task: Task, table: DataTable) -> bool:
    try:
        fitted = _fitted(task, table)
    except DataError:
        return False
    return bool(fitted.reader.read(table).present.sum() >= len(table) // 2)


def _outputs(task: Task, rows: int, seed: int = 0, spread: float = 1.0) -> Tensor:
    """Random outputs (rows, outputs) of the size that the head gives."""
    representation = fake_representation(2, 1, 8, "single")
    size = task.head(1, 8, "single")(representation).shape[1]
    return spread * torch.randn(rows, size, generator=torch_generator(seed, "outputs"))


def _labelled(target: Values) -> Tensor:
    return target.data["target"][target.index[target.present]]


def _check_losses(task: Task, target: Values) -> None:
    who, truth = _who(task), _labelled(target)
    outputs = _outputs(task, len(truth))
    losses = task.losses(outputs, truth)
    require(losses.shape == (len(truth),), f"{who}: one loss for each sample, found {tuple(losses.shape)}")
    require(bool(torch.isfinite(losses).all()), f"{who}: losses are finite")
    some = torch.arange(0, len(truth), 2)
    if task.compares:
        turned = task.losses(outputs.flip(0), truth.flip(0)).flip(0)
        require(near(turned, losses, 1e-6), f"{who}: the order of the samples changes no loss")
    else:
        alone = task.losses(outputs[some], truth[some])
        require(near(alone, losses[some], 1e-6), f"{who}: the loss of a sample does not depend on the other samples")
    nobody = task.losses(outputs[:0], truth[:0])
    require(nobody.shape == (0,), f"{who}: no labelled sample, no loss")
    require(task.losses(outputs.double(), truth).dtype == torch.float64, f"{who}: float64 outputs give float64 losses")


def _check_unlabelled(task: Task, target: Values) -> None:
    """As in training: the labelled rows are selected, and what the others hold must not be felt."""
    who, present = _who(task), target.present
    require(not bool(present.all()), f"{who}: an empty target is unlabelled")
    slopes = []
    for unlabelled in (0.0, 1e30, torch.nan):
        outputs = torch.where(present.unsqueeze(1), _outputs(task, len(present)), unlabelled).requires_grad_()
        (slope,) = torch.autograd.grad(task.losses(outputs[present], _labelled(target)).sum(), outputs)
        require(bool((slope[~present] == 0).all()), f"{who}: an unlabelled sample gives exactly zero gradient")
        slopes.append(slope)
    require(all(same_bits(slopes[0], slope) for slope in slopes), f"{who}: unlabelled samples change no gradient")
    require(bool((slopes[0][present] != 0).any()), f"{who}: a labelled sample gives a gradient")


def _check_decoding(task: Task, target: Values) -> None:
    rows = len(_labelled(target))
    for spread in (0.0, 1.0, 50.0, 1e4):
        outputs = _outputs(task, rows, spread=spread)
        _check_range(task, task.decode(outputs), rows)
        turned = task.decode(outputs.flip(0)).prediction[::-1]
        require(
            bool(np.all(turned == task.decode(outputs).prediction)), f"{_who(task)}: decoding looks at one row only"
        )
    _check_range(task, task.decode(outputs[:0]), 0)
    truth, prediction = task.truth(_labelled(target)), task.decode(outputs).prediction
    require(truth.shape == prediction.shape, f"{_who(task)}: the truth looks like a prediction, {truth.shape}")


def _check_range(task: Task, decoded: Decoded, rows: int) -> None:
    who, classes, probabilities = _who(task), list(decoded.classes), decoded.probabilities
    require(len(decoded.prediction) == rows, f"{who}: one prediction for each row")
    if not classes:
        require(probabilities is None, f"{who}: probabilities belong to classes, and there are none")
        require(bool(np.isfinite(decoded.prediction.astype(float)).all()), f"{who}: predicted numbers are finite")
        return
    if probabilities is None:
        require(False, f"{who}: a task with classes gives their probabilities")
        return
    require(probabilities.shape == (rows, len(classes)), f"{who}: one probability for each class")
    inside = bool(((probabilities >= 0) & (probabilities <= 1)).all())
    require(inside, f"{who}: probabilities lie between 0 and 1, whatever the outputs")
    if decoded.prediction.ndim == 2:
        require(decoded.prediction.dtype == bool, f"{who}: several labels at once are given as booleans")
        return
    require(bool(np.allclose(probabilities.sum(axis=1), 1, atol=1e-6)), f"{who}: probabilities of a row add up to 1")
    require(set(decoded.prediction) <= set(classes), f"{who}: every prediction is one of the classes")


def _check_metrics(task: Task, target: Values) -> None:
    who, truth = _who(task), _labelled(target)
    scores = {}
    for name, outputs in (("perfect", _perfect(task, truth)), ("random", _outputs(task, len(truth)))):
        found = task.metrics(task.decode(outputs), task.truth(truth))
        require(task.headline in found, f'{who}: the headline "{task.headline}" is among the metrics {sorted(found)}')
        require(all(np.isfinite(list(found.values()))), f"{who}: a metric that is undefined is left out, not NaN")
        scores[name] = found[task.headline] if task.higher_is_better else -found[task.headline]
    require(scores["perfect"] > scores["random"], f"{who}: a perfect prediction beats a random one, found {scores}")
    same = truth[torch.tensor([0, 0, 0])]
    few = task.metrics(task.decode(_outputs(task, 3)), task.truth(same))
    require(all(np.isfinite(list(few.values()))), f"{who}: metrics of a single class hold no NaN, found {few}")


def _perfect(task: Task, truth: Tensor) -> Tensor:
    """Outputs with as little loss as can be had, found by descent: no knowledge of the task is needed."""
    outputs = torch.zeros_like(_outputs(task, len(truth))).requires_grad_()
    optimiser = torch.optim.Adam([outputs], lr=0.3)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.01, total_iters=150)
    for _ in range(150):
        optimiser.zero_grad()
        task.losses(outputs, truth).sum().backward()
        optimiser.step()
        schedule.step()
    return outputs.detach()


def _check_heads(task: Task, width: int) -> None:
    who = _who(task)
    for combine in get_args(Combine):
        given = fake_representation(7, 3, width, combine)
        views = given.pooled.shape[1]
        with seeded(0, "head"):
            head = task.head(views, width, combine)
        found = head.eval()(given)
        require(found.dim() == 2 and len(found) == 7, f"{who}: the head gives (batch, outputs), {combine}")
        require(bool(torch.isfinite(found).all()), f"{who}: the head is finite for a row without any view, {combine}")
        spoiled = torch.where(given.view_mask.unsqueeze(-1), given.pooled, torch.nan)
        again = head(replace(given, pooled=spoiled))
        require(same_bits(found, again), f"{who}: the content of an absent view changes nothing, {combine}")
        check_gradients(head, (again - 3).square().sum(), f"{who}, {combine}")
        alone = head(_second(given))
        require(near(alone, found[1:2]), f"{who}: other rows change nothing beyond 1e-5, {combine}")
        check_saving(head, task.head(views, width, combine), who)
        wide = head.double()(_doubled(given))
        require(wide.dtype == torch.float64 and near(wide, found, 1e-3), f"{who}: the head works in float64, {combine}")


def _second(given: Representation) -> Representation:
    """The second row as a batch of its own."""
    tokens, unfused = (_each(parts, lambda part: part.gather(torch.tensor([1]))) for parts in _tokens(given))
    return Representation(given.pooled[1:2], given.view_mask[1:2], given.combine, tokens, unfused)


def _doubled(given: Representation) -> Representation:
    """The same in float64."""
    tokens, unfused = (
        _each(parts, lambda part: replace(part, values=part.values.double())) for parts in _tokens(given)
    )
    return Representation(given.pooled.double(), given.view_mask, given.combine, tokens, unfused)


def _wide(part: Tokens) -> Tokens:
    return replace(part, values=part.values.double())


def _tokens(given: Representation) -> tuple[Mapping[str, Tokens], Mapping[str, Tokens]]:
    return given.tokens, given.unfused


def _each(parts: Mapping[str, Tokens], change: Callable[[Tokens], Tokens]) -> dict[str, Tokens]:
    return {name: change(part) for name, part in parts.items()}
