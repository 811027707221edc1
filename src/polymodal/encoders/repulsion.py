"""Where no training was: how close atoms ever came, a net that is not asked about less, and nuclei that repel there."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from polymodal.data.structures import HIDDEN
from polymodal.encoders.graph import ends_of

__all__ = ["Closest", "Repulsion", "held_back", "screened"]

COULOMB = 14.399645
"""eV · Å between two charges of one electron."""
LENGTH, POWER = 0.8854 * 0.529177, 0.23
SHARES = (0.18175, 0.50986, 0.28022, 0.02817)
RATES = (3.19980, 0.94229, 0.40290, 0.20162)

YIELDING = 0.1
"""Å by which a distance that was never seen may seem shorter than the shortest that was."""


class Closest(nn.Module):
    """The shortest distance in Å that training saw between atoms of two elements."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.full(((HIDDEN + 1) ** 2,), torch.inf, dtype=torch.float64))
        self.seen: Tensor

    @torch.no_grad()
    def forward(self, one: Tensor, other: Tensor, distances: Tensor) -> Tensor:
        """(pairs,) for atomic numbers (pairs,) of either atom; infinite where none was seen. In training, it looks on.

        A pair has to be listed from both its ends.
        """
        pairs, far = one * (HIDDEN + 1) + other, distances.detach().double()
        if self.training:
            self.seen.scatter_reduce_(0, pairs, far, "amin")
        return self.seen[pairs]


def held_back(distances: Tensor, closest: Tensor) -> Tensor:
    """Distances (pairs,), of which those below `closest` seem hardly shorter than that, without a step in their slope.

    What a net makes of distances that it never met is anyone's guess, and often that they are comfortable.
    """
    inside = (distances < closest) & closest.isfinite()
    least = torch.where(inside, closest, 0.0).to(distances)
    beyond = torch.where(inside, least - distances, 0.0)
    return torch.where(inside, least - YIELDING * (1 - torch.exp(-beyond / YIELDING)), distances)


def screened(one: Tensor, other: Tensor, distances: Tensor) -> tuple[Tensor, Tensor]:
    """The energy between bare atoms in eV, and its slope in eV/Å: (n,) atomic numbers, and (n,) distances in Å.

    The screened repulsion of nuclei of Ziegler, Biersack and Littmark 1985.
    """
    length = LENGTH / (one.to(distances).pow(POWER) + other.to(distances).pow(POWER))
    rates = distances.new_tensor(RATES) / length.unsqueeze(-1)
    waning = distances.new_tensor(SHARES) * torch.exp(-rates * distances.unsqueeze(-1))
    left, slope = waning.sum(dim=-1), -(rates * waning).sum(dim=-1)
    charge = COULOMB * one * other
    return charge * left / distances, charge * (slope / distances - left / distances.square())


class Repulsion(nn.Module):
    """An energy in eV for atoms, in Å, that are closer than two of their elements ever were in training.

    It is the screened repulsion of their nuclei, less its value and its slope at the closest approach that training
    saw: nothing there and beyond, so that what is learned stays as it is, and no step in the forces. A net knows
    nothing of such places, and may well call them comfortable; a simulation finds them. Elements that training never
    saw side by side have no such wall.
    """

    def __init__(self) -> None:
        super().__init__()
        self.closest = Closest()

    def forward(self, parts: Mapping[str, Tensor]) -> Tensor:
        """(n,) eV, from the parts of n structures: numbers (n, atoms), positions (n, atoms, 3), edges (n, edges, 2)."""
        numbers, mask = parts["numbers"], parts["numbers"] != 0
        real, (first, second) = ends_of(mask, parts["edges"])
        places, elements = parts["positions"][mask], numbers[mask]
        whose = real.nonzero()[:, 0]
        with torch.no_grad():
            far = (places[first].double() - places[second].double()).norm(dim=-1)
            least = self.closest(elements[first], elements[second], far)
            inside = (far < least) & least.isfinite()
        first, second, least = first[inside], second[inside], least[inside].to(places)
        one, other = elements[first], elements[second]
        distances = (places[first] - places[second]).norm(dim=-1)
        height, slope = screened(one, other, least)
        wall = screened(one, other, distances)[0] - height - slope * (distances - least)
        # Each pair is listed from both its ends.
        return places.new_zeros(len(numbers)).index_add(0, whose[inside], 0.5 * wall)
