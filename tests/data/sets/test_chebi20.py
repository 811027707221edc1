"""Facts that the set is relied on for."""

import pandas as pd
import pytest

from polymodal.data.sets.chebi20 import FILES, SET, TABLE

pytest.importorskip("rdkit")


def test_rows_to_learn_from_that_the_test_nearly_holds_are_taken_out(tmp_path):
    (tmp_path / "mol_text").mkdir()
    head = "CID\tSMILES\tdescription\n"
    learned = ["1\tC[C@H](O)N\tone hand", "2\tCCO\tan alcohol", "3\tCCCC\tsaid of both", '4\tC/C=C\\\\C\ta "cis" one']
    asked = ["5\tC[C@@H](O)N\tthe other hand", "6\tCCCCC\tsaid of both"]
    for part, rows in (("train", learned), ("test", asked)):
        (tmp_path / FILES[part]).write_text(head + "\n".join(rows) + "\n", encoding="utf-8")
    SET.prepare(tmp_path, tmp_path)
    pairs = pd.read_parquet(tmp_path / TABLE).set_index("cid")
    assert pairs["part"].to_dict() == {2: "train", 4: "train", 5: "test", 6: "test"}
    assert pairs.loc[4, "smiles"] == "C/C=C\\C"
    assert pairs.loc[4, "description"] == 'a "cis" one'
    assert pairs.loc[4, "flat"] == "CC=CC"
