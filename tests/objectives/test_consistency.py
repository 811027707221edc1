"""Rows without a label teach what the model is sure of, and rows with one are left alone."""

import numpy as np
import pandas as pd
import pytest
import torch

from polymodal.core import Batch, UsageProblem
from polymodal.core.seeding import seeded
from polymodal.modalities import Table
from polymodal.objectives import Consistency
from polymodal.objectives.consistency import pseudo_labels
from polymodal.tasks import Binary, Caption, Multiclass, Multilabel, Ordinal, Regression, Retrieval, Survival
from polymodal.tasks.base import Task
from polymodal.training.gradients import task_losses
from tests.objectives.scene import Scene, of_table, rows_of, with_content

ROWS = 24
ANSWERS = {
    "binary": (lambda: Binary("y"), ["yes", "no"]),
    "multiclass": (lambda: Multiclass("y"), ["red", "green", "blue"]),
    "ordinal": (lambda: Ordinal("y"), ["1", "2", "3", "4"]),
    "multilabel": (lambda: Multilabel("y"), ["pain", "rash;pain", ";", "rash"]),
    "regression": (lambda: Regression("y"), ["10", "20", "35"]),
}


def scene_of(kind: str, unlabelled: int = 10, sure: float = 0.95) -> Scene:
    """Two tables of one number each, and a question that the last rows have no answer to."""
    make, answers = ANSWERS[kind]
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(draw.normal(size=(ROWS, 2)).round(3).astype(str), columns=["a", "b"])
    frame["y"] = np.resize(np.array(answers, dtype=object), ROWS)
    frame.loc[ROWS - unlabelled :, "y"] = ""
    modalities = {"first": Table(["a"], drop=0.0), "second": Table(["b"], drop=0.0)}
    return of_table(Consistency(sure=sure), modalities, frame, {"y": make()})


def convince(scene: Scene, strength: float = 40.0) -> None:
    """Make the model sure, of one row more than of another."""
    with torch.no_grad():
        for name, weight in scene.model.heads["y"].named_parameters():
            if name == "weight":
                weight.mul_(strength)


@pytest.mark.parametrize("kind", ANSWERS)
def test_a_pseudo_label_is_the_answer_in_the_form_of_a_target(kind: str):
    scene = scene_of(kind)
    task: Task = scene.model.tasks["y"]
    size = scene.model(scene.batch)["y"].shape[1]
    outputs = 3 * torch.randn(200, size)
    target, sure = pseudo_labels(task, outputs)
    decoded = task.decode(outputs)
    np.testing.assert_allclose(*(numbers(task, side) for side in (task.truth(target), decoded.prediction)))
    assert sure.shape == (200,)
    assert (sure <= 1).all()
    if kind == "regression":
        assert (sure == 1).all()
    elif kind == "multilabel":
        chances = torch.from_numpy(decoded.probabilities)
        torch.testing.assert_close(sure, torch.where(chances > 0.5, chances, 1 - chances).min(dim=1).values)
    else:
        chosen = numbers(task, decoded.prediction).astype(int)
        torch.testing.assert_close(sure, torch.from_numpy(decoded.probabilities[np.arange(200), chosen]))
    assert torch.isfinite(task.losses(outputs, target)).all()


def numbers(task: Task, answers: np.ndarray) -> np.ndarray:
    """Answers as numbers that can be compared."""
    if answers.dtype == object:
        return np.array([list(task.classes).index(answer) for answer in answers], dtype=float)
    return answers.astype(float)


@pytest.mark.parametrize("kind", ANSWERS)
def test_it_is_the_formula_over_the_unlabelled_rows(kind: str, monkeypatch: pytest.MonkeyPatch):
    scene = scene_of(kind, sure=0.8)
    convince(scene)
    shown: list[Batch] = []
    hidden = scene.objective.hidden
    monkeypatch.setattr(scene.objective, "hidden", lambda model, batch: shown.append(hidden(model, batch)) or shown[-1])
    found = scene.losses()["y"]
    task, model = scene.model.tasks["y"], scene.model
    guess, sure = pseudo_labels(task, model(scene.batch)["y"].detach())
    unlabelled = ~scene.batch.targets["y"].present
    chosen = unlabelled & (sure >= 0.8)
    assert unlabelled.sum() == 10
    assert chosen.any()
    if kind != "regression":
        assert not chosen[unlabelled].all()
    losses = task.losses(model(shown[0])["y"][chosen], guess[chosen])
    torch.testing.assert_close(found, losses.sum() / 10)


def test_labelled_rows_change_nothing():
    scene = scene_of("regression")
    before = scene.losses()["y"]
    data = scene.batch.inputs["first"].data["numbers"].clone()
    labelled = scene.batch.inputs["first"].index[:14]
    data[labelled] += 3
    assert torch.equal(scene.losses(with_content(scene.batch, "first", {"numbers": data}))["y"], before)
    with seeded(0, "objective"):
        leaf = data.requires_grad_()
        batch = with_content(scene.batch, "first", {"numbers": leaf})
        scene.objective.losses(scene.model, batch, scene.model.represent(batch))["y"].backward()
    assert (leaf.grad[labelled] == 0).all()
    assert leaf.grad.abs().sum() > 0


@pytest.mark.parametrize("kind", ANSWERS)
def test_there_is_none_where_all_are_labelled_or_nobody_is_sure(kind: str):
    scene = scene_of(kind, unlabelled=4)
    convince(scene)
    labelled = rows_of(scene.batch, torch.arange(ROWS - 4))
    assert scene.losses(labelled) == {}
    assert scene.losses(scene.batch.only(set())) == {}
    if kind != "regression":
        doubtful = scene_of(kind, sure=1 - 1e-9)
        assert doubtful.losses() == {}


def test_the_pseudo_label_teaches_and_is_not_taught():
    scene = scene_of("binary", sure=0.6)
    convince(scene)
    representation = scene.model.represent(scene.batch)
    representation.pooled.retain_grad()
    loss = scene.objective.losses(scene.model, scene.batch, representation)["y"]
    loss.backward()
    assert representation.pooled.grad is None
    assert any(weight.grad is not None and (weight.grad != 0).any() for weight in scene.model.encoders.parameters())


def test_what_it_hides_is_some_content_and_some_modalities_but_never_all():
    scene = scene_of("binary")
    present = torch.stack([values.present for values in scene.batch.inputs.values()], dim=1)
    left, gone = torch.zeros(2), 0
    for draw in range(50):
        torch.manual_seed(draw)
        hidden = scene.objective.hidden(scene.model, scene.batch)
        kept = torch.stack([values.present for values in hidden.inputs.values()], dim=1)
        assert torch.equal(kept.any(dim=1), present.any(dim=1))
        left += kept.float().mean(dim=0)
        gone += sum(int(values.data["numbers"].isnan().sum()) for values in hidden.inputs.values())
    # Half of the rows keep both, and of the others each third has one, the other, or both.
    assert ((left / 50 - (0.5 + 0.5 * 2 / 3)).abs() < 0.05).all()
    assert abs(gone / (50 * 2 * ROWS) - 0.3) < 0.05


@pytest.mark.parametrize("taught", [True, False])
def test_unlabelled_rows_teach_a_modality_that_no_labelled_row_has(taught: bool):
    draw = np.random.default_rng(0)
    a = draw.normal(size=96)
    frame = pd.DataFrame({"a": a, "b": -2 * a + 0.1 * draw.normal(size=96)}).round(3).astype(str)
    frame["y"] = np.where(a > 0, "yes", "no")
    frame.loc[:47, "b"], frame.loc[48:, "y"] = "", ""
    modalities = {"first": Table(["a"], drop=0.0), "second": Table(["b"], drop=0.0)}
    scene = of_table(Consistency(sure=0.8), modalities, frame, {"y": Binary("y")})
    model, optimiser = scene.model.train(), torch.optim.Adam(scene.model.parameters(), lr=1e-2)
    for step in range(60):
        loss = task_losses(model, model(scene.batch), scene.batch).sum()
        if taught:
            loss = loss + sum(scene.losses(seed=step).values())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        answers = scene.model.eval()(scene.batch.only({"second"}))["y"][48:, 0] > 0
    right = (answers == torch.from_numpy(a[48:] > 0)).float().mean()
    # Nobody else tells what the second one means: without this it is guessed, and that by chance the wrong way round.
    assert right > 0.9 if taught else right < 0.75


def test_it_works_on_tasks_that_decide():
    tasks = {"found": Retrieval(["a", "b"]), "said": Caption("text"), "sick": Binary("sick"), "age": Regression("age")}
    assert Consistency().chosen({}, tasks) == ["sick", "age"]
    assert Consistency(["age"]).chosen({}, tasks) == ["age"]
    for wrong in (["found"], ["nobody"]):
        with pytest.raises(UsageProblem, match="objective-does-not-fit") as caught:
            Consistency(wrong).chosen({}, tasks)
        assert caught.value.found == wrong[0]
    with pytest.raises(UsageProblem, match="none in this model"):
        Consistency().chosen({}, {})


def test_times_to_an_event_are_nothing_to_guess():
    tasks = {"kind": Binary("kind"), "os": Survival("months", "died")}
    assert Consistency().chosen({}, tasks) == ["kind"]
