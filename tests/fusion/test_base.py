"""A fusion can be handled like any other module before it knows its modalities."""

import copy

import pytest
import torch

from polymodal.fusion import Fusion
from polymodal.testing import fake_tokens
from tests.members import members

FUSIONS = members("fusion")


@pytest.mark.parametrize("kind", FUSIONS)
def test_what_is_not_built_can_be_shown_switched_and_moved(kind: type[Fusion]):
    fusion = kind()
    assert repr(fusion).startswith(kind.__name__)
    assert not fusion.eval().training
    assert fusion.train().training
    assert fusion.to("cpu").double() is fusion
    assert not list(fusion.parameters())
    assert not fusion.state_dict()


@pytest.mark.parametrize("kind", FUSIONS)
def test_what_was_shown_and_switched_is_built_like_what_was_not(kind: type[Fusion]):
    handled, fresh = copy.deepcopy(kind().eval()), kind()
    repr(handled)
    tokens = {name: fake_tokens(6, 3, 8, seed=place) for place, name in enumerate(["scan", "labs"])}
    made = []
    for fusion in (handled, fresh):
        torch.manual_seed(1)
        fusion.build(list(tokens), 8)
        made.append(fusion.eval()(tokens).pooled)
        assert repr(fusion).count("\n") > 1
    assert torch.equal(made[0], made[1])
