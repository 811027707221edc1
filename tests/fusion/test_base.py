"""A fusion can be handled like any other module before it knows its modalities."""

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from polymodal.fusion import Bottleneck, CoAttention, CrossAttention, Fusion
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


@pytest.mark.parametrize("kind", [Bottleneck, CoAttention, CrossAttention])
def test_tied_blocks_are_one_for_all(kind: type[Fusion], tmp_path: Path):
    tokens = {name: fake_tokens(6, 3, 8, seed=place) for place, name in enumerate(["scan", "labs", "note"])}
    sizes, told = {}, {}
    for tied in (True, False):
        fusion = kind(tied=tied, heads=2)
        torch.manual_seed(1)
        fusion.build(list(tokens), 8)
        sizes[tied] = sum(weights.numel() for weights in fusion.parameters() if weights.dim() > 1)
        told[tied] = fusion.eval()(tokens).pooled
        assert len(set(fusion.last_layers())) == len(fusion.last_layers()) == (1 if tied else 3)
        save_file(fusion.state_dict(), tmp_path / "weights")
    marks = sum(weights.numel() for name, weights in fusion.named_parameters() if name in {"marks", "shared"})
    assert sizes[False] - marks == 3 * (sizes[True] - marks)
    assert not torch.allclose(told[True], told[False])


@pytest.mark.parametrize("kind", FUSIONS)
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_places_along_any_number_of_axes_are_read_at_any_width(kind: type[Fusion], axes: int):
    """16 numbers do not divide into sines and cosines of three axes."""
    tokens = {name: fake_tokens(5, 4, 16, seed=place, absent=0.0) for place, name in enumerate(["scan", "labs"])}
    places = torch.arange(4.0).view(1, 4, 1).expand(5, 4, axes)
    tokens["scan"] = replace(tokens["scan"], positions=places)
    torch.manual_seed(1)
    fusion = kind()
    fusion.build(list(tokens), 16)
    assert torch.isfinite(fusion.eval()(tokens).pooled).all()


def test_tied_blocks_hear_of_each_other_as_others_do():
    torch.manual_seed(0)
    fusion = CrossAttention(tied=True, heads=2)
    fusion.build(["labs", "scan"], 8)
    one, other = (fake_tokens(5, 3, 8, seed=place, absent=0.0) for place in (1, 2))
    fusion.marks.data.zero_()
    # Without marks nothing tells the modalities apart.
    swapped = fusion.eval()({"labs": other, "scan": one})
    torch.testing.assert_close(fusion({"labs": one, "scan": other}).pooled, swapped.pooled)
