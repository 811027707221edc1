"""A net whose atoms hold vectors: what it tells of a structure does not turn, and sees angles."""

import pytest
import torch

from polymodal.encoders.atoms import AtomNet
from polymodal.encoders.equivariant import VectorAtomNet

SHAPE = (10, 16, 4.0, 2, 8)


def parts(places: torch.Tensor, numbers: torch.Tensor | None = None, radius: float = 4.0) -> dict[str, torch.Tensor]:
    """Structures (n, atoms, 3) with an edge between any two atoms within the radius."""
    count, atoms = places.shape[:2]
    near = (torch.cdist(places, places) < radius) & ~torch.eye(atoms, dtype=torch.bool)
    ends = [each.nonzero() for each in near]
    edges = torch.full((count, max(len(each) for each in ends), 2), -1)
    for own, each in zip(edges, ends, strict=True):
        own[: len(each)] = each
    told = torch.ones(count, atoms, dtype=torch.long) if numbers is None else numbers
    return {"numbers": told, "positions": places, "edges": edges}


def drawn(atoms: int = 5, rows: int = 2) -> torch.Tensor:
    draw = torch.Generator().manual_seed(0)
    grid = torch.cartesian_prod(*[torch.arange(2.0) * 1.3] * 3)[:atoms]
    return grid + 0.2 * torch.randn(rows, atoms, 3, generator=draw)


@pytest.fixture
def net() -> VectorAtomNet:
    torch.manual_seed(0)
    return VectorAtomNet(*SHAPE, "atoms", usual=5, heard=4.0).double().eval()


def test_tokens_stay_when_a_structure_is_turned_moved_or_mirrored(net: VectorAtomNet) -> None:
    places = drawn().double()
    turn = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64))[0]
    for sign in (1.0, -1.0):
        changed = places @ turn * sign + 3.0
        torch.testing.assert_close(net(parts(changed)).values, net(parts(places)).values, atol=1e-10, rtol=0)


def test_the_order_of_atoms_does_not_matter(net: VectorAtomNet) -> None:
    places, order = drawn().double(), torch.tensor([3, 1, 4, 0, 2])
    numbers = torch.tensor([[1, 6, 1, 8, 1]] * 2)
    found = net(parts(places[:, order], numbers[:, order])).values
    torch.testing.assert_close(found, net(parts(places, numbers)).values[:, order], atol=1e-10, rtol=0)


def test_slopes_and_their_slopes_are_right(net: VectorAtomNet) -> None:
    places = drawn(3, 1).double().requires_grad_()
    given = parts(places.detach())

    def told(moved: torch.Tensor) -> torch.Tensor:
        return net({**given, "positions": moved}).values.sum()

    assert torch.autograd.gradcheck(told, (places,), atol=1e-6)
    assert torch.autograd.gradgradcheck(told, (places,), atol=1e-6)


def test_an_atom_that_leaves_the_radius_leaves_without_a_step(net: VectorAtomNet) -> None:
    """Both the tokens and their slope pass over the edge of the neighbourhood smoothly."""
    told, slopes, step = [], [], 1e-5
    for away in (4.0 - step, 4.0 + step):
        place = torch.tensor([[[0.0, 0, 0], [1.1, 0, 0], [away, 0, 0]]], dtype=torch.float64, requires_grad=True)
        values = net(parts(place.detach()) | {"positions": place}).values.sum()
        told.append(values.detach())
        slopes.append(torch.autograd.grad(values, place)[0])
    assert (told[1] - told[0] - 2 * step * slopes[0][0, 2, 0]).abs() < 1e-8
    assert (slopes[0] - slopes[1]).abs().max() < 1e-3


def test_it_sees_angles_that_one_layer_of_distances_cannot() -> None:
    """An atom with neighbours at 1 Å, whose angle is all that differs; the two do not hear each other."""
    bent, straight = ([[0.0, 0, 0], [1.0, 0, 0], end] for end in ([0.0, 1.0, 0], [-1.0, 0, 0]))
    given = parts(torch.tensor([bent, straight]), radius=1.2)
    torch.manual_seed(0)
    shape = (10, 16, 1.2, 2, 8)
    with torch.no_grad():
        seen = VectorAtomNet(*shape, "atoms").eval()(given).values
        alike = AtomNet(*shape, tokens="atoms").eval()(given).values
    assert (seen[0, 0] - seen[1, 0]).abs().max() > 1e-4
    torch.testing.assert_close(alike[0, 0], alike[1, 0])


def test_structures_do_not_see_each_other(net: VectorAtomNet) -> None:
    places = drawn(5, 3).double()
    numbers = torch.ones(3, 5, dtype=torch.long)
    numbers[1, 3:] = 0
    given = parts(places, numbers)
    outside = (given["edges"] > 2).any(dim=-1) & (torch.arange(3) == 1).unsqueeze(1)
    given["edges"] = torch.where(outside.unsqueeze(-1), -1, given["edges"])
    # edges behind the last are at the end of each list
    given["edges"][1] = torch.stack(sorted(given["edges"][1], key=lambda edge: int(edge[0]) < 0))
    whole = net(given).values
    alone = net({name: part[1:2] for name, part in given.items()}).values
    torch.testing.assert_close(whole[1:2], alone, atol=1e-10, rtol=0)
    assert (whole[1, 3:] == 0).all()


def test_one_atom_alone_has_a_token(net: VectorAtomNet) -> None:
    found = net(parts(torch.zeros(1, 1, 3, dtype=torch.float64)))
    assert torch.isfinite(found.values).all()
    assert found.mask.all()
