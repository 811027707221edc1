"""What is known of a structure: an energy, a force on each atom, a dipole; each of them may be missing in any row."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from polymodal.core import DataError, Refusal, Values
from polymodal.data.base import Cells, Column, DataTable, Rows
from polymodal.data.gallery import filled
from polymodal.data.plain import Plain
from polymodal.data.traces import from_cell
from polymodal.tasks.targets import NumberColumn, TargetCells

__all__ = ["BEFORE", "EnergyCells", "EnergyColumn"]

BEFORE = 4
"""Numbers of a target before its forces: the energy, and the three of the dipole."""


@dataclass(frozen=True)
class EnergyCells(Cells):
    """Of each row: its energy, and (numbers,) forces and dipole, none where they are not known.

    `of` is what was read of the modality that holds the atoms, if any.
    """

    energies: TargetCells
    forces: np.ndarray
    dipoles: np.ndarray
    of: tuple[Column[Any], Cells] | None = None


class EnergyColumn(Column[EnergyCells]):
    """Energies, forces (atoms × 3 numbers in the order of the atoms) and dipoles (3 numbers), lists or text.

    The part "target" is (n, 4 + 3 · atoms) float64: energy, dipole, and the forces of one atom after the other; NaN
    where something is not known, infinite behind the last atom. Knows mean and spread of the energies of the training
    rows, and how large a component of a force, and of a dipole, is there (root mean square).
    """

    def __init__(self, target: str, of: str, forces: str | None, dipole: str | None) -> None:
        self.names = [name for name in (target, forces, dipole) if name is not None]
        self.energy, self.of, self.forces, self.dipole = NumberColumn(target), of, forces, dipole
        self.force, self.moment = 1.0, 1.0

    def fit(self, table: DataTable, rows: Rows) -> None:
        """Learn the scales. Raises DataError where the training rows hold none of what a column was named for."""
        self.energy.fit(table, rows)
        given = table.take(rows)
        self.force, self.moment = (
            1.0 if name is None else _size(_lists(given, name, least)[0], f'{table.source}, column "{name}"')
            for name, least in ((self.forces, None), (self.dipole, 3))
        )

    def read(self, table: DataTable) -> EnergyCells:
        """What each row knows; what cannot be used is refused, and not known."""
        energies = self.energy.read(table)
        forces, dipoles = _lists(table, self.forces), _lists(table, self.dipole, 3)
        held = [np.array([len(each) > 0 for each in lists], dtype=bool) for lists, _ in (forces, dipoles)]
        refusals = [*energies.refusals, *forces[1], *dipoles[1]]
        return EnergyCells(energies.present | held[0] | held[1], energies, forces[0], dipoles[0], refusals=refusals)

    def beside(self, cells: EnergyCells, inputs: Mapping[str, tuple[Column[Any], Cells]]) -> EnergyCells:
        """The same cells, with the modality whose atoms are counted beside the forces."""
        return replace(cells, of=inputs[self.of]) if self.of in inputs else cells

    def collate(self, cells: EnergyCells, rows: Rows) -> tuple[Values, list[Refusal]]:
        """Targets of these rows; forces on another number of atoms than the structure has are refused."""
        forces, refusals = list(cells.forces[rows]), []
        for place, atoms in enumerate(self._atoms(cells, rows)):
            if len(forces[place]) and atoms >= 0 and len(forces[place]) != 3 * atoms:
                found = f'holds forces on {len(forces[place]) // 3:,} atoms; "{self.of}" has {atoms:,} in this row'
                refusals.append(Refusal(int(rows[place]), str(self.forces), found))
                forces[place] = forces[place][:0]
        known, told = cells.energies.present[rows], [len(each) > 0 for each in cells.dipoles[rows]]
        present = known | np.array(told, dtype=bool) | np.array([len(each) > 0 for each in forces], dtype=bool)
        held = np.flatnonzero(present)
        target = np.full((len(held), BEFORE + max(map(len, forces), default=0)), np.inf)
        target[:, :BEFORE] = np.nan
        for number, place in enumerate(held.tolist()):
            if known[place]:
                target[number, 0] = cells.energies.values[rows[place]]
            if told[place]:
                target[number, 1:BEFORE] = cells.dipoles[rows[place]]
            target[number, BEFORE : BEFORE + len(forces[place])] = forces[place]
        index = np.where(present, np.cumsum(present) - 1, -1).astype(np.int64)
        return Values({"target": torch.from_numpy(target)}, torch.from_numpy(index)), refusals

    def plain(self, cells: EnergyCells, rows: Rows) -> list[Plain]:
        """Nothing: a target is never a feature."""
        return []

    def state(self) -> dict[str, Any]:
        """The scales, and how energies are written."""
        return {"energy": self.energy.state(), "force": self.force, "moment": self.moment}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take them over."""
        self.energy.restore(state["energy"])
        self.force, self.moment = float(state["force"]), float(state["moment"])

    def _atoms(self, cells: EnergyCells, rows: Rows) -> np.ndarray:
        """(n,) how many atoms each row has, -1 where that is not known."""
        found = None if cells.of is None else cells.of[0].lengths(cells.of[1], rows)
        return np.full(len(rows), -1) if found is None else found


def _lists(table: DataTable, name: str | None, exactly: int | None = None) -> tuple[np.ndarray, list[Refusal]]:
    """(rows,) arrays of numbers, without one where there is none; and what is refused."""
    made = np.empty(len(table), dtype=object)
    made[:] = [np.zeros(0)] * len(table)
    refusals: list[Refusal] = []
    if name is None:
        return made, refusals
    series = table.column(name)
    for row in np.flatnonzero(filled(series, table.missing)):
        cell = series.iloc[row]
        try:
            # pandas reads nested lists of a Parquet file as arrays of arrays
            numbers = from_cell(list(cell) if isinstance(cell, np.ndarray) else cell).reshape(-1)
        except DataError as error:
            refusals.append(Refusal(int(row), name, error.found))
            continue
        if len(numbers) % 3 or (exactly is not None and len(numbers) != exactly):
            wanted = "three numbers for each atom" if exactly is None else f"{exactly} numbers"
            refusals.append(Refusal(int(row), name, f"holds {len(numbers):,} numbers, not {wanted}"))
            continue
        made[row] = numbers
    return made, refusals


def _size(lists: np.ndarray, where: str) -> float:
    """The root mean square of all known numbers. Raises DataError where there is none above zero."""
    known = np.concatenate([np.zeros(0), *lists.tolist()])
    known = known[np.isfinite(known)]
    with np.errstate(over="ignore", under="ignore"):
        size = float(np.sqrt(np.square(known).mean())) if len(known) else 0.0
    if 1e-30 < size < 1e30:
        return size
    raise DataError(
        "no-vectors",
        where=where,
        expected="lists of numbers among the training rows, three for each vector, of a size between 1e-30 and 1e30",
        found=f"{len(known):,} numbers, {size:g} in size",
        remedy="check the name of the column and the split, or take it out of the task",
    )
