"""Sets of genes out of a file that anyone may have written."""

import numpy as np
import pandas as pd
import pytest

from polymodal.core import DataError
from polymodal.data.base import DataTable
from polymodal.data.gene_sets import read_sets, symbols


def table(folder) -> DataTable:
    return DataTable(pd.DataFrame({"a": np.zeros(1)}), files=folder)


def test_sets_by_name_each_gene_once(tmp_path):
    (tmp_path / "sets.gmt").write_text("first\tof all\tTP53\tABL1\tTP53\n\nsecond\t\tEGFR\t\t\n", encoding="utf-8")
    assert read_sets(table(tmp_path), "sets.gmt") == {"first": ["TP53", "ABL1"], "second": ["EGFR"]}


@pytest.mark.parametrize(
    ("content", "where"),
    [(b"first\tof all\tTP53\nsecond\n", "sets.gmt:2"), (b"one\t\tA\none\t\tB\n", "sets.gmt:2"),
     (b"\xff\xfe\x00", "sets.gmt"), (b"\t\tTP53\n", "sets.gmt:1")],
)  # fmt: skip
def test_a_file_that_is_no_such_thing_is_told_with_its_line(tmp_path, content: bytes, where: str):
    (tmp_path / "sets.gmt").write_bytes(content)
    with pytest.raises(DataError, match="bad-gene-sets") as told:
        read_sets(table(tmp_path), "sets.gmt")
    assert told.value.where == where


def test_no_file_outside_the_folder_is_opened(tmp_path):
    (tmp_path / "below").mkdir()
    (tmp_path / "sets.gmt").write_text("first\t\tTP53\n")
    with pytest.raises(DataError):
        read_sets(table(tmp_path / "below"), "../sets.gmt")
    with pytest.raises(DataError, match=r"data\.files"):
        read_sets(table(None), "sets.gmt")


@pytest.mark.parametrize(
    ("names", "wanted"),
    [(["TP53_rnaseq", "ABL1_rnaseq"], ["TP53", "ABL1"]), (["rna_TP53", "rna_ABL1"], ["TP53", "ABL1"]),
     (["rna:TP53.1", "rna:ABL1.1"], ["TP53", "ABL1"]), (["TP53", "TPX2"], ["TP53", "TPX2"]),
     (["rna_TP53"], ["rna_TP53"])],
)  # fmt: skip
def test_what_all_names_share_is_no_part_of_them(names: list[str], wanted: list[str]):
    assert symbols(names) == wanted
