"""Training resumes exactly, stops before a number that is not finite, and adds nothing for what is not there."""

import dataclasses
import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from polymodal.balancing import Balancer, GradNorm, NashMTL, PCGrad
from polymodal.core import Batch, DataError, DivergedError, PolymodalWarning, Representation, Values
from polymodal.model import Model
from polymodal.objectives.base import Objective
from polymodal.training import Interrupted, Settings, train
from polymodal.training.checkpoints import tensors_as_bytes
from polymodal.training.gradients import gramian, own_losses, task_losses
from polymodal.training.learner import Learner
from polymodal.training.loop import Trainer, validation_losses
from polymodal.training.predicting import outputs
from tests.training.conftest import Small, make_small, small_frame


def run(small: Small, folder: Path | None = None, stopping: Callable[[], bool] = lambda: False) -> Trainer:
    events: list[Mapping[str, Any]] = []
    return train(
        small.model, small.samples, small.rows, small.settings, small.balancer, folder, (events.append, stopping)
    )


def digest(small: Small) -> str:
    return hashlib.sha256(tensors_as_bytes(small.model.state_dict())).hexdigest()


def after(calls: int) -> Callable[[], bool]:
    """Asks to stop at the given call."""
    left = iter([False] * (calls - 1))
    return lambda: next(left, True)


@pytest.mark.parametrize("stop_at", [1, 3, 4, 5, 17, 23])
def test_an_interrupted_run_ends_with_the_same_weights(tmp_path: Path, quick: Settings, stop_at: int) -> None:
    whole = make_small(quick)
    run(whole)
    with pytest.raises(Interrupted):
        run(make_small(quick), tmp_path, after(stop_at))
    continued = make_small(quick)
    trainer = run(continued, tmp_path)
    assert trainer.state.counters.step == 24
    assert digest(continued) == digest(whole)


@pytest.mark.parametrize("where", ["features", "last_layer", "parameters"])
@pytest.mark.parametrize("balancer", [PCGrad, NashMTL, GradNorm])
def test_a_run_that_compares_gradients_resumes_exactly(
    tmp_path: Path, quick: Settings, where: Any, balancer: type[Balancer]
) -> None:
    settings = dataclasses.replace(quick, epochs=2, gramian_at=where)
    whole, cut, continued = (dataclasses.replace(make_small(settings), balancer=balancer()) for _ in range(3))
    run(whole)
    with pytest.raises(Interrupted):
        run(cut, tmp_path, after(3))
    run(continued, tmp_path)
    assert digest(continued) == digest(whole)


@pytest.mark.parametrize("modality_dropout", [0.0, 0.5])
def test_gradients_that_are_kept_train_as_a_further_pass_does(
    quick: Settings, monkeypatch: pytest.MonkeyPatch, modality_dropout: float
) -> None:
    settings = dataclasses.replace(quick, epochs=2, gramian_at="parameters", modality_dropout=modality_dropout)
    kept, plain = (dataclasses.replace(make_small(settings), balancer=PCGrad()) for _ in range(2))
    run(kept)
    compared = Trainer._compared
    monkeypatch.setattr(Trainer, "_compared", lambda self, *given: (compared(self, *given)[0], None))
    run(plain)
    for one, other in zip(kept.model.parameters(), plain.model.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


def test_a_finished_run_is_not_trained_again(tmp_path: Path, quick: Settings) -> None:
    first, second = make_small(quick), make_small(quick)
    run(first, tmp_path)
    run(second, tmp_path)
    assert digest(first) == digest(second)


def test_loader_processes_change_nothing(quick: Settings) -> None:
    here, elsewhere = make_small(quick), make_small(dataclasses.replace(quick, workers=1))
    run(here)
    run(elsewhere)
    assert digest(here) == digest(elsewhere)


def test_the_global_random_state_is_left_alone(quick: Settings) -> None:
    torch.manual_seed(5)
    wanted = torch.rand(1)
    torch.manual_seed(5)
    run(make_small(quick))
    assert torch.equal(torch.rand(1), wanted)


def test_a_number_that_is_not_finite_stops_training_and_names_task_and_rows(tmp_path: Path, quick: Settings) -> None:
    small = make_small(quick)
    _column, cells = small.samples.targets["score"]
    cells.values[11] = np.inf
    with pytest.raises(DivergedError) as caught:
        run(small, tmp_path)
    assert "score" in str(caught.value)
    assert "rows 11" in str(caught.value)
    assert all(torch.isfinite(weight).all() for weight in small.model.parameters())
    assert any(tmp_path.glob("step-*"))


def test_a_task_without_labels_adds_no_gradient(quick: Settings) -> None:
    frame = small_frame()
    small = make_small(quick)
    batch = small.samples.batch(small.rows["train"])
    unlabelled = {
        "sick": batch.targets["sick"].without(torch.ones(64, dtype=torch.bool)),
        "score": batch.targets["score"],
    }
    batch = dataclasses.replace(batch, targets=unlabelled)
    losses = task_losses(small.model, small.model(batch), batch)
    assert losses[0].isnan()
    assert losses[1].isfinite()
    losses[1].backward()
    assert all(weight.grad is None for weight in small.model.heads["sick"].parameters())
    assert len(frame) == 96


@pytest.fixture
def finished(quick: Settings, monkeypatch: pytest.MonkeyPatch) -> tuple[Small, Trainer]:
    """A short run, judged from here on by the weights that the model has."""
    small = make_small(dataclasses.replace(quick, epochs=1))
    trainer = run(small)
    monkeypatch.setattr(trainer.state, "swap", lambda: None)
    return small, trainer


def test_validation_tells_the_loss_and_judges_by_what_training_lowers(finished: tuple[Small, Trainer]) -> None:
    small, trainer = finished
    batch = small.samples.batch(small.rows["validation"])
    told, judged = validation_losses(trainer, small.samples, small.rows["validation"])
    small.model.eval()
    with torch.no_grad():
        representation = small.model.represent(batch)
        losses = task_losses(small.model, small.model.decide(representation), batch)
        own = own_losses(small.model, representation, batch)
    assert list(told.values()) == pytest.approx(losses.tolist(), rel=1e-5)
    assert list(judged.values()) == pytest.approx(((losses + own) / 2).tolist(), rel=1e-5)


def test_a_validation_loss_that_is_not_finite_stays_so(finished: tuple[Small, Trainer]) -> None:
    small, trainer = finished
    small.model.heads["sick"].prior.data.fill_(float("nan"))
    told, judged = validation_losses(trainer, small.samples, small.rows["validation"])
    assert (
        [math.isnan(loss) for loss in told.values()] == [math.isnan(loss) for loss in judged.values()] == [True, False]
    )


def test_the_gramian_holds_inner_products_of_gradients() -> None:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    losses = torch.stack([x.sum(), (x * x).sum(), torch.tensor(float("nan"))])
    wanted = torch.tensor([[2.0, 6.0, 0.0], [6.0, 20.0, 0.0], [0.0, 0.0, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(gramian(losses, [x]), wanted)


def test_training_helps(quick: Settings) -> None:
    small = make_small(dataclasses.replace(quick, epochs=40, patience=40))
    before = task_losses(
        small.model, small.model(small.samples.batch(small.rows["test"])), small.samples.batch(small.rows["test"])
    )
    run(small)
    small.model.eval()
    batch = small.samples.batch(small.rows["test"])
    after_training = task_losses(small.model, small.model(batch), batch)
    assert (after_training < 0.7 * before).all()


def test_batch_size_does_not_change_predictions(quick: Settings) -> None:
    small = make_small(quick)
    run(small)
    one = outputs(small.model, small.samples, small.rows["test"], batch_size=1)
    all_at_once = outputs(small.model, small.samples, small.rows["test"], batch_size=64)
    for name, made in one.items():
        torch.testing.assert_close(made, all_at_once[name], atol=1e-5, rtol=0)


def test_the_time_limit_ends_training_and_brings_the_rate_down() -> None:
    small = make_small(Settings(epochs=100_000, batch_size=16, time_limit=1.0, patience=100_000))
    trainer = run(small)
    assert trainer.state.counters.done
    assert trainer.state.counters.step < trainer.total
    assert trainer.state.optimiser.param_groups[0]["lr"] < 0.01 * small.settings.lr


class Idle(Objective):
    """An objective that never finds anything to learn from."""

    weight = 1.0

    def chosen(self, modalities: Mapping[str, Any], tasks: Mapping[str, Any]) -> list[str]:
        return []

    def build(self, model: Model) -> None:
        """Nothing to learn."""

    @property
    def parts(self) -> Sequence[str]:
        return ["nothing"]

    def losses(self, model: Model, batch: Batch, representation: Representation) -> dict[str, torch.Tensor]:
        return {}


def test_what_a_whole_epoch_taught_nothing_is_told(quick: Settings) -> None:
    small = make_small(quick)
    learner = Learner(small.model, {"idle": Idle()})
    with pytest.warns(PolymodalWarning, match=r"objective idle\.nothing could learn from no step"):
        train(learner, small.samples, small.rows, quick, small.balancer)
    small = make_small(quick)
    column, cells = small.samples.targets["sick"]
    column.collate = lambda *_: (Values({"target": torch.zeros(0)}, torch.full((quick.batch_size,), -1)), [])
    with pytest.raises(DataError, match="nothing-taught") as caught:
        run(small)
    assert f"{int(cells.present[small.rows['train']].sum())} rows with a label" in caught.value.found
