"""What a second net reads of a nuisance, the model unlearns, and tells how much is left."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from polymodal.core import UsageProblem
from polymodal.modalities import Table
from polymodal.objectives import Adversarial
from polymodal.objectives.base import Objective
from polymodal.tasks import Binary
from polymodal.training.gradients import task_losses
from tests.objectives.scene import Scene, of_table, rows_of

ROWS = 96


def frame_of() -> pd.DataFrame:
    """A number that tells the answer and one that tells the site, mixed into two inputs."""
    draw = np.random.default_rng(0)
    truth, site = draw.normal(size=ROWS), np.arange(ROWS) % 3
    told = 2.0 * (site - 1) + 0.2 * draw.normal(size=ROWS)
    frame = pd.DataFrame({"a": truth + told, "b": truth - told}).round(4).astype(str)
    frame["y"], frame["site"] = np.where(truth > 0, "yes", "no"), [f"site {place}" for place in site]
    frame["age"] = (50 + 10 * told).round(3).astype(str)
    return frame


def scene_of(objective: Objective) -> Scene:
    return of_table(objective, {"first": Table(["a", "b"], drop=0.0)}, frame_of(), {"y": Binary("y")})


def taught(scene: Scene, steps: int = 150, *, kept_out: bool = True) -> Scene:
    """The scene after training by its task, and by the objective."""
    model, optimiser = scene.model.train(), torch.optim.Adam(scene.model.parameters(), lr=3e-3)
    scene.objective.train()
    for step in range(steps):
        loss = task_losses(model, model(scene.batch), scene.batch).sum()
        if kept_out:
            loss = loss + sum(scene.losses(seed=step).values())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    model.eval(), scene.objective.eval()
    return scene


def read_linearly(scene: Scene) -> float:
    """The share of sites that logistic regression tells of rows that it was not made from, in four folds."""
    with torch.no_grad():
        pooled = scene.model.represent(scene.batch).pooled.flatten(1).numpy()
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    return float(cross_val_score(probe, pooled, np.arange(ROWS) % 3, cv=4).mean())


def test_a_model_that_is_taught_against_it_tells_less_of_it():
    left = taught(scene_of(Adversarial("site", ramp=30)), steps=400)
    whole = taught(scene_of(Adversarial("site")), kept_out=False)
    assert read_linearly(whole) > 0.95
    assert read_linearly(left) < read_linearly(whole) - 0.1
    with torch.no_grad():
        said = left.model(left.batch)["y"][:, 0] > 0
    assert (said == left.batch.targets["y"].data["target"].bool()).float().mean() > 0.9


@pytest.mark.parametrize(("column", "kind"), [("site", "auto"), ("age", "auto")])
def test_it_tells_how_much_better_than_chance_it_reads(column: str, kind: str):
    scene = scene_of(Adversarial(column, kind, layers="pooled"))
    assert scene.losses()["read"].item() == pytest.approx(1.0)
    representation = scene.model.represent(scene.batch)
    scene.objective.train()
    for _ in range(60):
        told = scene.objective.losses(scene.model, scene.batch, representation)["read"]
    assert 1.5 < told.item() <= 20
    objective = scene.objective.eval()
    (adversary,) = objective.adversaries.values()
    made = adversary(representation.pooled.detach().flatten(1))
    wanted, _ = objective.reader.known(scene.batch)
    if column == "site":
        blind, each = math.log(3), torch.nn.functional.cross_entropy(made, wanted)
    else:
        blind, each = wanted.square().mean(), (made[:, 0] - wanted).square().mean()
    assert scene.losses()["read"].item() == pytest.approx(min(20.0, float(blind / each)), rel=1e-4)


def test_its_strength_rises_by_the_schedule_and_outlives_a_checkpoint():
    scene = scene_of(Adversarial("site", ramp=10))
    scene.objective.train()
    for step in range(1, 13):
        assert scene.objective._strength() == pytest.approx(2 / (1 + math.exp(-min(step, 10))) - 1)
    again = scene_of(Adversarial("site", ramp=10)).objective
    again.load_state_dict(scene.objective.state_dict())
    assert again.eval()._strength() == scene.objective.eval()._strength() == pytest.approx(2 / (1 + math.exp(-10)) - 1)


def test_the_gradient_goes_uphill_and_ends_at_chance():
    scene = scene_of(Adversarial("site", ramp=1, layers="pooled"))
    scene.objective.train()
    for _ in range(30):
        scene.losses()
    scene.objective.eval()
    pooled = scene.model.represent(scene.batch).pooled.detach()
    before = [told(scene, pooled)]
    for _ in range(60):
        pooled = (pooled.requires_grad_() - 0.5 * torch.autograd.grad(told(scene, pooled), pooled)[0]).detach()
        before.append(told(scene, pooled))
    assert before[10] < before[0]
    assert before[-1] == pytest.approx(1.0, abs=0.05)


def told(scene: Scene, pooled: torch.Tensor) -> torch.Tensor:
    representation = scene.model.represent(scene.batch)
    changed = type(representation)(pooled, representation.view_mask, representation.combine, {}, {})
    return scene.objective.losses(scene.model, scene.batch, changed)["read"]


def test_rows_without_it_teach_nothing():
    frame = frame_of()
    frame.loc[40:, "site"] = ""
    scene = of_table(Adversarial("site"), {"first": Table(["a", "b"], drop=0.0)}, frame, {"y": Binary("y")})
    assert scene.losses(rows_of(scene.batch, torch.arange(40, ROWS))) == {}
    scene.objective.train()
    whole, known = (
        scene.objective.losses(scene.model, batch, scene.model.represent(batch))["read"]
        for batch in (scene.batch, rows_of(scene.batch, torch.arange(40)))
    )
    assert torch.isfinite(whole)
    assert torch.isfinite(known)
    assert scene.objective.adversaries["0"].moves == 10
    representation = scene.model.represent(scene.batch)
    representation.pooled.retain_grad()
    scene.objective.losses(scene.model, scene.batch, representation)["read"].backward()
    assert (representation.pooled.grad[40:] == 0).all()
    assert (representation.pooled.grad[:40] != 0).any()


def test_it_does_not_learn_while_it_is_judged():
    scene = scene_of(Adversarial("site"))
    before = {name: buffer.clone() for name, buffer in scene.objective.named_buffers()}
    scene.losses()
    assert all(torch.equal(buffer, before[name]) for name, buffer in scene.objective.named_buffers())


def test_a_modality_that_is_not_there_is_refused():
    modalities = {"first": Table(["a"])}
    assert Adversarial("site").chosen(modalities, {}) == ["first"]
    with pytest.raises(UsageProblem, match="objective-does-not-fit"):
        Adversarial("site", modalities=["second"]).chosen(modalities, {})
