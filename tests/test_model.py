"""What is absent changes nothing, and what stands beside a row changes it by no more than rounding."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from polymodal.core import Batch, UsageProblem, Values
from polymodal.fusion import Bottleneck, Early, Intermediate, Late
from polymodal.modalities import Table
from polymodal.model import Ensemble, Model, strangers
from polymodal.tasks import Answer, Caption, Picture, Retrieval
from polymodal.training import Settings
from tests.training.conftest import Small, make_small

FUSIONS = [Late(combine="mean"), Late(combine="learned"), Late(), Intermediate(), Early(), Bottleneck()]


@pytest.fixture(scope="module")
def small() -> Small:
    return make_small(Settings())


@pytest.fixture(params=FUSIONS, ids=["mean", "learned", "product", "intermediate", "early", "bottleneck"])
def model(request: pytest.FixtureRequest, small: Small) -> Model:
    torch.manual_seed(1)
    model = Model(small.model.modalities, small.model.tasks, request.param, width=8)
    for head in model.heads.values():
        torch.nn.init.normal_(head.weight)
    return model.eval()


def said(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
    with torch.no_grad():
        return torch.cat(list(model(batch).values()), dim=1)


def dark(batch: Batch, name: str) -> Batch:
    everyone = torch.ones(len(batch), dtype=torch.bool)
    return replace(batch, inputs=dict(batch.inputs) | {name: batch.inputs[name].without(everyone)})


@pytest.mark.parametrize("name", ["first", "second"])
def test_a_modality_gone_dark_is_a_row_without_it_bit_for_bit(model: Model, small: Small, name: str):
    batch = small.samples.batch(np.arange(12))
    other = small.samples.batch(np.arange(40, 52)).inputs[name]
    never = Values(other.data, torch.full((12,), -1))
    nothing = Values({part: values[:0] for part, values in other.data.items()}, torch.full((12,), -1))
    gone = said(model, dark(batch, name))
    for absent in (never, nothing):
        assert torch.equal(said(model, replace(batch, inputs=dict(batch.inputs) | {name: absent})), gone)
    assert torch.equal(said(model, batch.only({"first", "second"} - {name})), gone)
    assert not torch.equal(said(model, batch), gone)


def test_what_nobody_holds_reaches_no_output_and_no_gradient(model: Model, small: Small):
    batch = small.samples.batch(np.arange(12))
    first = batch.inputs["first"]
    index = torch.where(torch.arange(12) % 3 == 0, -1, first.index)
    slopes, made = [], []
    for spoiled in (0.0, float("nan"), float("inf")):
        numbers = first.data["numbers"].clone()
        numbers[::3] = spoiled
        given = replace(
            batch, inputs=dict(batch.inputs) | {"first": Values(dict(first.data) | {"numbers": numbers}, index)}
        )
        model.zero_grad()
        outputs = torch.cat(list(model(given).values()), dim=1)
        outputs.square().sum().backward()
        made.append(outputs.detach())
        slopes.append([weight.grad.clone() for weight in model.parameters() if weight.grad is not None])
    assert torch.isfinite(made[0]).all()
    assert all(torch.equal(made[0], other) for other in made[1:])
    assert all(torch.equal(a, b) for other in slopes[1:] for a, b in zip(slopes[0], other, strict=True))
    assert all(torch.isfinite(slope).all() for slope in slopes[0])


def test_neighbours_and_order_change_nothing(model: Model, small: Small):
    rows = np.arange(30)
    together = said(model, small.samples.batch(rows))
    turned = np.random.default_rng(0).permutation(rows)
    back = np.argsort(turned)
    torch.testing.assert_close(said(model, small.samples.batch(turned))[back], together, atol=1e-5, rtol=0)
    alone = torch.cat([said(model, small.samples.batch(rows[row : row + 1])) for row in rows])
    torch.testing.assert_close(alone, together, atol=1e-5, rtol=0)
    pairs = torch.cat([said(model, small.samples.batch(piece)) for piece in np.array_split(rows, 7)])
    torch.testing.assert_close(pairs, together, atol=1e-5, rtol=0)


def test_a_row_of_which_nothing_is_known_gets_a_finite_answer(model: Model, small: Small):
    batch = small.samples.batch(np.arange(5)).only(frozenset())
    made = said(model, batch)
    assert torch.isfinite(made).all()
    assert torch.equal(made, made[:1].expand_as(made))


def test_a_value_that_rows_share_is_encoded_once(small: Small):
    given = small.samples.batch(np.arange(2)).inputs["first"]
    shared = Values(given.data, torch.tensor([0, 1, 0, -1, 1, 1]))
    sizes = []
    hook = small.model.encoders["first"].register_forward_hook(lambda _, parts, made: sizes.append(len(made.values)))
    tokens = small.model.eval().encode("first", shared, 6)
    hook.remove()
    assert sizes == [2]
    assert tokens.present.tolist() == [True, True, True, False, True, True]
    assert torch.equal(tokens.values[0], tokens.values[2])


def test_the_fusion_that_was_given_stays_unbuilt(small: Small):
    fusion = Late()
    first, second = (Model(small.model.modalities, small.model.tasks, fusion, width=8) for _ in range(2))
    assert not list(fusion.parameters())
    assert first.fusion is not second.fusion


@pytest.mark.parametrize("name", ["values", "keys", "train", "a.b", "_own", "class", ""])
def test_a_name_that_no_network_can_give_to_a_part_is_refused(small: Small, name: str):
    modalities, tasks = small.model.modalities, small.model.tasks
    with pytest.raises(UsageProblem, match="bad-name"):
        Model({name: modalities["first"]}, tasks, Late(), width=8)
    with pytest.raises(UsageProblem, match="bad-name"):
        Model(modalities, {name: tasks["sick"]}, Late(), width=8)


def test_an_ensemble_averages_the_outputs_of_its_members(small: Small):
    members = [make_small(Settings(seed=seed)).model.eval() for seed in range(3)]
    batch = small.samples.batch(np.arange(10))
    mean = torch.stack([said(member, batch) for member in members]).mean(dim=0)
    assert torch.equal(said(Ensemble(members), batch), mean)
    assert torch.equal(said(Ensemble(members[:1]), batch), said(members[0], batch))


def test_a_task_speaks_of_modalities_that_are_there() -> None:
    modalities = {"scan": Table(["a"]), "note": Table(["b"])}
    tasks = {
        "find": Retrieval(["scn", "note"]),
        "draw": Picture("image", hides=["scan", "note"]),
        "ask": Answer("y", question="nte"),
        "say": Caption("text", hides=["note"]),
    }
    found = dict(strangers(tasks, list(modalities)))
    assert set(found) == {("find", "between"), ("draw", "hides"), ("ask", "question")}
    assert 'did you mean "scan"' in found["find", "between"].remedy
    assert found["draw", "hides"].code == "nothing-to-see"
    with pytest.raises(UsageProblem, match="unknown-modality"):
        Model(modalities, {"find": tasks["find"]}, Late(), 8)
