"""SMILES become graphs, each molecule once; what cannot be a molecule refuses its row and no other."""

import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from polymodal.core import DataError
from polymodal.data.molecules import ATOM_CODES, BITS, BOND_CODES, MoleculeColumn, canonical_and_scaffold
from polymodal.data.tables import from_frame


def read(cells: list[str | None], **options):
    table = from_frame(pd.DataFrame({"smiles": cells}))
    column = MoleculeColumn("smiles", **options)
    column.fit(table, np.arange(len(cells)))
    return column, column.read(table)


def parts_of(column, cells, rows) -> dict[str, np.ndarray]:
    values, refusals = column.collate(cells, np.asarray(rows))
    assert not refusals
    return {name: part.numpy() for name, part in values.data.items()}


def test_atoms_and_bonds_of_ethanol():
    parts = parts_of(*read(["CCO"]), [0])
    assert parts["atoms"][0, :, 0].tolist() == [7, 7, 9]  # one more than 6, 6 and 8
    assert parts["atoms"][0, :, 1].tolist() == [1, 2, 1]
    assert parts["atoms"][0, :, 3].tolist() == [3, 2, 1]
    assert parts["bonds"][0].tolist() == [[0, 1, 0, 0, 0, 0], [1, 2, 0, 0, 0, 0]]
    assert parts["counts"][0].sum() == 6  # three atoms, two circles of radius one, and the whole


@pytest.mark.parametrize(
    ("one", "other"),
    [("C=C", "CC"), ("C#N", "C=N"), ("c1ccccc1", "C1CCCCC1"), ("C[NH3+]", "CN"), ("F/C=C/F", "F/C=C\\F"),
     ("N[C@@H](C)O", "N[C@H](C)O"), ("C1CC1", "CCC"), ("[Na+].[Cl-]", "[Na]Cl")],
)  # fmt: skip
def test_what_differs_in_chemistry_differs_in_codes(one, other):
    _, cells = read([one, other])
    assert len(cells.molecules) == 2
    first, second = cells.molecules
    same = first.atoms.shape == second.atoms.shape and (first.atoms == second.atoms).all()
    assert not (same and first.bonds.shape == second.bonds.shape and (first.bonds == second.bonds).all())


@pytest.mark.parametrize(
    "smiles", ["[Og]", "*", "[Fe-4]", "C[S](C)(C)(C)(C)C", "[2H]C", "B12B3B4B1B5B2B3B45", "N->[Cu]"]
)
def test_codes_stay_within_their_tables(smiles):
    parts = parts_of(*read([smiles]), [0])
    assert (parts["atoms"] >= 0).all()
    assert (parts["atoms"][0].max(axis=0) < np.array(ATOM_CODES)).all()
    assert (parts["bonds"][0, :, 2:] >= 0).all()
    assert (parts["bonds"][0, :, 2:] < np.array(BOND_CODES)).all()


def test_one_molecule_is_one_value_however_it_is_written():
    column, cells = read(["OCC", "CCO ethanol", None, "C(C)O", "C"])
    assert cells.code.tolist() == [0, 0, -1, 0, 1]
    values, _ = column.collate(cells, np.array([2, 4, 0, 3]))
    assert values.index.tolist() == [-1, 1, 0, 0]
    assert values.data["atoms"][1, 1:].sum() == 0
    assert (values.data["bonds"][1, :, :2] == -1).all()
    nothing, _ = column.collate(cells, np.array([2]))
    assert nothing.count == 0


@pytest.mark.parametrize(
    ("written", "said"),
    [("FAIL", "no SMILES"), ("C1CC", "no SMILES"), ("()", "no SMILES"), ("C(C)(C)(C)(C)C", "valence"),
     ("c1cccc1", "kekulize"), ("C" * 100_000, "too many"), ("C" * 600, "600 atoms"), ("漢", "no SMILES")],
)  # fmt: skip
def test_what_is_no_molecule_refuses_its_row(written, said):
    _, cells = read(["CCO", written, None, "C"])
    assert cells.present.tolist() == [True, False, False, True]
    (refusal,) = cells.refusals
    assert refusal.row == 1
    assert said in refusal.reason


def test_a_molecule_that_is_too_large_costs_no_time():
    started = time.process_time()
    _, cells = read(["C", "C" * 10**7])
    assert not cells.present[1]
    assert time.process_time() - started < 1.0


def test_of_a_salt_the_largest_piece_can_be_kept():
    _, whole = read(["CC(=O)[O-].[Na+]"])
    assert len(whole.molecules[0].atoms) == 5
    _, part = read(["CC(=O)[O-].[Na+]", "[Na+].[Cl-]"], fragments="largest")
    assert [len(each.atoms) for each in part.molecules] == [4, 1]
    assert part.molecules[1].atoms[0, 0] == 18  # chlorine is the heavier one


def test_training_rows_alone_are_learned_from_and_state_comes_back():
    table = from_frame(pd.DataFrame({"smiles": ["CC", "CC", "CCCC", None, "C" * 40]}))
    column = MoleculeColumn("smiles")
    column.fit(table, np.array([0, 1, 2, 3]))
    assert (column.learned.rows, column.learned.distinct, column.learned.middle) == (3, 2, 2)
    again = MoleculeColumn("smiles")
    again.restore(column.state())
    assert again.learned == column.learned


def test_a_column_without_any_molecule_is_named():
    with pytest.raises(DataError, match="no-usable-molecules") as caught:
        read(["12", "aspirin"])
    assert '"12" is no SMILES' in str(caught.value)


def test_what_a_plain_model_gets():
    column, cells = read(["CCO", None, "C"])
    (pieces,) = column.plain(cells, np.array([0, 1, 2]))
    assert pieces.kind == "pieces"
    table = np.asarray(pieces.values)
    assert table.shape == (3, BITS + 1)
    assert np.isnan(table[1]).all()
    np.testing.assert_allclose(table[2, :BITS], np.log1p(cells.molecules[1].counts.astype(float)), rtol=1e-6)
    np.testing.assert_allclose(table[:, BITS], [np.log(4), np.nan, np.log(2)], rtol=1e-6)  # atoms of any kind
    (empty,) = column.plain(cells, np.array([1]))
    assert np.isnan(np.asarray(empty.values)).all()


def test_without_the_reader_it_is_said_what_to_install():
    program = (
        "import sys; sys.modules['rdkit'] = None\n"
        "import pandas as pd; from polymodal.data.tables import from_frame\n"
        "from polymodal.data.molecules import MoleculeColumn\n"
        "MoleculeColumn('s').read(from_frame(pd.DataFrame({'s': ['C']})))\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert 'pip install "polymodal[molecules]"' in ended.stderr


def test_the_scaffold_is_rings_and_what_links_them():
    assert canonical_and_scaffold("OC(=O)Cc1ccccc1") == ("O=C(O)Cc1ccccc1", "c1ccccc1")
    assert canonical_and_scaffold("OCC") == ("CCO", "")
    assert canonical_and_scaffold("FAIL") is None
