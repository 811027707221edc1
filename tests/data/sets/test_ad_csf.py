"""Facts that the set is relied on for, and the way from the R file to the table."""

import sys
from types import SimpleNamespace

import pandas as pd
import pytest

from polymodal.core import UsageProblem
from polymodal.data.sets.ad_csf import SET
from polymodal.data.sets.places import differences


def test_three_modalities_share_out_the_columns(real_data):
    source = real_data(SET.name)
    spec = SET.spec()
    table = pd.read_csv(spec["data"]["table"])
    assert (source / "ad_data.csv").samefile(spec["data"]["table"])
    columns = [name for part in spec["modalities"].values() for name in part["columns"]]
    assert sorted([*columns, "Class"]) == sorted(table.columns)
    assert len(spec["modalities"]["proteins"]["columns"]) == 124
    assert len(table) == SET.rows


def test_what_the_r_reader_gives_becomes_the_same_bytes(real_data, monkeypatch, tmp_path):
    frame = pd.read_csv(real_data(SET.name) / "ad_data.csv", dtype=str)  # pandas' own parser may lose the last bit
    whole = [name for name in frame if frame[name].str.fullmatch(r"-?\d+").all()]
    kinds = {"Genotype": "category", "Class": "category"} | dict.fromkeys(whole, "Int32")
    frame = frame.astype({name: kinds.get(name, "float64") for name in frame})
    monkeypatch.setitem(sys.modules, "rdata", SimpleNamespace(read_rda=lambda _path: {"ad_data": frame}))
    SET.assemble(tmp_path, tmp_path)
    assert differences(tmp_path, SET.files) == []


def test_without_the_r_reader_the_remedy_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "rdata", None)
    with pytest.raises(UsageProblem, match="pip install rdata"):
        SET.assemble(tmp_path, tmp_path)
