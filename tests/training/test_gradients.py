"""A row without a label adds exactly nothing, and the Gramian is what autograd says, wherever it is taken."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from polymodal.core import Batch
from polymodal.core.seeding import seeded
from polymodal.fusion import Bottleneck, Early, Fusion, Intermediate, Late
from polymodal.model import Model
from polymodal.training import Settings
from polymodal.training.gradients import (
    Suspects,
    TaskGradients,
    diverged,
    gramian,
    gramian_places,
    own_losses,
    sample_losses,
    task_losses,
)
from polymodal.training.learner import Learner
from tests.training.conftest import Small, make_small

PLACES = ["features", "last_layer", "parameters"]
FUSIONS = [Late, Intermediate, Early, Bottleneck]
NOBODY = torch.ones(64, dtype=torch.bool)


@pytest.fixture
def small() -> Small:
    """The small table and its model, without dropout."""
    made = make_small(Settings())
    made.model.eval()
    return made


@pytest.fixture
def batch(small: Small) -> Batch:
    """Training rows: some have no label for "sick", some no value of "second"."""
    return small.samples.batch(small.rows["train"])


def unlabelled(batch: Batch, name: str, rows: Tensor = NOBODY) -> Batch:
    """The batch with the marked rows without a label for one task."""
    return replace(batch, targets=dict(batch.targets) | {name: batch.targets[name].without(rows)})


def with_fusion(small: Small, fusion: Fusion) -> Model:
    """The small model with its modalities joined in another way."""
    with seeded(0, "model"):
        return Model(small.model.modalities, small.model.tasks, fusion, width=8).eval()


def places_of(model: Model, batch: Batch, where: str) -> tuple[Tensor, list[Tensor]]:
    """The losses of one forward pass, and the tensors at which their gradients are compared."""
    representation = model.represent(batch)
    losses = task_losses(model, model.decide(representation), batch)
    return losses, gramian_places(model, [representation], replace(Settings(), gramian_at=where))


def test_own_losses_are_those_of_each_modality_alone(small: Small, batch: Batch) -> None:
    """What one pass over all views says, put together again from batches in which one modality is lit."""
    made = own_losses(small.model, small.model.represent(batch), batch)
    sums, counts = torch.zeros(len(small.model.tasks)), torch.zeros(len(small.model.tasks))
    for name in small.model.modalities:
        lit = batch.only(frozenset([name]))
        outputs = small.model(lit)
        for place, task in enumerate(small.model.tasks):
            here = batch.inputs[name].present[batch.targets[task].present]
            sums[place] += sample_losses(small.model, task, outputs, lit)[here].sum()
            counts[place] += here.sum()
    expected = sums / counts
    torch.testing.assert_close(made, expected)


def lowered(model: Model, batch: Batch) -> tuple[Tensor, Tensor]:
    """The losses of one forward pass, and what training lowers."""
    judged = Learner(model, own_loss=1.0).judge(batch, model.represent(batch))
    return judged.losses, judged.lowered


def test_own_losses_weigh_as_much_as_is_asked(small: Small, batch: Batch) -> None:
    losses, made = lowered(small.model, batch)
    own = own_losses(small.model, small.model.represent(batch), batch)
    torch.testing.assert_close(made, (losses + own) / 2)


def test_what_has_no_own_decision_keeps_its_loss(small: Small, batch: Batch) -> None:
    for model, given in ((with_fusion(small, Intermediate()), batch), (small.model, batch.only(frozenset()))):
        losses, made = lowered(model, given)
        assert torch.equal(made, losses)
    losses, made = lowered(small.model, unlabelled(batch, "sick"))
    assert torch.equal(made.isnan(), losses.isnan())
    assert losses.isnan().tolist() == [name == "sick" for name in small.model.tasks]


def test_a_row_without_a_label_gets_a_gradient_of_exactly_zero(small: Small, batch: Batch) -> None:
    here = batch.targets["sick"].present
    assert here.any()
    assert not here.all()
    representation = small.model.represent(batch)
    losses = task_losses(small.model, small.model.decide(representation), batch)
    (slope,) = torch.autograd.grad(losses[0], representation.pooled)
    reached = (slope != 0).flatten(1).any(dim=1)
    there = representation.view_mask.any(dim=1)
    assert torch.equal(reached, here & there)


def test_what_is_made_of_a_row_without_a_label_changes_nothing(small: Small, batch: Batch) -> None:
    made = small.model(batch)["sick"].detach()
    spoiled = torch.where(batch.targets["sick"].present.unsqueeze(1), made, torch.nan)
    found = []
    for outputs in (made.requires_grad_(), spoiled.requires_grad_()):
        loss = task_losses(small.model, {"sick": outputs, "score": made}, batch)[0]
        found.append((loss, *torch.autograd.grad(loss, outputs)))
    (loss, slope), (other, slope_of_spoiled) = found
    assert torch.equal(loss, other)
    assert torch.equal(slope, slope_of_spoiled)


def test_the_loss_is_that_of_the_labelled_rows_alone(small: Small, batch: Batch) -> None:
    rows = batch.rows[batch.targets["sick"].present].numpy()
    alone = small.samples.batch(rows)
    each, wanted = (sample_losses(small.model, "sick", small.model(part), part) for part in (batch, alone))
    assert len(each) == len(rows) < len(batch)
    torch.testing.assert_close(each, wanted)
    torch.testing.assert_close(task_losses(small.model, small.model(batch), batch)[0], wanted.mean())


def test_a_task_of_which_nobody_has_a_label_is_nan_and_not_zero(small: Small, batch: Batch) -> None:
    bare = unlabelled(batch, "score")
    learner = Learner(small.model)
    assert learner.judge(batch, small.model.represent(batch)).known.tolist() == [True, True]
    assert learner.judge(bare, small.model.represent(bare)).known.tolist() == [True, False]
    losses = task_losses(small.model, small.model(bare), bare)
    assert losses[1].isnan()
    assert torch.equal(losses[0], task_losses(small.model, small.model(batch), batch)[0])
    assert len(sample_losses(small.model, "score", small.model(bare), bare)) == 0


def test_a_loss_counts_as_its_task_weighs(small: Small, batch: Batch) -> None:
    before = task_losses(small.model, small.model(batch), batch)
    small.model.tasks["score"].weight = 4.0
    torch.testing.assert_close(task_losses(small.model, small.model(batch), batch), before * torch.tensor([1.0, 4.0]))


def naive(model: Model, batch: Batch, where: str) -> Tensor:
    """The Gramian by its definition: one forward pass and one gradient for each task."""
    slopes = []
    for number in range(len(model.tasks)):
        losses, places = places_of(model, batch, where)
        if losses[number].isnan():
            slopes.append([torch.zeros_like(place) for place in places])
        else:
            slopes.append(torch.autograd.grad(losses[number], places, allow_unused=True, materialize_grads=True))
    products = [
        [sum((one.double() * other.double()).sum() for one, other in zip(a, b, strict=True)) for b in slopes]
        for a in slopes
    ]
    return torch.tensor(products, dtype=torch.float64)


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("fusion", FUSIONS)
def test_the_gramian_is_the_naive_product_of_gradients(
    small: Small, batch: Batch, fusion: type[Fusion], where: str
) -> None:
    model = with_fusion(small, fusion())
    found = gramian(*places_of(model, batch, where))
    assert found.dtype == torch.float64
    assert (found.diagonal() > 0).all()
    torch.testing.assert_close(found, naive(model, batch, where), rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("where", PLACES)
def test_a_task_without_labels_has_a_row_and_a_column_of_zeros(small: Small, batch: Batch, where: str) -> None:
    whole, bare = gramian(*places_of(small.model, batch, where)), unlabelled(batch, "sick")
    found = gramian(*places_of(small.model, bare, where))
    torch.testing.assert_close(found, naive(small.model, bare, where), rtol=1e-4, atol=1e-9)
    assert not found[0].any()
    assert not found[:, 0].any()
    assert found[1, 1] == pytest.approx(float(whole[1, 1]))


@pytest.mark.parametrize("where", PLACES)
def test_taking_the_gramian_leaves_the_gradients_to_the_step(small: Small, batch: Batch, where: str) -> None:
    losses, places = places_of(small.model, batch, where)
    gramian(losses, places)
    assert all(weight.grad is None for weight in small.model.parameters())
    losses.sum().backward()
    assert all(head.weight.grad is not None for head in small.model.heads.values())


@pytest.mark.parametrize("lacking", [None, "sick", "score"])
def test_gradients_that_were_kept_are_those_of_the_weighted_sum(
    small: Small, batch: Batch, lacking: str | None
) -> None:
    model = small.model
    given = batch if lacking is None else unlabelled(batch, lacking)
    losses, places = places_of(model, given, "parameters")
    known = ~losses.isnan()
    shares = torch.where(known, torch.tensor([0.3, 2.0]), 0.0)
    rest = 0.5 * sum(weight.square().sum() for weight in model.encoders.parameters())
    (losses[known] @ shares[known] + rest).backward(retain_graph=True)
    wanted = [weight.grad for weight in model.parameters()]
    held = TaskGradients.of(losses, model.parameters())
    torch.testing.assert_close(held.gramian(places), gramian(losses, places))
    held.fill(shares, rest)
    for weight, slope in zip(model.parameters(), wanted, strict=True):
        assert (weight.grad is None) == (slope is None)
        if slope is not None:
            torch.testing.assert_close(weight.grad, slope)


def test_a_weight_that_no_task_uses_keeps_no_gradient_and_a_frozen_one_is_left_alone(
    small: Small, batch: Batch
) -> None:
    small.model.encoders["first"].requires_grad_(False)
    losses, _ = places_of(small.model, unlabelled(batch, "sick"), "parameters")
    held = TaskGradients.of(losses, small.model.parameters())
    held.fill(torch.tensor([0.0, 1.0]))
    idle = [*small.model.heads["sick"].parameters(), *small.model.encoders["first"].parameters()]
    assert all(weight.grad is None for weight in idle)
    assert all(weight.grad is not None for weight in small.model.heads["score"].parameters())


def numbers(*parts: nn.Module) -> set[int]:
    return {id(weight) for part in parts for weight in part.parameters()}


@pytest.mark.parametrize("fusion", FUSIONS)
def test_only_what_all_tasks_share_is_compared(small: Small, batch: Batch, fusion: type[Fusion]) -> None:
    model = with_fusion(small, fusion())
    shared = numbers(model.encoders, model.fusion)
    (features,) = places_of(model, batch, "features")[1]
    assert features.shape[:2] == (len(batch), model.fusion.views)
    assert {id(place) for place in places_of(model, batch, "parameters")[1]} == shared
    last = {id(place) for place in places_of(model, batch, "last_layer")[1]}
    assert last
    assert last < numbers(model.fusion)


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("name", ["first", "second"])
def test_a_batch_of_one_modality_is_compared_at_the_last_layer_too(
    small: Small, batch: Batch, fusion: type[Fusion], name: str
) -> None:
    losses, places = places_of(with_fusion(small, fusion()), batch.only({name}), "last_layer")
    assert (gramian(losses, places).diagonal() > 0).all()


def test_frozen_weights_are_not_compared(small: Small, batch: Batch) -> None:
    small.model.encoders["first"].requires_grad_(False)
    found = {id(place) for place in places_of(small.model, batch, "parameters")[1]}
    assert found == numbers(small.model.encoders["second"], small.model.fusion)
    assert gramian(*places_of(small.model, batch, "parameters")).isfinite().all()


def test_the_error_names_the_rows_of_the_table_and_the_tasks_they_spoil(small: Small) -> None:
    batch = small.samples.batch(small.rows["validation"])
    made = {name: outputs.detach().clone() for name, outputs in small.model(batch).items()}
    made["score"][3] = torch.inf
    made["sick"][6] = torch.nan  # row 70 has no label for it
    told = diverged(Suspects.of(small.model, made, batch), 12, "loss")
    assert (told.code, told.where, told.exit_code) == ("non-finite-loss", "training, step 12", 5)
    assert told.found == "task score; rows 67"
    made["sick"][7] = torch.nan
    assert diverged(Suspects.of(small.model, made, batch), 12, "loss").found == "task score, sick; rows 67, 71"


def test_where_no_loss_is_to_blame_the_whole_batch_is_named_and_long_lists_are_cut(small: Small, batch: Batch) -> None:
    told = diverged(Suspects.of(small.model, small.model(batch), batch), 3, "gradient")
    assert "no single task" in told.found
    assert told.found.endswith("rows " + ", ".join(map(str, range(20))) + " and 44 more")
