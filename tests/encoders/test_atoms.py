"""Atoms in space are read by their distances alone, and whatever is made of them has a slope at their positions."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from polymodal.data.structures import Reach, neighbours_of
from polymodal.encoders.atoms import AtomNet, RadialBasis

RADIUS = 3.0


def parts_of(numbers: np.ndarray, positions: np.ndarray) -> dict[str, Tensor]:
    edges = neighbours_of(positions, Reach(RADIUS, neighbours=8))
    arrays = {"numbers": numbers.astype(np.int64), "positions": positions, "edges": edges}
    return {name: torch.from_numpy(array).unsqueeze(0) for name, array in arrays.items()}


def scene(seed: int, atoms: int = 12) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[np.arange(3.0)] * 3), axis=-1).reshape(-1, 3) * 1.3
    places = draw.permutation(grid)[:atoms] + draw.uniform(-0.2, 0.2, (atoms, 3))
    return draw.choice([1, 6, 7, 8], atoms), places


def net(tokens: str = "pooled") -> AtomNet:
    torch.manual_seed(0)
    return AtomNet(20, 16, RADIUS, layers=2, tokens=tokens, usual=12, heard=8.0).double().eval()


def turn(seed: int) -> np.ndarray:
    """A rotation, drawn evenly."""
    whole, upper = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    whole = whole * np.sign(np.diag(upper))
    return whole * np.sign(np.linalg.det(whole))


@pytest.mark.parametrize("seed", range(8))
def test_turning_moving_and_mirroring_change_nothing(seed: int) -> None:
    numbers, places = scene(seed)
    wanted = net()(parts_of(numbers, places)).values
    draw = np.random.default_rng(seed + 100)
    for changed in (places @ turn(seed).T, places + draw.normal(0, 50, 3), places @ turn(seed).T * [-1, 1, 1]):
        torch.testing.assert_close(net()(parts_of(numbers, changed)).values, wanted, rtol=0, atol=1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_the_order_of_atoms_changes_nothing_but_their_order(seed: int) -> None:
    numbers, places = scene(seed)
    order = np.random.default_rng(seed).permutation(len(numbers))
    pooled, atoms = net(), net("atoms")
    torch.testing.assert_close(
        pooled(parts_of(numbers[order], places[order])).values,
        pooled(parts_of(numbers, places)).values,
        rtol=0,
        atol=1e-9,
    )
    torch.testing.assert_close(
        atoms(parts_of(numbers[order], places[order])).values,
        atoms(parts_of(numbers, places)).values[:, order],
        rtol=0,
        atol=1e-9,
    )


def test_what_differs_in_place_or_kind_differs() -> None:
    numbers, places = scene(0)
    wanted = net()(parts_of(numbers, places)).values
    moved, other = places.copy(), numbers.copy()
    moved[3] += [0.1, 0, 0]
    other[3] = 9
    assert (net()(parts_of(numbers, moved)).values - wanted).abs().max() > 1e-4
    assert (net()(parts_of(other, places)).values - wanted).abs().max() > 1e-4


@pytest.mark.parametrize("seed", range(3))
def test_forces_are_the_slope_of_the_energy(seed: int) -> None:
    """The gradient by autograd against central differences, with the neighbours found anew for each."""
    numbers, places = scene(seed)
    model, weights = net(), torch.linspace(-1, 1, 16, dtype=torch.float64)

    def energy(positions: Tensor) -> Tensor:
        parts = parts_of(numbers, positions.detach().numpy()) | {"positions": positions.unsqueeze(0)}
        return (model(parts).values[0, 0] * weights).sum()

    given = torch.from_numpy(places).requires_grad_()
    (slope,) = torch.autograd.grad(energy(given), given, create_graph=True)
    for atom, axis in ((0, 0), (3, 1), (7, 2), (11, 0)):
        step = torch.zeros_like(given)
        step[atom, axis] = 1e-5
        with torch.no_grad():
            found = (energy(given + step) - energy(given - step)) / 2e-5
        assert float(slope[atom, axis].detach()) == pytest.approx(float(found), rel=1e-5, abs=1e-8)
    torch.testing.assert_close(slope.sum(dim=0), torch.zeros(3, dtype=torch.float64), rtol=0, atol=1e-9)
    # Forces are learned from by a second derivative.
    slope.square().sum().backward()
    assert any(weight.grad is not None and weight.grad.abs().max() > 0 for weight in model.parameters())


def test_an_atom_fades_out_at_the_radius() -> None:
    model = net()
    numbers = np.array([6, 8])
    told = []
    for away in (RADIUS - 1e-4, RADIUS + 1e-4, 2 * RADIUS):
        parts = parts_of(numbers, np.array([[0.0, 0, 0], [away, 0, 0]]))
        assert parts["edges"].shape[1] == (2 if away < RADIUS else 0)
        told.append(model(parts).values)
    torch.testing.assert_close(told[0], told[1], rtol=0, atol=1e-7)
    torch.testing.assert_close(told[1], told[2], rtol=0, atol=0)


def test_waves_are_those_of_the_formula_and_the_cutoff_is_smooth() -> None:
    away = torch.tensor([0.5, 1.5, RADIUS], dtype=torch.float64, requires_grad=True)
    waves, cutoff = RadialBasis(RADIUS, 4).double()(away)
    for count in range(1, 5):
        wanted = math.sqrt(2 / RADIUS) * math.sin(count * math.pi * 1.5 / RADIUS) / 1.5
        assert float(waves[1, count - 1].detach()) == pytest.approx(wanted, abs=1e-6)
    assert float(cutoff[1].detach()) == pytest.approx(0.5)
    assert float(cutoff[2].detach()) == 0
    (slope,) = torch.autograd.grad(cutoff.sum(), away)
    assert abs(float(slope[2])) < 1e-9


def test_filling_up_changes_nothing_and_sums_grow_with_size() -> None:
    model = net()
    small, large = (parts_of(*scene(seed, atoms)) for seed, atoms in ((1, 4), (2, 12)))
    both = {
        name: torch.cat(
            [
                torch.nn.functional.pad(
                    small[name],
                    (0, 0) * (small[name].dim() - 2) + (0, large[name].shape[1] - small[name].shape[1]),
                    value=-1 if name == "edges" else 0,
                ),
                large[name],
            ]
        )
        for name in small
    }
    made = model(both).values
    torch.testing.assert_close(made[0], model(small).values[0], rtol=0, atol=1e-12)
    torch.testing.assert_close(made[1], model(large).values[0], rtol=0, atol=1e-12)


def test_lone_atoms_have_a_token() -> None:
    made = net()(parts_of(np.array([2]), np.zeros((1, 3))))
    assert made.mask.all()
    assert torch.isfinite(made.values).all()
