"""A column of molecules as SMILES or molfiles: each distinct one becomes a graph of atoms and bonds once."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import torch

from polymodal.core import DataError, Refusal, Values, missing_extra
from polymodal.data.base import Cells, Column, DataTable, Rows
from polymodal.data.cells import parse_labels
from polymodal.data.compounds import is_molfile
from polymodal.data.directions import Pieces
from polymodal.data.once import among, read_once
from polymodal.data.plain import Plain, plain_pieces

__all__ = [
    "ATOM_CODES",
    "BONDS",
    "BOND_CODES",
    "ELEMENTS",
    "HIDDEN",
    "Fragments",
    "MoleculeCells",
    "MoleculeColumn",
    "canonical_and_scaffold",
    "without_stereo",
]

Fragments = Literal["all", "largest"]

ELEMENTS = 120
"""Codes of elements: 0 behind the last atom, 1 for any atom ("*"), then one more than the atomic number, to 118."""
HIDDEN = ELEMENTS
"""The code of an element that is hidden from the net."""

_CHARGES, _NEIGHBOURS, _HYDROGENS, _SHAPES, _TURNS = 4, 8, 5, 8, 3
ATOM_CODES = (ELEMENTS + 1, _NEIGHBOURS + 1, 2 * _CHARGES + 1, _HYDROGENS + 1, _SHAPES + 1, 2, 2, _TURNS + 1)
"""How many codes each feature of an atom has: element, neighbours, charge, hydrogens, hybridization, whether it is
aromatic and in a ring, chirality. Those of Hu et al. 2020 (Open Graph Benchmark), counts beyond the last code cut."""
BONDS, _STEREO = 5, 5
BOND_CODES = (BONDS, _STEREO + 1, 2, 2)
"""The same for a bond: single, double, triple, aromatic or another; stereo; whether it is conjugated and in a ring."""

BITS = 2048
"""Counts of a fingerprint: circular, radius 2, folded (Morgan; Rogers and Hahn 2010, ECFP4)."""
_RADIUS = 2
_SIGNS = 16  # signs of SMILES that an atom may take; more are not even parsed
_LINES, _ROOM = 250, 1000  # the same for the lines of a molfile, and for what stands around them


@dataclass(frozen=True)
class Molecule:
    """One molecule: `atoms` (atoms, features), `bonds` (bonds, 2 + features), `counts` (BITS,) of its fingerprint."""

    atoms: np.ndarray
    bonds: np.ndarray
    counts: np.ndarray


@dataclass(frozen=True)
class MoleculeScale:
    """What was learned: rows with a molecule, distinct ones, atoms of the middle one, main directions of the counts."""

    rows: int = 0
    distinct: int = 0
    middle: int = 1
    rank: int = 1


@dataclass(frozen=True)
class MoleculeCells(Cells):
    """`code` (rows,) tells which of the distinct `molecules` a row has, -1 = none."""

    code: np.ndarray
    molecules: Sequence[Molecule]


class MoleculeColumn(Column[MoleculeCells]):
    """SMILES or molfiles, read by RDKit; a name behind SMILES is passed over. What cannot be read refuses its row.

    Two ways to write one molecule are one value. Of a salt or a mixture `fragments` keeps "all" or the "largest" (most
    heavy atoms, then heaviest). More than `largest` atoms refuse the row. The parts are "atoms" (n, atoms, 8) int64
    codes, 0 in the first behind the last atom; "bonds" (n, bonds, 2 + 4) int64, each once: its two atoms, -1 behind the
    last, and codes; "counts" (n, BITS) uint8. Needs the extra: pip install "polymodal[molecules]".
    """

    def __init__(self, column: str, fragments: Fragments = "all", largest: int = 512) -> None:
        self.names, self.name, self.fragments, self.largest = [column], column, fragments, largest
        self.learned, self.pieces = MoleculeScale(), Pieces.unknown(BITS, 1)

    def fit(self, table: DataTable, rows: Rows) -> None:
        """Learn how large molecules are, and in which pieces they differ.

        Raises DataError where training rows have some and none can be read.
        """
        cells = self.read(table.take(rows))
        code = cells.code[cells.present]
        if len(code) == 0 and cells.refusals:
            first = cells.refusals[0]
            raise DataError(
                "no-usable-molecules",
                where=table.place(int(rows[first.row]), self.name),
                expected="molecules as SMILES or molfiles",
                found=f"none of {len(cells.refusals)} training rows can be read; here: {first.reason}",
                remedy="name a column of SMILES, or leave this modality out",
            )
        if len(code):
            sizes = np.array([len(molecule.atoms) for molecule in cells.molecules])
            self.pieces = Pieces.learn(np.stack([each.counts for each in cells.molecules]))
            self.learned = MoleculeScale(len(code), len(sizes), int(np.median(sizes[code])), len(self.pieces.centre))

    def read(self, table: DataTable) -> MoleculeCells:
        """The graph of every distinct molecule."""
        labels = parse_labels(table.column(self.name), table.missing)
        reader = _Reader(self.fragments, self.largest)
        code, molecules, refusals = read_once(labels, self.name, reader.read)
        return MoleculeCells(code >= 0, code, molecules, refusals=refusals)

    def collate(self, cells: MoleculeCells, rows: Rows) -> tuple[Values, list[Refusal]]:
        """The distinct molecules of these rows, filled up to the largest of them."""
        distinct, index = among(cells.code, rows)
        held = [cells.molecules[each] for each in distinct]
        atoms = np.zeros((len(held), max((len(each.atoms) for each in held), default=1), len(ATOM_CODES)), np.int64)
        bonds = np.zeros((len(held), max((len(each.bonds) for each in held), default=0), 2 + len(BOND_CODES)), np.int64)
        bonds[..., :2] = -1
        for number, each in enumerate(held):
            atoms[number, : len(each.atoms)], bonds[number, : len(each.bonds)] = each.atoms, each.bonds
        counts = np.stack([each.counts for each in held]) if held else np.zeros((0, BITS), np.uint8)
        parts = {"atoms": atoms, "bonds": bonds, "counts": counts}
        return Values({name: torch.from_numpy(part) for name, part in parts.items()}, index), []

    def state(self) -> dict[str, Any]:
        """What was learned. The main directions are not among it: they are saved with the encoder's weights."""
        return asdict(self.learned)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become the column that gave this state."""
        self.learned = MoleculeScale(**state)
        self.pieces = Pieces.unknown(BITS, self.learned.rank)

    def plain(self, cells: MoleculeCells, rows: Rows) -> list[Plain]:
        """The counts of the fingerprint, and of atoms of any kind as one piece more.

        By itself the number of atoms would weigh as much as all other pieces together.
        """
        code = cells.code[rows]
        counts = np.full((len(rows), BITS + 1), np.nan, dtype=np.float32)
        for row in np.flatnonzero(code >= 0):
            molecule = cells.molecules[code[row]]
            counts[row, :BITS], counts[row, BITS] = molecule.counts, len(molecule.atoms)
        return [plain_pieces(counts)]


def without_stereo(smiles: str) -> str:
    """The canonical SMILES of a molecule without what tells stereoisomers apart; as it is where it cannot be read."""
    chem, _, quiet = _rdkit()
    with quiet():
        parsed = chem.MolFromSmiles(smiles)
        return smiles if parsed is None else str(chem.MolToSmiles(parsed, isomericSmiles=False))


def canonical_and_scaffold(smiles: str) -> tuple[str, str] | None:
    """The canonical SMILES of a molecule and of its rings with what links them (Bemis and Murcko 1996).

    The second is "" where there is no ring; None where the molecule cannot be read.
    """
    chem, _, quiet = _rdkit()
    from rdkit.Chem.Scaffolds import MurckoScaffold

    with quiet():
        parsed = chem.MolFromSmiles(smiles)
        if parsed is None:
            return None
        return str(chem.MolToSmiles(parsed)), str(MurckoScaffold.MurckoScaffoldSmiles(mol=parsed))


class _Reader:
    """RDKit, and what is asked of it."""

    def __init__(self, fragments: Fragments, largest: int) -> None:
        self.chem, generators, self.quiet = _rdkit()
        self.fragments, self.largest = fragments, largest
        self.prints = generators.GetMorganGenerator(radius=_RADIUS, fpSize=BITS)

    def read(self, label: str) -> tuple[str, Molecule | None, str]:
        """The canonical SMILES, the molecule, and in words why there is none."""
        if len(label) > (_ROOM + _LINES * self.largest if is_molfile(label) else _SIGNS * self.largest):
            return "", None, f"{len(label):,} signs are too many for the {self.largest:,} atoms that are allowed"
        with self.quiet():
            parsed, fault = self._parsed(label)
            if parsed is not None and self.fragments == "largest":
                pieces = self.chem.GetMolFrags(parsed, asMols=True)
                parsed = max(pieces, key=_size, default=parsed)
            if not fault and not 0 < parsed.GetNumAtoms() <= self.largest:
                fault = f"{parsed.GetNumAtoms():,} atoms; 1 to {self.largest:,} are allowed"
            if fault:
                return "", None, fault
            counts = self.prints.GetCountFingerprintAsNumPy(parsed).clip(max=255).astype(np.uint8)
            made = Molecule(_atoms(parsed), _bonds(parsed), counts)
            return self.chem.MolToSmiles(parsed), made, ""

    def _parsed(self, label: str) -> tuple[Any, str]:
        molfile = is_molfile(label)
        read = self.chem.MolFromMolBlock if molfile else self.chem.MolFromSmiles
        parsed = read(label)
        if parsed is not None:
            return parsed, ""
        loose = read(label, sanitize=False)
        problems = [] if loose is None else self.chem.DetectChemistryProblems(loose)
        shown = f'the molfile "{label.partition(chr(10))[0][:40]}"' if molfile else f'"{label[:40]}"'
        if problems:
            return None, f"{shown} is no possible molecule: {problems[0].Message()}"
        return None, f"{shown} is {'damaged' if molfile else 'no SMILES'}"


def _rdkit() -> tuple[Any, Any, Any]:
    try:
        from rdkit import Chem, rdBase
        from rdkit.Chem import rdFingerprintGenerator
    except ImportError as error:
        raise missing_extra("the modality molecule", "rdkit", "molecules") from error
    return Chem, rdFingerprintGenerator, rdBase.BlockLogs


def _size(molecule: Any) -> tuple[int, float]:
    return molecule.GetNumHeavyAtoms(), sum(atom.GetMass() for atom in molecule.GetAtoms())


def _atoms(molecule: Any) -> np.ndarray:
    """(atoms, 8) uint8, as ATOM_CODES says."""
    made = [
        (
            1 + atom.GetAtomicNum(),
            min(atom.GetDegree(), _NEIGHBOURS),
            _CHARGES + int(np.clip(atom.GetFormalCharge(), -_CHARGES, _CHARGES)),
            min(atom.GetTotalNumHs(), _HYDROGENS),
            min(int(atom.GetHybridization()), _SHAPES),
            int(atom.GetIsAromatic()),
            int(atom.IsInRing()),
            min(int(atom.GetChiralTag()), _TURNS),
        )
        for atom in molecule.GetAtoms()
    ]
    return np.array(made, dtype=np.uint8).reshape(-1, len(ATOM_CODES))


def _bonds(molecule: Any) -> np.ndarray:
    """(bonds, 2 + 4) int16: two atoms, and what BOND_CODES says."""
    kinds = {1: 0, 2: 1, 3: 2, 12: 3}  # the numbers of RDKit's BondType
    made = [
        (
            bond.GetBeginAtomIdx(),
            bond.GetEndAtomIdx(),
            kinds.get(int(bond.GetBondType()), BONDS - 1),
            min(int(bond.GetStereo()), _STEREO),
            int(bond.GetIsConjugated()),
            int(bond.IsInRing()),
        )
        for bond in molecule.GetBonds()
    ]
    return np.array(made, dtype=np.int16).reshape(-1, 2 + len(BOND_CODES))
