"""Atoms that come closer than any that were learned from repel each other, as their nuclei do."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from polymodal.data.atoms import HEAVIEST
from polymodal.encoders.graph import ends_of

__all__ = ["Repulsion", "screened"]

COULOMB = 14.399645
"""eV · Å between two charges of one electron."""
LENGTH, POWER = 0.8854 * 0.529177, 0.23
SHARES = (0.18175, 0.50986, 0.28022, 0.02817)
RATES = (3.19980, 0.94229, 0.40290, 0.20162)


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
        self.register_buffer("closest", torch.full(((HEAVIEST + 1) ** 2,), torch.inf, dtype=torch.float64))
        self.closest: Tensor

    def forward(self, parts: Mapping[str, Tensor]) -> Tensor:
        """(n,) eV, from the parts of n structures: numbers (n, atoms), positions (n, atoms, 3), edges (n, edges, 2)."""
        numbers, mask = parts["numbers"], parts["numbers"] != 0
        real, (first, second) = ends_of(mask, parts["edges"])
        places, elements = parts["positions"][mask], numbers[mask]
        whose = real.nonzero()[:, 0]
        pairs = elements[first] * (HEAVIEST + 1) + elements[second]
        with torch.no_grad():
            far = (places[first].double() - places[second].double()).norm(dim=-1)
            if self.training:
                self.closest.scatter_reduce_(0, pairs, far, "amin")
            least = self.closest[pairs]
            inside = (far < least) & least.isfinite()
        first, second, least = first[inside], second[inside], least[inside].to(places)
        one, other = elements[first], elements[second]
        distances = (places[first] - places[second]).norm(dim=-1)
        height, slope = screened(one, other, least)
        wall = screened(one, other, distances)[0] - height - slope * (distances - least)
        # Each pair is listed from both its ends.
        return places.new_zeros(len(numbers)).index_add(0, whose[inside], 0.5 * wall)
