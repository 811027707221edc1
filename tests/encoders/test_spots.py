"""The net for spots: what it sees, and what it cannot see."""

import time

import pytest
import torch
from torch import nn

from polymodal.core.seeding import seeded, torch_generator
from polymodal.data.neighbourhoods import lattice_of
from polymodal.encoders.spots import PatchNet, SpotLayer, SpotNet


def parts(spots=30, size=5, neighbours=4, seed=0) -> dict[str, torch.Tensor]:
    """One section of spots at random places."""
    draw = torch_generator(seed, "spots")
    places = torch.rand(spots, 2, generator=draw).double() * spots**0.5
    found = lattice_of(places.numpy(), neighbours)
    return {
        "genes": torch.randn(1, spots, size, generator=draw),
        "places": torch.from_numpy(found.places)[None],
        "spots": torch.ones(1, spots, dtype=torch.bool),
        "neighbours": torch.from_numpy(found.neighbours)[None],
    }


def net(layers=2, **options) -> SpotNet:
    with seeded(0, "net"):
        return SpotNet(5, 8, layers, **options).eval()


def changed_spots(layers: int) -> set[int]:
    """Which tokens change when one spot turns into another."""
    given = parts()
    other = given | {"genes": given["genes"].clone()}
    other["genes"][0, 7] += 3.0
    made, again = (net(layers)(each).values[0] for each in (given, other))
    return set(((made - again).abs().amax(dim=1) > 1e-7).nonzero().flatten().tolist())


def test_a_layer_hears_the_mean_of_its_neighbours():
    layer = SpotLayer(4, dropout=0.0, scale=1.0)
    layer.norm, layer.inner = nn.Identity(), nn.Identity()
    layer.inner.forward = lambda both: both[:, 4:]  # what was heard
    spots = torch.randn(3, 4)
    neighbours = torch.tensor([[1, 2], [0, -1], [-1, -1]])
    heard = layer(spots, neighbours, torch.ones(3, 2)) - spots
    wanted = torch.stack([(spots[1] + spots[2]) / 2, spots[0], torch.zeros(4)])
    assert torch.allclose(heard, wanted, atol=1e-6)
    nearer = layer(spots, neighbours, torch.tensor([[1.0, 50.0], [1, 1], [1, 1]])) - spots
    assert torch.allclose(nearer[0], spots[1], atol=0.01)


def test_without_layers_the_net_is_blind_to_space():
    assert changed_spots(0) == {7}


def test_a_layer_reaches_those_that_hear_a_spot_and_two_reach_farther():
    hearing = {7} | set((parts()["neighbours"][0] == 7).any(dim=1).nonzero().flatten().tolist())
    assert changed_spots(1) == hearing
    assert hearing < changed_spots(2)


@pytest.mark.parametrize("turn", [[[0.0, 1.0], [-1.0, 0.0]], [[1.0, 0.0], [0.0, -1.0]], [[0.6, 0.8], [-0.8, 0.6]]])
def test_turning_and_mirroring_change_no_token(turn):
    given = parts()
    turned = given | {"places": given["places"] @ torch.tensor(turn)}
    made, again = net()(given), net()(turned)
    assert torch.allclose(made.values, again.values, atol=1e-5)
    assert torch.equal(again.positions, turned["places"])


def test_sections_do_not_hear_each_other():
    one, other = parts(), parts(seed=1)
    both = {name: torch.cat([one[name], other[name]]) for name in one}
    made = net()(both)
    assert torch.allclose(made.values[:1], net()(one).values, atol=1e-6)
    assert torch.allclose(made.values[1:], net()(other).values, atol=1e-6)


def test_a_spot_whose_genes_are_hidden_is_told_by_its_neighbours():
    given = parts()
    given["genes"][0, 7] = torch.nan
    made = net()(given).values
    assert made.isfinite().all()
    other = given | {"genes": given["genes"].clone()}
    other["genes"][0, given["neighbours"][0, 7, 0]] += 3.0
    assert not torch.allclose(net()(other).values[0, 7], made[0, 7])


def pictured(unseen=(3,), seed=0) -> dict[str, torch.Tensor]:
    """The same with a patch for each spot, some of which do not lie in the picture."""
    given = parts(seed=seed) | {"seen": torch.ones(1, 30, dtype=torch.bool)}
    given["seen"][0, list(unseen)] = False
    given["patches"] = torch.randint(0, 256, (1, 30, 3, 6, 6), generator=torch_generator(seed, "p")).to(torch.uint8)
    return given


@pytest.mark.parametrize("joined", ["early", "intermediate"])
def test_a_patch_outside_the_picture_changes_nothing(joined):
    given, both = pictured(), net(picture=True, joined=joined)
    other = given | {"patches": given["patches"].clone()}
    other["patches"][0, 3] = 0
    assert torch.equal(both(given).values, both(other).values)
    other["patches"][0, 4] = 0
    assert not torch.equal(both(given).values, both(other).values)
    assert PatchNet(7)(given["patches"][0]).shape == (30, 7)


@pytest.mark.parametrize("joined", ["early", "intermediate"])
def test_a_section_without_a_picture_is_told_by_its_genes_alone(joined):
    both, alone = net(picture=True, joined=joined), net()
    shared = {name: weight for name, weight in both.state_dict().items() if name in alone.state_dict()}
    alone.load_state_dict(shared)
    one, other = pictured(range(30)), pictured(seed=1)
    given = {name: torch.cat([one[name], other[name]]) for name in one}
    made, wanted = both(given).values, alone(given).values
    assert torch.allclose(made[0], wanted[0], atol=1e-6)
    assert not torch.allclose(made[1], wanted[1], atol=1e-2)


def test_without_rounds_or_without_a_picture_it_is_the_same_how_they_are_joined():
    given = pictured()
    early, after = (net(0, picture=True, joined=joined) for joined in ("early", "intermediate"))
    assert torch.equal(early(given).values, after(given).values)
    early, after = (net(joined=joined) for joined in ("early", "intermediate"))
    assert early.state_dict().keys() == after.state_dict().keys()
    assert torch.equal(early(given).values, after(given).values)


def test_joined_after_neither_sees_what_the_other_heard():
    """What a patch changes is the same whatever genes its neighbours have: they first meet in the sum."""

    def said(given) -> torch.Tensor:
        heard = []
        both.norm.register_forward_pre_hook(lambda _, inputs: heard.append(inputs[0]))
        both(given)
        return heard[0]

    both = net(picture=True, joined="intermediate")
    given, genes = pictured(), {"genes": torch.randn(1, 30, 5, generator=torch_generator(1, "genes"))}
    patches = {"patches": given["patches"].flip(1)}
    change = said(given | patches) - said(given)
    assert torch.allclose(said(given | patches | genes) - said(given | genes), change, atol=1e-5)
    both = net(picture=True)
    assert not torch.allclose(said(given | patches | genes) - said(given | genes), change, atol=1e-2)


def test_both_ways_start_from_the_same_weights():
    early, after = (net(picture=True, joined=joined).state_dict() for joined in ("early", "intermediate"))
    assert early.keys() < after.keys()
    assert all(torch.equal(weight, after[name]) for name, weight in early.items())


def test_a_picture_may_be_read_alone():
    given = pictured()
    with seeded(0, "net"):
        alone = SpotNet(0, 8, 2, picture=True).eval()
    assert alone.genes is None
    assert torch.equal(alone(given).values, alone(given | {"genes": given["genes"] + 1}).values)
    assert not torch.equal(alone(given).values, alone(given | {"patches": given["patches"].flip(1)}).values)


def test_one_token_for_a_section():
    made = net(tokens="pooled")(parts())
    assert made.values.shape == (1, 1, 8)
    assert made.positions is None


def test_a_whole_slide_takes_a_fraction_of_a_second():
    given = parts(spots=3600, neighbours=18)
    big = SpotNet(5, 64, 2)
    big(given)
    start = time.perf_counter()
    big(given).values.sum().backward()
    assert time.perf_counter() - start < 2.0  # 0.1 s alone on one thread
