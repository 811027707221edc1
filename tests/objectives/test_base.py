"""An objective finds what it works on, says what it cannot, and stands beside every fusion."""

import pytest
import torch

from polymodal.core import UsageProblem
from polymodal.core.seeding import seeded
from polymodal.model import Model
from polymodal.objectives import Contrastive
from polymodal.objectives.base import chosen_parts, contrasting
from polymodal.tasks import Binary, Survival
from polymodal.testing import example_model, make_part
from tests.members import members
from tests.objectives.scene import built, of_numbers


def test_names_are_those_asked_for_or_all_that_are_able():
    assert chosen_parts(None, ["a", "b"], "it") == ["a", "b"]
    assert chosen_parts(["b", "a", "b"], ["a", "b"], "it") == ["b", "a"]
    for asked, able, least, found in (
        (["c", "a"], ["a", "b"], 1, "c"),
        (["a"], ["a", "b"], 2, "a"),
        (["a", "a"], ["a", "b"], 2, "a"),
        (None, [], 1, "none in this model"),
    ):
        with pytest.raises(UsageProblem, match="objective-does-not-fit") as caught:
            chosen_parts(asked, able, "it", least)
        assert (caught.value.where, caught.value.found) == ("it", found)
        assert ", ".join(able) in caught.value.expected


def test_losses_of_different_pairs_have_different_names():
    values = {name: torch.randn(4, 2) for name in ("a", "b_c", "a_b", "c")}
    parts = of_numbers(Contrastive(), values).objective.parts
    assert len(set(parts)) == len(parts) == 6


@pytest.mark.parametrize("fusion", members("fusion"), ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("kind", members("objectives"), ids=lambda kind: kind.__name__)
def test_every_objective_stands_beside_every_fusion(kind, fusion):
    objective = make_part(kind)
    described, batch = example_model(reads=objective.reads)
    with seeded(0, "model"):
        model = Model(described.modalities, described.tasks, make_part(fusion), 16)
    with torch.no_grad():  # sure of its answers, as a trained model is
        dict(model.heads["sick"].named_parameters())["prior"].fill_(5.0)
    scene = built(objective, model, batch)
    for names in ({"numbers", "picture", "words"}, {"numbers", "picture"}, {"picture"}):
        found = scene.losses(batch.only(names))
        assert all(loss.shape == () and torch.isfinite(loss) for loss in found.values())
    scene.objective.train()  # what it brings may have to learn something before it can teach
    loss = torch.stack(list(scene.losses().values())).sum()
    loss.backward()
    slopes = [weight.grad for weight in model.parameters() if weight.grad is not None]
    assert all(torch.isfinite(slope).all() for slope in slopes)
    assert any((slope != 0).any() for slope in slopes)


def test_ranking_rows_asks_for_many_at_a_time_and_labels_do_not():
    cox, pieces = Survival("months", "died"), Survival("months", "died", loss="discrete")
    assert contrasting([cox], [])
    assert not contrasting([cox, Binary("kind")], [])
    assert not contrasting([pieces], [])
