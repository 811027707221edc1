"""Atoms repel each other where training never saw them, and nowhere else."""

import pytest
import torch

from polymodal.encoders.repulsion import Closest, Repulsion, held_back, screened


def parts(*distances: float, numbers: tuple[int, int] = (1, 1)) -> dict[str, torch.Tensor]:
    """Pairs of atoms at these distances."""
    places = torch.zeros(len(distances), 2, 3, dtype=torch.float64)
    places[:, 1, 0] = torch.tensor(distances, dtype=torch.float64)
    edges = torch.tensor([[0, 1], [1, 0]]).expand(len(distances), 2, 2)
    return {"numbers": torch.tensor([numbers]).repeat(len(distances), 1), "positions": places, "edges": edges}


def taught(*distances: float) -> Repulsion:
    wall = Repulsion()
    wall(parts(*distances))
    return wall.eval()


def test_the_screened_repulsion_has_known_values_and_its_own_slope() -> None:
    one = torch.tensor([1, 6, 8])
    near = torch.tensor([1e-4] * 3, dtype=torch.float64)
    # At the nuclei nothing is screened: Coulomb's law.
    torch.testing.assert_close(screened(one, one, near)[0], 14.399645 * one.double() ** 2 / near, rtol=2e-3, atol=0)
    # Two hydrogen atoms at 1 Å by hand: a = .4685 / 2 = .23426 Å, x = 4.2687.
    hand = 14.399645 * sum(
        share * torch.exp(torch.tensor(-rate * 4.26873, dtype=torch.float64))
        for share, rate in [(0.18175, 3.1998), (0.50986, 0.94229), (0.28022, 0.4029), (0.02817, 0.20162)]
    )
    told = screened(torch.tensor([1]), torch.tensor([1]), torch.ones(1, dtype=torch.float64))[0]
    assert told.item() == pytest.approx(float(hand), rel=1e-4)
    far = torch.tensor([0.9, 1.3, 2.0], dtype=torch.float64, requires_grad=True)
    energy, slope = screened(one, one.flip(0), far)
    torch.testing.assert_close(torch.autograd.grad(energy.sum(), far)[0], slope)


def test_nothing_where_training_was_and_a_smooth_wall_below() -> None:
    wall = taught(1.5, 2.0)
    told = wall(parts(1.5, 1.7, 3.0, 1.4, 1.0, 0.5))
    assert told[:3].tolist() == [0, 0, 0]
    assert (told[3:].diff() > 0).all()
    assert 0 < told[3] < 0.02
    one, far = torch.ones(2, dtype=torch.long), torch.tensor([1.0, 1.5], dtype=torch.float64)
    (here, begins), (_, slope) = (part.tolist() for part in screened(one, one, far))
    assert told[4].item() == pytest.approx(here - begins + 0.5 * slope)
    given = parts(1.4999, 1.0)
    given["positions"].requires_grad_()
    slopes = torch.autograd.grad(wall(given).sum(), given["positions"])[0]
    assert slopes[0].abs().max() < 1e-3  # no step in the forces where it begins
    assert slopes[1, 1, 0] < -1  # pushed apart


def test_each_pair_of_elements_has_a_wall_of_its_own_and_unseen_ones_none() -> None:
    wall = taught(1.5)
    assert wall(parts(1.0, numbers=(1, 8))).item() == 0
    wall.train()(parts(0.9, numbers=(8, 1)))
    wall.eval()
    assert wall(parts(0.95, numbers=(1, 8))).item() == 0
    assert wall(parts(0.8, numbers=(1, 8))).item() > 0


def test_it_learns_in_training_only_and_is_kept() -> None:
    wall = taught(1.5)
    wall(parts(0.7))
    again = Repulsion().eval()
    again.load_state_dict(wall.state_dict())
    assert again(parts(1.2)).item() == wall(parts(1.2)).item() > 0


def test_no_atoms_and_lone_atoms_repel_nothing() -> None:
    lone = {
        "numbers": torch.tensor([[1, 0], [0, 0]]),
        "positions": torch.zeros(2, 2, 3),
        "edges": torch.full((2, 0, 2), -1),
    }
    assert taught(1.5)(lone).tolist() == [0, 0]


def test_the_closest_approach_is_that_of_training_for_each_pair_of_elements() -> None:
    closest = Closest()
    one, other = torch.tensor([1, 8, 1, 1]), torch.tensor([8, 1, 1, 1])
    assert closest(one, other, torch.tensor([0.5, 0.5, 1.5, 1.25])).tolist() == [0.5, 0.5, 1.25, 1.25]
    closest.eval()
    assert closest(one, other, torch.tensor([0.1] * 4)).tolist() == [0.5, 0.5, 1.25, 1.25]
    assert closest(torch.tensor([6]), torch.tensor([6]), torch.tensor([1.5])).item() == torch.inf


def test_distances_below_the_closest_seem_hardly_shorter_and_bend_without_a_kink() -> None:
    closest = torch.tensor([1.0, 1.0, 1.0, 1.0, torch.inf], dtype=torch.float64)
    given = torch.tensor([2.0, 1.0, 0.999, 0.3, 0.3], dtype=torch.float64, requires_grad=True)
    shown = held_back(given, closest)
    assert shown[[0, 1, 4]].tolist() == [2.0, 1.0, 0.3]
    assert 0.998 < shown[2] < 1.0
    assert 0.9 < shown[3] < 0.901
    slopes = torch.autograd.grad(shown.sum(), given)[0]
    assert slopes[[0, 1, 4]].tolist() == [1, 1, 1]
    assert slopes[2] == pytest.approx(1, abs=0.011)
    assert 0 < slopes[3] < 0.01
