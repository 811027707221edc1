"""Facts that the set is relied on for."""

import pandas as pd
import pytest

from polymodal.data.sets.toxcast import FILE, SET, TABLE

pytest.importorskip("rdkit")

RINGS = ("c1ccccc1", "C1CCCCC1", "c1ccncc1", "C1CCNCC1", "c1ccsc1")


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """Five scaffolds of two molecules, one without a ring, one molecule written twice, one that cannot be read."""
    folder = tmp_path_factory.mktemp("toxcast")
    (folder / "mol_text").mkdir()
    smiles = [side + ring for ring in RINGS for side in ("C", "CC")] + ["CCO", "OCC", "FAIL"]
    labels = {"ATG_AR_TRANS_up": [1.0, 0.0] * 5 + [1.0, None, 1.0], "BSK_3C_up": [None, 1.0] * 5 + [None, 0.0, 1.0]}
    pd.DataFrame({"smiles": smiles} | labels).to_csv(folder / FILE, index=False)
    SET.prepare(folder, folder)
    return pd.read_parquet(folder / TABLE)


def test_what_was_not_tested_is_no_row(cells):
    assert len(cells) == 10 + 1 + 5 + 1
    assert cells["molecule"].nunique() == 11
    assert cells["active"].isin([0, 1]).all()
    first = cells[cells["smiles"] == "Cc1ccccc1"]
    assert first["assay"].tolist() == ["ATG_AR_TRANS_up"]
    assert (first["words"].item(), first["family"].item(), first["active"].item()) == ("ATG AR TRANS up", "ATG", 1)


def test_two_smiles_of_one_molecule_are_one(cells):
    twice = cells[cells["smiles"] == "CCO"].set_index("assay")["active"]
    assert twice.to_dict() == {"ATG_AR_TRANS_up": 1, "BSK_3C_up": 0}


def test_scaffolds_are_on_one_side_and_what_has_no_ring_is_learned_from(cells):
    assert (cells.groupby("scaffold")["part"].nunique() == 1).all()
    held = cells.loc[cells["part"] == "test", "molecule"].nunique()
    assert held >= 0.2 * 11
    assert held <= 0.2 * 11 + 2
    assert (cells.loc[cells["smiles"] == "CCO", "part"] == "train").all()


def test_the_published_labels(real_data, tmp_path):
    SET.prepare(real_data("mol_text").parent, tmp_path)
    cells = pd.read_parquet(tmp_path / TABLE)
    assert len(cells) == SET.rows
    assert cells["assay"].nunique() == 617
    assert cells.groupby("part")["molecule"].nunique().to_dict() == {"train": 6_784, "test": 1_795}
    assert not set(cells.loc[cells["part"] == "test", "scaffold"]) & set(
        cells.loc[cells["part"] == "train", "scaffold"]
    )
