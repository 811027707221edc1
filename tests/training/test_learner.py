"""A learner names its losses, keeps pairs whole for what aligns them, and judges the same rows the same way."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from polymodal.core import Batch, Representation, Values
from polymodal.core.seeding import seeded, torch_generator
from polymodal.data.base import DataTable
from polymodal.encoders.experts import MixtureOfExperts
from polymodal.encoders.tabular import TabularMlp
from polymodal.fusion import Late
from polymodal.modalities import Image, Table
from polymodal.modalities.base import Modality
from polymodal.model import Model
from polymodal.objectives import Contrastive, Masked, Reconstruction
from polymodal.objectives.base import Objective
from polymodal.tasks import Binary, Regression, Retrieval, Segmentation
from polymodal.tasks.base import Task
from polymodal.training import Interrupted, Settings, train
from polymodal.training.checkpoints import tensors_as_bytes
from polymodal.training.learner import Learner, perturbed
from polymodal.training.loop import validation_losses
from polymodal.training.predicting import at_once
from tests.training.conftest import Small, make_small, small_frame

ALIGN: Mapping[str, Objective] = {"align": Contrastive(space=8), "hide": Masked(["second"], weight=0.5)}


def learner_of(small: Small, objectives: Mapping[str, Objective] = ALIGN) -> Learner:
    with seeded(0, "learner"):
        return Learner(small.model, objectives, small.settings.own_loss)


def whole(small: Small) -> Batch:
    return small.samples.batch(small.rows["train"])


def judged(learner: Learner, batch: Batch):
    with seeded(3, "judge"):
        return learner.judge(batch, learner.model.represent(batch))


class Steady(Objective):
    """Remembers what it was asked about."""

    steady = True
    weight = 1.0

    def chosen(self, modalities: Mapping[str, Modality], tasks: Mapping[str, Task]) -> list[str]:
        return []

    def build(self, model: Model) -> None:
        self.asked: list[tuple[Batch, Representation, bool]] = []

    @property
    def parts(self) -> Sequence[str]:
        return ["size"]

    def losses(self, model: Model, batch: Batch, representation: Representation) -> dict[str, Tensor]:
        self.asked.append((batch, representation, model.training))
        return {"size": representation.pooled.square().mean()}


def test_a_steady_objective_is_asked_about_rows_as_prediction_meets_them(quick: Settings):
    small = make_small(quick)
    learner, batch = learner_of(small, {"calm": Steady()}).train(), whole(small)
    assert not learner.aligns
    changed, seen = learner.represented(batch, 0.5, torch_generator(0, "perturb"))
    found = learner.judge(changed, seen, batch)
    (asked, made, training) = learner.built["calm"].asked[-1]
    assert asked is batch
    assert training
    assert found.seen[0] is seen
    assert found.seen[1] is made
    expected = small.model.eval().represent(batch)
    assert not torch.equal(made.pooled, seen.pooled)
    assert torch.equal(made.pooled, expected.pooled)
    found.losses[2].backward()
    assert any(weight.grad is not None for weight in learner.model.parameters())


class Worse(Steady):
    """Is worse at every epoch, as what an adversary reads is while it catches up."""

    def losses(self, model: Model, batch: Batch, representation: Representation) -> dict[str, Tensor]:
        self.count = getattr(self, "count", 0) + 1
        return {"size": 0.0 * representation.pooled.sum() + 10.0**self.count}


class Contest(Worse):
    """The same, which says so."""

    contests = True


def test_where_epochs_do_not_compare_the_last_weights_are_kept(quick: Settings):
    for kind, best in ((Contest, [True] * 4), (Worse, [True, False])):
        small, told = make_small(quick), []
        settings = dataclasses.replace(small.settings, epochs=4, patience=1)
        learner = learner_of(small, {"it": kind()})
        train(learner, small.samples, small.rows, settings, small.balancer, watch=(told.append, lambda: False))
        assert [event["best"] for event in told if event["event"] == "epoch"] == best


def without(small: Small, batch: Batch, *names: str) -> Batch:
    return batch.only(set(small.model.modalities) - set(names))


def test_losses_are_named_in_one_order_tasks_first(quick: Settings):
    small = make_small(quick)
    learner = learner_of(small).eval()
    assert learner.names == ["sick", "score", "align.first-second", "hide.second"]
    found = judged(learner, whole(small))
    assert found.losses.shape == found.lowered.shape == found.known.shape == found.counts.shape == (4,)
    assert found.known.all()
    assert found.counts[2:].tolist() == [64, 64]
    with seeded(3, "judge"):
        batch = whole(small)
        seen = learner.model.represent(batch)
        parts = [learner.built[name].losses(learner.model, batch, seen) for name in ("align", "hide")]
    expected = torch.stack([parts[0]["first-second"], 0.5 * parts[1]["second"]])
    assert torch.equal(found.losses[2:], expected)
    assert torch.equal(found.lowered[2:], expected)


def test_what_has_nothing_to_say_is_not_known_and_counts_nothing(quick: Settings):
    small = make_small(quick)
    learner = learner_of(small).eval()
    found = judged(learner, without(small, whole(small), "second"))
    assert found.known.tolist() == [True, True, False, False]
    assert found.losses[2:].isnan().all()
    assert found.counts[2:].tolist() == [0, 0]
    nothing = judged(learner, without(small, whole(small), "first", "second"))
    assert nothing.known.tolist() == [True, True, False, False]


def test_a_model_without_tasks_has_the_losses_of_its_objectives_alone(quick: Settings):
    small = make_small(quick)
    with seeded(0, "model"):
        small.model = Model(small.model.modalities, {}, Late(), width=8)
    learner = learner_of(small).eval()
    assert learner.names == ["align.first-second", "hide.second"]
    found = judged(learner, whole(small))
    assert found.outputs == {}
    assert torch.isfinite(found.losses).all()
    assert torch.equal(found.losses, found.lowered)


def test_objectives_are_copied_so_that_several_models_can_be_taught(quick: Settings):
    objectives = {"align": Contrastive(space=8)}
    one, other = (learner_of(make_small(quick), objectives) for _ in range(2))
    assert not list(objectives["align"].parameters())
    assert one.built["align"] is not other.built["align"]
    assert {name.split(".")[0] for name, _ in one.named_parameters()} == {"model", "objectives"}


def hidden_from_fusion(
    learner: Learner, batch: Batch
) -> tuple[Batch, dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """The batch after modality dropout in every row, and where each modality is: before fusion, and in it."""
    with seeded(0, "represented"):
        changed, seen = learner.eval().represented(batch, 1.0, torch_generator(0, "dropout"))
    views = {name: seen.view_mask[:, place] for place, name in enumerate(sorted(seen.unfused))}
    return changed, {name: tokens.present for name, tokens in seen.unfused.items()}, views


@pytest.mark.parametrize("how", ["objective", "task"])
def test_modality_dropout_leaves_pairs_whole_where_they_are_aligned(quick: Settings, how: str):
    small = make_small(quick)
    if how == "task":
        task = Retrieval(["first", "second"])
        task.reader.fit(DataTable(small_frame()), small.rows["train"])
        small.model = Model(small.model.modalities, {**small.model.tasks, "found": task}, Late(), width=8)
    learner = learner_of(small, ALIGN if how == "objective" else {})
    before = whole(small)
    changed, unfused, fused = hidden_from_fusion(learner, before)
    for name, values in before.inputs.items():
        assert torch.equal(unfused[name], values.present)
        assert torch.equal(changed.inputs[name].present, values.present)
        assert (fused[name] & ~values.present).sum() == 0
        assert 0.3 < fused[name][values.present].float().mean() < 0.9
    assert torch.stack(list(fused.values())).any(dim=0)[torch.stack(list(unfused.values())).any(dim=0)].all()


def test_without_anything_to_align_what_is_dropped_is_gone(quick: Settings):
    small = make_small(quick)
    changed, unfused, fused = hidden_from_fusion(learner_of(small, {}), whole(small))
    for name, values in changed.inputs.items():
        assert torch.equal(unfused[name], values.present)
        assert torch.equal(fused[name], values.present)
    assert sum(int(values.present.sum()) for values in changed.inputs.values()) < sum(
        int(values.present.sum()) for values in whole(small).inputs.values()
    )


def test_the_same_rows_are_dropped_either_way(quick: Settings):
    small = make_small(quick)
    _, _, aligned = hidden_from_fusion(learner_of(small), whole(small))
    _, _, plain = hidden_from_fusion(learner_of(small, {}), whole(small))
    assert all(torch.equal(aligned[name], plain[name]) for name in plain)


def test_validation_says_the_same_twice_whatever_was_drawn_before(quick: Settings):
    small = make_small(quick)
    learner = learner_of(small).eval()
    batches = [small.samples.batch(rows) for rows in np.array_split(np.arange(96), 3)]
    with seeded(0, "examined"):
        first = [learner.examined(batch, 5, number).losses for number, batch in enumerate(batches)]
        torch.rand(17)
        again = [learner.examined(batches[number], 5, number).losses for number in (2, 0, 1)]
        other = learner.examined(batches[0], 6, 0).losses
    for number, place in enumerate((1, 2, 0)):
        assert torch.equal(first[number], again[place])
    assert torch.equal(other[:3], first[0][:3])
    assert not torch.equal(other[3], first[0][3])


def test_validation_does_not_depend_on_the_order_of_the_rows(quick: Settings):
    small = make_small(dataclasses.replace(quick, epochs=1))
    learner = learner_of(small, {"align": Contrastive(space=8), "tell": Reconstruction()})
    trainer = train(learner, small.samples, small.rows, small.settings, small.balancer)
    rows = small.rows["validation"]
    with seeded(0, "validation"):
        found = [validation_losses(trainer, small.samples, order)[0] for order in (rows, rows, rows[::-1].copy())]
    assert found[0] == found[1]
    assert found[0].keys() == {"sick", "score", "align.first-second", "tell.first", "tell.second"}
    for name in ("sick", "score", "align.first-second"):
        assert found[2][name] == pytest.approx(found[0][name], rel=1e-5)


class Mixed(nn.Module):
    """A table whose token goes to experts."""

    def __init__(self, numbers: int, width: int) -> None:
        super().__init__()
        self.net, self.experts = TabularMlp(numbers, [], width, 0, 1, 0.0), MixtureOfExperts(width, 4)

    def forward(self, parts):
        tokens = self.net(parts)
        return dataclasses.replace(tokens, values=tokens.values + self.experts(tokens.values, tokens.mask))


def with_experts(quick: Settings) -> Small:
    """The small scene with experts in the encoder of one modality."""
    small = make_small(quick)
    second = Table(["c", "d"], encoder=lambda reader, width: Mixed(len(reader.numbers), width))
    second.reader.restore(small.model.modalities["second"].reader.state())
    with seeded(0, "model"):
        small.model = Model({**small.model.modalities, "second": second}, small.model.tasks, Late(), width=8)
    return small


def test_what_experts_ask_for_is_added_to_what_is_lowered(quick: Settings):
    small = with_experts(quick)
    learner = learner_of(small).train()
    assert learner.penalties() is None
    judged(learner, whole(small))
    experts = learner.model.encoders["second"].experts
    asked = experts.penalty
    assert asked is not None
    found = learner.penalties()
    assert torch.equal(found, asked)
    found.backward()
    assert (experts.router.weight.grad != 0).any()
    judged(learner.eval(), whole(small))
    assert learner.penalties() is None


def test_training_lowers_the_load_of_experts(quick: Settings, monkeypatch: pytest.MonkeyPatch):
    losses: dict[bool, list[float]] = {}
    for asked in (True, False):
        small = with_experts(dataclasses.replace(quick, epochs=2))
        told = losses.setdefault(asked, [])
        with monkeypatch.context() as patch:
            if not asked:
                patch.setattr(Learner, "penalties", lambda learner: None)
            guard = "polymodal.training.loop.Trainer._guard"
            patch.setattr(guard, lambda trainer, value, what, *rest, told=told: told.append(float(value.detach())))
            train(learner_of(small, {}), small.samples, small.rows, small.settings, small.balancer)
    assert losses[True][0] > losses[False][0]
    assert losses[True][1:] != losses[False][1:]


def digest(learner: Learner) -> bytes:
    return tensors_as_bytes(learner.state_dict())


@pytest.mark.parametrize("stop_at", [1, 5, 8])
def test_a_learner_that_was_interrupted_ends_with_the_same_weights(tmp_path: Path, quick: Settings, stop_at: int):
    settings = dataclasses.replace(quick, epochs=3)

    def run(folder: Path | None = None, stopping=lambda: False) -> Learner:
        small = make_small(settings)
        learner = learner_of(small)
        watch = (lambda event: None, stopping)
        train(learner, small.samples, small.rows, settings, small.balancer, folder, watch)
        return learner

    calm = run()
    left = iter([False] * (stop_at - 1))
    with pytest.raises(Interrupted):
        run(tmp_path, lambda: next(left, True))
    assert digest(run(tmp_path)) == digest(calm)


def test_a_loss_that_is_not_finite_is_named_by_its_objective(quick: Settings):
    class Broken(Contrastive):
        def losses(self, model, batch, representation):
            return {name: loss / 0 for name, loss in super().losses(model, batch, representation).items()}

    small = make_small(quick)
    with pytest.raises(Exception, match=r"non-finite-loss(.|\n)*objective align.first-second"):
        train(learner_of(small, {"align": Broken()}), small.samples, small.rows, quick, small.balancer)


def test_tasks_keep_their_losses_whatever_stands_beside_them(quick: Settings):
    small = make_small(quick)
    alone, beside = learner_of(small, {}).eval(), learner_of(small).eval()
    assert isinstance(small.model.tasks["sick"], Binary)
    assert isinstance(small.model.tasks["score"], Regression)
    assert torch.equal(judged(alone, whole(small)).losses, judged(beside, whole(small)).losses[:2])
    assert torch.equal(judged(alone, whole(small)).lowered, judged(beside, whole(small)).lowered[:2])


def test_a_modality_that_a_batch_lacks_leaves_no_penalty_behind(quick: Settings):
    small = with_experts(quick)
    learner = learner_of(small, {}).train()
    for batch in (whole(small), without(small, whole(small), "second"), whole(small)):
        found = judged(learner, batch)
        total, penalty = found.lowered.sum(), learner.penalties()
        (total if penalty is None else total + penalty).backward()


def test_targets_move_with_the_pictures_they_belong_to():
    """Two rows share a picture, two share a map; each map ends where its own row's picture does."""
    draw = np.random.default_rng(0)
    shapes = [np.kron(draw.integers(0, 2, (3, 4)), np.ones((8, 8), dtype=int)).astype(np.uint8) for _ in range(2)]
    frame = pd.DataFrame({"picture": pd.Series([255 * shape for shape in shapes], dtype=object)})
    frame["marks"] = pd.Series(shapes, dtype=object)
    held = DataTable(frame)
    view = Image("picture", size=(24, 32), channels=1, tokens="pyramid", augment=1.0, flip=True)
    marks, other = Segmentation("marks", of="view"), Segmentation("marks", of="view")
    other.follows = None
    for reader in (view.reader, marks.reader, other.reader):
        reader.fit(held, np.arange(2))
    model = Model({"view": view}, {"marks": marks, "other": other}, Late(), width=8)
    pixels = torch.stack([torch.from_numpy(255 * shape) for shape in shapes]).unsqueeze(1)
    maps = {"target": torch.stack([torch.from_numpy(shape) for shape in shapes])}
    shown = Values({"pixels": pixels}, torch.tensor([0, 0, 1, -1, 1]))
    target = Values(maps, torch.tensor([0, 0, 1, 1, -1]))
    batch = Batch({"view": shown}, {"marks": target, "other": target}, torch.arange(5))
    made = perturbed(model, batch, torch_generator(0))
    assert made.targets["other"] is target
    found = made.targets["marks"]
    assert found.present.tolist() == [True, True, True, False, False]
    assert at_once(model) == marks.at_once == 32
    for row in (0, 1, 2):
        seen = made.inputs["view"].part("pixels")[row, 0]
        told = found.part("target")[row]
        known = (told != 255) & ((seen < 60) | (seen > 195))
        clear = (seen[known] > 127) == (told[known] == 1)
        assert known.float().mean() > 0.5
        assert clear.float().mean() > 0.97
        assert not torch.equal(told, maps["target"][target.index[row]])
