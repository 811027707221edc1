"""All that training knows is saved and comes back bit for bit; what does not fit is refused by name."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from polymodal.balancing import Uncertainty
from polymodal.core import DamagedError
from polymodal.training import Settings, train
from polymodal.training.batches import load
from polymodal.training.checkpoints import read_tensors, tensors_as_bytes
from polymodal.training.learner import Learner
from polymodal.training.loop import Trainer, grouped
from polymodal.training.state import TrainingState
from tests.training.conftest import make_small


def fresh(decay: float = 0.5) -> TrainingState:
    """The state of a model that begins elsewhere and has learned nothing."""
    model = make_small(Settings(seed=5)).model
    return TrainingState(Learner(model), torch.optim.AdamW(grouped(model, 0.01), lr=0.1), Uncertainty(), decay)


@pytest.fixture
def trained() -> Trainer:
    """What two epochs leave behind; live, averaged and best weights are not the same."""
    small = make_small(Settings(epochs=2, batch_size=16, lr=1e-2))
    trainer = train(small.model, small.samples, small.rows, small.settings, small.balancer)
    trainer.settings = replace(small.settings, epochs=5)  # four more steps, in the midst of a longer run
    for parts in load(trainer.plan, 8, 12, 0):
        trainer.step(parts)
    return trainer


def written(state: TrainingState) -> tuple[dict[str, Tensor], dict]:
    """A state as a checkpoint keeps it: safetensors and JSON."""
    return read_tensors(tensors_as_bytes(state.tensors()), Path("state")), json.loads(json.dumps(state.plain()))


def test_what_was_saved_comes_back_bit_for_bit(trained: Trainer) -> None:
    tensors, plain = written(trained.state)
    state = fresh()
    assert not torch.equal(tensors["live/model.heads.sick.weight"], state.tensors()["live/model.heads.sick.weight"])
    state.restore(tensors, plain)
    found = state.tensors()
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in tensors.items())
    assert state.plain() == plain
    assert state.counters == trained.state.counters


def test_every_kind_of_weight_and_moment_is_in_it(trained: Trainer) -> None:
    tensors = trained.state.tensors()
    names = {name for name, _ in trained.state.learner.named_parameters()}
    for part in ("live", "averaged", "best"):
        assert {name.removeprefix(f"{part}/") for name in tensors if name.startswith(f"{part}/")} == names
    moments = {name.rpartition("/")[2] for name in tensors if name.startswith("optimiser/")}
    assert moments == {"step", "exp_avg", "exp_avg_sq"}
    kinds = [tensors[f"{part}/model.heads.score.weight"] for part in ("live", "averaged", "best")]
    assert not any(torch.equal(kinds[place], kinds[place - 1]) for place in range(3))


def test_a_restored_state_takes_the_same_next_step(trained: Trainer) -> None:
    other = make_small(Settings(epochs=2, batch_size=16, lr=1e-2, seed=5))
    twin = train(other.model, other.samples, other.rows, other.settings, Uncertainty())
    twin.settings, twin.plan = trained.settings, trained.plan
    twin.state.restore(*written(trained.state))
    (parts,) = load(trained.plan, 10, 11, 0)
    assert torch.equal(trained.step(parts), twin.step(parts))
    ours, theirs = trained.state.tensors(), twin.state.tensors()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert trained.state.plain() == twin.state.plain()


@pytest.mark.parametrize(
    "name", ["live/model.heads.sick.weight", "averaged/model.heads.score.prior", "best/model.heads.sick.prior"]
)
@pytest.mark.parametrize("damage", ["shape", "missing"])
def test_what_does_not_fit_is_refused_by_name(trained: Trainer, name: str, damage: str) -> None:
    tensors, plain = written(trained.state)
    found = tensors.pop(name)
    if damage == "shape":
        tensors[name] = torch.cat([found, found])
    with pytest.raises(DamagedError, match="checkpoint-does-not-fit") as caught:
        fresh().restore(tensors, plain)
    assert caught.value.where == name
    assert str(tuple(found.shape)) in caught.value.expected
    assert caught.value.found == ("none" if damage == "missing" else f"shape {tuple(tensors[name].shape)}")


@pytest.mark.parametrize("name", ["optimiser/0/exp_avg", "live/nobody", "optimiser/999/exp_avg"])
def test_moments_of_another_shape_and_unknown_names_are_refused(trained: Trainer, name: str) -> None:
    tensors, plain = written(trained.state)
    with pytest.raises(DamagedError, match="checkpoint-does-not-fit") as caught:
        fresh().restore(tensors | {name: torch.zeros(3, 5, 7)}, plain)
    assert caught.value.where == name


def test_a_buffer_is_saved_and_refused_as_a_weight_is() -> None:
    state, other = fresh(), fresh()
    for place, each in enumerate((state, other)):
        each.model.register_buffer("seen", torch.full((3,), float(place)))
    tensors, plain = written(state)
    other.restore(tensors, plain)
    assert other.model.get_buffer("seen").tolist() == [0.0, 0.0, 0.0]
    with pytest.raises(DamagedError, match="buffer/seen"):
        other.restore(tensors | {"buffer/seen": torch.zeros(2)}, plain)


def test_weights_are_copied_and_not_shared() -> None:
    state = fresh()
    with torch.no_grad():
        for weight in state.live:
            weight.fill_(3.0)
    for kept in (*state.averaged, *state.best):
        assert not (kept == 3.0).any()


def test_swapping_twice_changes_nothing(trained: Trainer) -> None:
    state = trained.state
    before = {name: tensor.clone() for name, tensor in state.tensors().items()}
    state.swap()
    for name, _ in state.learner.named_parameters():
        assert torch.equal(state.tensors()[f"live/{name}"], before[f"averaged/{name}"])
        assert torch.equal(state.tensors()[f"averaged/{name}"], before[f"live/{name}"])
    state.swap()
    assert all(torch.equal(tensor, before[name]) for name, tensor in state.tensors().items())


def test_the_best_weights_are_the_average_of_their_moment_and_stay_in_the_end(trained: Trainer) -> None:
    state = trained.state
    state.remember_best()
    wanted = [weight.clone() for weight in state.averaged]
    with torch.no_grad():
        for weight in (*state.live, *state.averaged):
            weight.zero_()
    state.settle()
    assert all(torch.equal(weight, kept) for weight, kept in zip(state.model.parameters(), wanted, strict=True))


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.99])
def test_the_average_lies_between_and_comes_to_rest_where_the_weights_do(decay: float) -> None:
    state = fresh(decay)
    start = [weight.clone() for weight in state.averaged]
    with torch.no_grad():
        for weight in state.live:
            weight.add_(1.0)
    state.counters.step = 1
    state.average()
    assert all(((old < new) & (new <= old + 1.0 + 1e-5)).all() for old, new in zip(start, state.averaged, strict=True))
    for step in range(2, 3000 if decay == 0.99 else 100):
        state.counters.step = step
        state.average()
    for live, averaged, old in zip(state.live, state.averaged, start, strict=True):
        torch.testing.assert_close(averaged, live.detach(), rtol=0, atol=1e-4)
        torch.testing.assert_close(live.detach(), old + 1.0)


def test_without_averaging_the_average_is_the_live_weights() -> None:
    state = fresh(decay=0.0)
    with torch.no_grad():
        for weight in state.live:
            weight.mul_(-2.0)
    state.counters.step = 40
    state.average()
    assert all(torch.equal(live, averaged) for live, averaged in zip(state.live, state.averaged, strict=True))


def test_an_average_that_moves_rarely_counts_every_step_since_it_last_moved() -> None:
    often, rarely = fresh(decay=0.9), fresh(decay=0.9)
    for state in (often, rarely):
        state.counters.step = state.counters.averaged = 1000
        with torch.no_grad():
            for weight in state.live:
                weight.add_(1.0)
    for step in range(1001, 1005):
        often.counters.step = rarely.counters.step = step
        often.average()
    rarely.average()
    rarely.average()
    assert rarely.counters.averaged == 1004
    for one, other in zip(often.averaged, rarely.averaged, strict=True):
        torch.testing.assert_close(one, other)
