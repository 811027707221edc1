"""The energy of atoms in space, the forces that follow from it, and the dipole: what a simulation asks for."""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field, NonNegativeFloat
from torch import Tensor, nn

from polymodal.core import Combine, Representation, UsageProblem, Values
from polymodal.core.masking import keep, masked_mean, masked_sum
from polymodal.encoders.repulsion import Repulsion
from polymodal.tasks.base import Aspect, Decoded, Task, TaughtHead
from polymodal.tasks.energies import BEFORE, EnergyColumn
from polymodal.tasks.metrics import token_errors

__all__ = ["Potential", "PotentialHead"]

Part = Literal["energy", "forces", "dipole"]


class Potential(Task):
    """The energy of the structure in `of`, the forces on its atoms, and its dipole.

    The energy is a sum over atoms, and a force is minus its slope at the place of an atom, by differentiation: what is
    predicted conserves energy. The dipole is that of a charge on each atom, which add up to none, so that it turns with
    the structure. Units are those of the table: with positions in Å, energies in eV go with forces in eV/Å and dipoles
    in e·Å. `target` names the column of energies, `forces` and `dipole` those of lists of numbers, atoms × 3 in the
    order of the atoms, and 3; any cell may be empty. Forces are told also where no column of them was named, a dipole
    is not. Energies of structures of different composition are learned best as what is left after a constant for each
    element.

    Each of the three has a loss of its own (the mean squared error, in units of its size among the training rows), so
    that training balances them as it does tasks; `fixed` multiplies the losses, where a balance is wanted by hand.
    `repulsion` adds a wall where atoms come closer than they ever did in training, as a simulation may bring about
    (`encoders.repulsion`); it wants positions in Å and energies in eV. `of` has to give a token for each atom.
    """

    reader: EnergyColumn
    answers = "token_numbers"
    headline = "mae"
    higher_is_better: ClassVar[bool] = False
    needs_input_gradient: ClassVar[bool] = True
    at_once: ClassVar[int] = 64

    def __init__(
        self,
        target: str,
        of: str,
        forces: str | None = None,
        dipole: str | None = None,
        fixed: Mapping[Part, Annotated[float, Field(gt=0)]] | None = None,
        repulsion: bool = False,
        hides: Sequence[str] = (),
        weight: NonNegativeFloat = 1.0,
    ) -> None:
        self.target, self.of, self.forces, self.dipole = target, of, forces, dipole
        self.fixed, self.repulsion, self.hides, self.weight = fixed, repulsion, list(hides), weight
        self.reader = EnergyColumn(target, of, forces, dipole)

    @property
    def targets(self) -> Sequence[str]:
        """The columns of what is known."""
        return self.reader.names

    @property
    def parts(self) -> Sequence[Part]:
        """What a column was named for."""
        named: dict[Part, str | None] = {"energy": self.target, "forces": self.forces, "dipole": self.dipole}
        return [part for part, column in named.items() if column is not None]

    @property
    def differentiates(self) -> Sequence[str]:
        """The modality that holds the atoms."""
        return [self.of]

    @property
    def speaks_of(self) -> dict[str, Sequence[str]]:
        """The modality that holds the atoms, and those that are hidden."""
        return {"of": [self.of], "hides": self.hides}

    def head(self, views: int, width: int, combine: Combine) -> "PotentialHead":
        """An energy and a charge for each atom."""
        return PotentialHead(self, width)

    @property
    def unit(self) -> float:
        """The energy in which the head counts: that of a usual force along 1 Å, or the spread where none is known."""
        return self.reader.energy.spread if self.forces is None else self.reader.force

    @property
    def kind(self) -> np.dtype[np.void]:
        """The type of what is told of a structure: a number, lists of three numbers for each atom, and of three."""
        vectors = ["forces"] if self.dipole is None else ["forces", "dipole"]
        return np.dtype([("energy", np.float64), *((name, object) for name in vectors)])

    def decode(self, outputs: Tensor) -> Decoded:
        """(n,) of this kind, in the units of the table; NaN and empty lists for a row without the structure."""
        told = outputs.double().cpu().numpy()
        atoms = told[:, BEFORE:].reshape(len(told), -1, 4)
        made = np.empty(len(told), dtype=self.kind)
        for row, there in enumerate(atoms[..., 3] > 0.5):
            some = bool(there.any())
            made["energy"][row] = told[row, 0] * self.unit + self.reader.energy.mean if some else np.nan
            made["forces"][row] = (atoms[row, there, :3] * self.unit).reshape(-1).tolist()
            if self.dipole is not None:
                made["dipole"][row] = (told[row, 1:BEFORE] * self.reader.moment).tolist() if some else []
        return Decoded(made)

    def truth(self, target: Tensor) -> np.ndarray:
        """(n,) of this kind; NaN, None and empty lists for what is not known."""
        told, made = target.double().cpu().numpy(), np.empty(len(target), dtype=self.kind)
        for row, numbers in enumerate(told):
            made["energy"][row] = numbers[0]
            forces = numbers[BEFORE:]
            made["forces"][row] = [None if np.isnan(each) else each for each in forces[forces != np.inf].tolist()]
            if self.dipole is not None:
                made["dipole"][row] = [None if np.isnan(each) else each for each in numbers[1:BEFORE].tolist()]
        return made

    def aspects(self, decoded: Decoded, truth: np.ndarray) -> list[Aspect]:
        """Energy, forces and dipole, each over the rows where it is known."""
        found = []
        for part in self.parts:
            told, known = (_listed(each[part]) for each in (decoded.prediction, truth))
            rows = np.array([any(number is not None for number in each) for each in known], dtype=bool)
            found.append(Aspect(part, Decoded(told[rows]), known[rows], rows))
        return found

    def metrics(self, decoded: Decoded, truth: np.ndarray) -> dict[str, float]:
        """mse, mae, rmse, r2, pearson, spearman over all numbers of an aspect, in the unit of its column."""
        return token_errors(truth, decoded.prediction)


class PotentialHead(TaughtHead):
    """What each atom adds to the energy, and its charge, from its own token.

    Outputs are (batch, 4 + 4 · atoms): energy and dipole, and for each atom its force, and 1 where there is one. They
    are in the task's own units: `unit` above the mean energy, `unit` for each Å, and a usual component of a dipole.
    """

    def __init__(self, task: Potential, width: int) -> None:
        super().__init__()
        self.task = task
        self.energy = _small(width)
        self.charge = None if task.dipole is None else _small(width)
        self.wall = Repulsion() if task.repulsion else None

    def forward(self, representation: Representation) -> Tensor:
        """What is told of each row; zeros where it has no structure."""
        energy, forces, dipole, there = self.told(representation, sloped=True)
        listed = keep(torch.cat([forces, there.unsqueeze(-1).to(forces)], dim=-1), there).flatten(1)
        return torch.cat([energy.unsqueeze(1), dipole, listed], dim=1)

    def teach(self, representation: Representation, target: Values) -> Tensor:
        """(n,) the sum of the losses of a row, over rows that know anything."""
        made = self._errors(representation, target)
        each = torch.stack([errors.sum(dim=1) / known.sum(dim=1).clamp(min=1) for errors, known in made.values()])
        return each.sum(dim=0)[torch.stack([known.any(dim=1) for _, known in made.values()]).any(dim=0)]

    def teach_parts(self, representation: Representation, target: Values) -> Mapping[str, Tensor]:
        """Energy, forces and dipole: (n,) the mean squared error of each row in which it is known."""
        made = self._errors(representation, target)
        return {part: masked_mean(errors, known)[known.any(dim=1)] for part, (errors, known) in made.items()}

    def _errors(self, representation: Representation, target: Values) -> dict[Part, tuple[Tensor, Tensor]]:
        """For each part: (labelled, numbers) squared errors, zero where not known, and True where known."""
        rows = target.present
        truth = target.data["target"][target.index[rows]]
        sloped = bool((truth[:, BEFORE:].isfinite()).any()) and "forces" in self.task.parts
        energy, forces, dipole, there = (part[rows] for part in self.told(representation, sloped=sloped))
        reader, flat = self.task.reader, forces.flatten(1)
        listed = truth.new_full(flat.shape, torch.nan)
        fits = min(flat.shape[1], truth.shape[1] - BEFORE)
        listed[:, :fits] = truth[:, BEFORE : BEFORE + fits]
        known: dict[Part, tuple[Tensor, Tensor, float]] = {
            "energy": (energy.unsqueeze(1), (truth[:, :1] - reader.energy.mean) / self.task.unit, self._spread),
            "forces": (flat, listed / self.task.unit, 1.0),
            "dipole": (dipole, truth[:, 1:BEFORE] / reader.moment, 1.0),
        }
        made = {}
        for part in self.task.parts:
            told, true, size = known[part]
            mask = true.isfinite() & there.any(dim=1, keepdim=True)
            factor = (self.task.fixed or {}).get(part, 1.0) / size**2
            made[part] = keep((told - torch.where(mask, true, 0.0).to(told)).square(), mask) * factor, mask
        return made

    @property
    def _spread(self) -> float:
        return self.task.reader.energy.spread / self.task.unit

    def told(self, representation: Representation, sloped: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Energy (batch,), forces (batch, atoms, 3), dipole (batch, 3), and (batch, atoms) True where an atom is.

        Forces are zeros unless `sloped`. They have a gradient of their own where gradients are recorded.
        """
        recorded, tokens = torch.is_grad_enabled(), representation.tokens[self.task.of]
        places, index = self._places(representation)
        there = tokens.mask
        with torch.enable_grad():
            energy = masked_sum(self.energy(tokens.values).squeeze(-1), there)
            if self.wall is not None and len(places):
                beyond = self.wall(representation.inputs[self.task.of].data) / self.task.unit
                energy = energy + keep(beyond[index.clamp(min=0)], index >= 0).to(energy)
            laid = keep(places[index.clamp(min=0)], there) if len(places) else energy.new_zeros(*there.shape, 3)
            dipole, forces = self._dipole(tokens.values, laid.to(energy), there), torch.zeros_like(laid)
            if sloped and len(places) and energy.requires_grad:
                slopes = torch.autograd.grad(energy.sum(), places, create_graph=recorded, retain_graph=True)[0]
                forces = keep(-slopes[index.clamp(min=0)], there)
        made = energy, forces, dipole, there
        return made if recorded else tuple(part.detach() for part in made)  # type: ignore[return-value]

    def _dipole(self, tokens: Tensor, places: Tensor, there: Tensor) -> Tensor:
        """(batch, 3): charges times places, (batch, atoms, 3); zeros where no dipole is asked for."""
        if self.charge is None:
            return torch.zeros_like(places[:, 0])
        charges = self.charge(tokens).squeeze(-1)
        charges = keep(charges - masked_mean(charges, there).unsqueeze(1), there)
        return (charges.unsqueeze(-1) * places).sum(dim=1)

    def _places(self, representation: Representation) -> tuple[Tensor, Tensor]:
        """(values, atoms, 3) positions, and which row each is of; as many atoms as there are tokens."""
        values, tokens = representation.inputs[self.task.of], representation.tokens[self.task.of]
        places = values.data.get("positions")
        if places is None or (len(places) and places.shape[1:] != (tokens.mask.shape[1], 3)):
            raise UsageProblem(
                "no-atoms",
                where=f'the potential of "{self.task.of}"',
                expected="a structure with a token for each atom",
                found="no positions" if places is None else f"{tokens.mask.shape[1]} tokens of {places.shape[1]} atoms",
                remedy="name a modality of type structure (of), with tokens: atoms",
            )
        return places, values.index


def _small(width: int) -> nn.Sequential:
    """A number from a token that begins near nothing, so that a structure begins with the mean energy."""
    last = nn.Linear(width, 1)
    nn.init.normal_(last.weight, std=0.1 * width**-0.5)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(width, width), nn.SiLU(), last)


def _listed(told: np.ndarray) -> np.ndarray:
    """(n,) lists of numbers, None for one that is not known; a number becomes a list of one, NaN one of none."""
    if told.dtype == object:
        return told
    made = np.empty(len(told), dtype=object)
    made[:] = [[] if np.isnan(number) else [number] for number in told.tolist()]
    return made
