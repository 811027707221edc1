"""Modalities of a first spec, one by one."""

import numpy as np
import pandas as pd

from polymodal.data.assays import Assay
from polymodal.data.base import DataTable
from polymodal.data.draft import Draft
from polymodal.data.inputs import add_assays, add_inputs, add_spelled, in_memory, spelled_columns
from polymodal.data.kinds import infer_kind


def test_words_for_missing_are_marks_where_only_numbers_have_them():
    words = ["1.5", "n/a", "2.5", "3.5", "4.5", "6.5"] * 5
    table = DataTable(pd.DataFrame({"dose": words, "note": ["a long text of words", "and one more of them"] * 15}))
    draft = Draft({"table": "t"})
    kinds = {name: infer_kind(table.column(name), table.missing) for name in ("dose", "note")}
    add_inputs(table, draft, kinds, list(kinds))
    assert draft.data["missing"] == ["", "n/a"]
    assert draft.modalities["table"] == {"type": "table", "columns": ["dose", "note"]}


def test_what_is_spelled_is_no_text():
    table = DataTable(pd.DataFrame({"drug": ["c1ccccc1O", "CC(=O)O", "C1CCNC1"], "name": ["phenol", "acid", "amine"]}))
    kinds = {name: infer_kind(table.column(name)) for name in ("drug", "name")}
    spelled = spelled_columns(table, kinds)
    assert spelled == {"drug": "molecule"}
    draft = Draft({})
    add_spelled(draft, spelled)
    assert draft.modalities == {"drug": {"type": "molecule", "column": "drug"}}


def test_an_assay_is_read_by_its_pattern_unless_a_gene_is_asked():
    assay = Assay(("X.A", "X.B", "X.C"), "X.*", "counts")
    plain, asked = Draft({}), Draft({})
    add_assays(plain, {"X": assay}, ["kind"])
    add_assays(asked, {"X": assay}, ["X.B"])
    assert plain.modalities == {"genes": {"type": "omics", "columns": ["X.*"], "values": "counts"}}
    assert asked.modalities["genes"]["columns"] == ["X.A", "X.C"]


def test_cells_in_memory_are_told():
    table = DataTable(pd.DataFrame({"scan": [np.zeros((2, 2))] * 2, "age": [1, 2]}))
    assert in_memory(table, "scan")
    assert not in_memory(table, "age")
