"""Files of atoms are read as other programs read them; what cannot be a structure is refused with a reason."""

import io

import numpy as np
import pytest

from polymodal.core import DataError
from polymodal.data.atoms import HEAVIEST, SYMBOLS, checked, from_text

WATER = """3
water
O 0.0 0.0 0.1
H 0.0 0.76 -0.5
H 0.0 -0.76 -0.5
"""
MOLFILE = """water
  made              3D

  3  2  0  0  0  0  0  0  0  0999 V2000
    0.0000    0.0000    0.1000 O   0  0
    0.0000    0.7600   -0.5000 H   0  0
    0.0000   -0.7600   -0.5000 H   0  0
  1  2  1  0
  1  3  1  0
M  END
"""
V3000 = """water
  made              3D

  0  0  0     0  0            999 V3000
M  V30 BEGIN CTAB
M  V30 COUNTS 3 2 0 0 0
M  V30 BEGIN ATOM
M  V30 1 O 0 0 0.1 0
M  V30 2 H 0 0.76 -0.5 0
M  V30 3 H 0 -0.76 -0.5 0
M  V30 END ATOM
M  V30 BEGIN BOND
M  V30 1 1 1 2
M  V30 2 1 1 3
M  V30 END BOND
M  V30 END CTAB
M  END
"""
EXTENDED = """3
Properties=id:I:1:pos:R:3:force:R:3:species:S:1
1 0 0 0.1 9 9 9 O
2 0 .76 -.5 9 9 9 h
3 0 -.76 -.5 9 9 9 D
"""
PLACES = np.array([[0, 0, 0.1], [0, 0.76, -0.5], [0, -0.76, -0.5]])


@pytest.mark.parametrize(
    "text",
    [
        WATER,
        WATER.replace("\n", "\r\n"),
        "\ufeff" + WATER + "\n\n",
        WATER.replace("O ", "8 ").replace("H ", "1\t"),
        WATER.replace("water", 'Lattice="9 0 0 0 9 0 0 0 9" pbc="F F F" Properties=species:S:1:pos:R:3'),
        EXTENDED,
        MOLFILE,
        MOLFILE + "> <name>\nwater\n\n$$$$\n",
        V3000,
    ],
)  # fmt: skip
def test_water_is_read_however_it_is_written(text: str) -> None:
    atoms = from_text(text.encode(), 10)
    assert atoms.numbers.tolist() == [8, 1, 1]
    np.testing.assert_allclose(atoms.positions, PLACES - PLACES.mean(axis=0))


BAD = {
    "nothing": ("", "neither an xyz file nor"),
    "a table": ("a,b\n1,2\n", "neither an xyz file nor"),
    "no atom": ("0\nnone\n", "has 0 atoms"),
    "cut off": ("4\n" + WATER.split("\n", 1)[1], "announces 4 atoms and has lines for 3"),
    "a billion atoms": ("999999999\n\n", "999,999,999 atoms"),
    "more than that": ("9" * 5000 + "\n\n", "where the number of atoms"),
    "two frames": (WATER + WATER, "goes on behind its 3 atoms"),
    "a crystal": (WATER.replace("water", 'Lattice="9 0 0 0 9 0 0 0 9"'), "repeats itself"),
    "a wire": (WATER.replace("water", 'Lattice="9 0 0 0 9 0 0 0 9" pbc="F F T"'), "repeats itself"),
    "an element that is none": (WATER.replace("O 0.0", "Qq 0.0"), "'Qq' for the element of atom 1"),
    "a ghost": (WATER.replace("O 0.0", "0 0.0"), "atom of number 0"),
    "element 119": (WATER.replace("O 0.0", "119 0.0"), "atom of number 119"),
    "no coordinate": (WATER.replace("0.76 -0.5\n", "0.76\n", 1), "three numbers for atom 2"),
    "a word for a coordinate": (WATER.replace("0.76", "up", 1), "'up' for a coordinate of atom 2"),
    "nan": (WATER.replace("0.76", "nan", 1), "does not say where atom 2 is"),
    "inf": (WATER.replace("0.76", "inf", 1), "does not say where atom 2 is"),
    "two atoms at one place": (WATER.replace("-0.76", "0.76"), "two atoms (2 and 3) at one place"),
    "kilometres": (WATER.replace("0.76", "1e9", 1), "from its middle"),
    "columns without places": (WATER.replace("water", "Properties=species:S:1"), "without species or pos"),
    "columns beyond the line": (WATER.replace("water", "Properties=species:S:1:x:R:40:pos:R:3"), "three numbers"),
    "a bond to nowhere": (MOLFILE.replace("  1  3  1", "  1  9  1"), "bond between atoms 1 and 9; there are 3"),
    "a bond to atom 0": (MOLFILE.replace("  1  3  1", "  0  3  1"), "bond between atoms 0 and 3"),
    "half a bond": (MOLFILE.replace("  1  3  1  0", "  1"), "bond between atoms 1 and nothing"),
    "a molfile cut off": ("\n".join(MOLFILE.split("\n")[:6]), "announces 3 atoms and 2 bonds"),
    "a drawing": (MOLFILE.replace("3D", "2D"), "in two dimensions"),
    "two molecules": (MOLFILE + "$$$$\n" + MOLFILE, "several molecules"),
    "counts that are none": (MOLFILE.replace("  3  2  0", "  x  2  0"), "'x' where the number"),
    "an atom list": (MOLFILE.replace(" O   0", " L   0"), "'L' for the element of atom 1"),
    "bonds of V3000": (V3000.replace("2 1 1 3", "2 1 1 7"), "bond between atoms 1 and 7"),
    "atoms of V3000": (V3000.replace("COUNTS 3", "COUNTS 4"), "announces 4 atoms and has lines for 3"),
    "V3000 without atoms": ("\n\n\n  0  0  0     0  0            999 V3000\nM  END\n", "has 0 atoms"),
    "half an atom of V3000": (V3000.replace("2 H 0 0.76 -0.5 0", "2 H 0"), "three numbers for atom 2"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_structure_is_refused(case: str) -> None:
    text, said = BAD[case]
    with pytest.raises(DataError) as caught:
        from_text(text.encode(), 1000)
    assert said in caught.value.found
    assert caught.value.code.startswith("structure-")


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(DataError, match="is no text"):
        from_text(b"\xff\xfe\x00\x80", 10)


@pytest.mark.parametrize("text", [WATER, MOLFILE, V3000])
def test_cut_off_anywhere_it_is_read_whole_or_refused(text: str) -> None:
    for end in range(len(text) - 1):
        try:
            atoms = from_text(text[:end].encode(), 10)
        except DataError:
            continue
        assert len(atoms.numbers) == 3


def test_more_atoms_than_allowed_and_other_shapes_are_refused() -> None:
    with pytest.raises(DataError, match="has 3 atoms; 1 to 2"):
        from_text(WATER.encode(), 2)
    with pytest.raises(DataError, match="3 atoms and positions of the shape 2 × 3"):
        checked(np.array([8.0, 1, 1]), PLACES[:2], 10)
    with pytest.raises(DataError, match="positions of the shape 3 × 2"):
        checked(np.array([8.0, 1, 1]), PLACES[:, :2], 10)
    with pytest.raises(DataError, match=r"number 1\.5"):
        checked(np.array([8.0, 1.5, 1]), PLACES, 10)
    with pytest.raises(DataError, match="has 0 atoms"):
        checked(np.zeros(0), np.zeros((0, 3)), 10)


def test_elements_and_files_are_those_of_other_programs() -> None:
    data = pytest.importorskip("ase.data")
    assert list(SYMBOLS) == data.chemical_symbols[1:]
    assert HEAVIEST == 118
    build, write = pytest.importorskip("ase.build"), pytest.importorskip("ase.io").write
    molecule = build.molecule("CH3CH2OH")
    for form in ("xyz", "extxyz", "sdf"):
        stream = io.StringIO()
        write(stream, molecule, format=form)
        atoms = from_text(stream.getvalue().encode(), 10)
        assert atoms.numbers.tolist() == molecule.numbers.tolist()
        np.testing.assert_allclose(atoms.positions, molecule.positions - molecule.positions.mean(axis=0), atol=1e-4)


def test_molfiles_are_read_as_rdkit_writes_them() -> None:
    chem = pytest.importorskip("rdkit.Chem")
    embed = pytest.importorskip("rdkit.Chem.AllChem").EmbedMolecule
    molecule = chem.AddHs(chem.MolFromSmiles("CC(=O)Oc1ccccc1C(=O)O"))
    embed(molecule, randomSeed=1)
    places = molecule.GetConformer().GetPositions()
    for force in (False, True):
        atoms = from_text(chem.MolToMolBlock(molecule, forceV3000=force).encode(), 100)
        assert atoms.numbers.tolist() == [atom.GetAtomicNum() for atom in molecule.GetAtoms()]
        np.testing.assert_allclose(atoms.positions, places - places.mean(axis=0), atol=2e-4)
