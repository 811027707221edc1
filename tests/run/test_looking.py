"""What cannot be used is told before training begins."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from polymodal.core import DataError
from polymodal.run.looking import look_into
from polymodal.run.tables import open_source
from polymodal.spec import Spec


@pytest.fixture
def table(tmp_path):
    """Forty pictures, of which every fourth is cut off, molecules of which one is none, and a number."""
    draw = np.random.default_rng(0)
    for row in range(40):
        place = tmp_path / f"{row}.png"
        Image.fromarray(draw.integers(0, 255, (8, 8), dtype=np.uint8)).save(place)
        if row % 4 == 0:
            place.write_bytes(place.read_bytes()[:40])
    frame = {"scan": [f"{row}.png" for row in range(40)], "drug": ["CCO"] * 39 + ["C1CC"], "y": draw.normal(size=40)}
    pd.DataFrame(frame).to_csv(tmp_path / "t.csv", index=False)
    return tmp_path


def looked(folder, modalities: str, target: str = "y"):
    text = f"version: 1\ndata: {{table: t.csv}}\nmodalities: {{{modalities}}}\n"
    text += f"tasks: {{y: {{type: regression, target: {target}}}}}\n"
    source = open_source(Spec.from_text(text, folder), folder)
    return look_into(source.table, source.spec.build(), np.arange(len(source.table)))


def test_values_that_cannot_be_used_are_counted_and_the_first_is_shown(table):
    scan, drug = looked(table, "scan: {type: image, column: scan}, drug: {type: molecule, column: drug}")
    assert scan.code == drug.code == "unusable-values"
    assert scan.rows.tolist() == list(range(0, 40, 4))
    assert "10 of 40 rows looked into" in scan.message
    assert 'row 0, column "scan"' in scan.message
    assert drug.rows.tolist() == [39]
    assert '"C1CC" is no SMILES' in drug.message


def test_what_is_whole_is_no_finding(table):
    frame = pd.read_csv(table / "t.csv")
    frame[np.arange(40) % 4 != 0].assign(drug="CCO").to_csv(table / "t.csv", index=False)
    assert looked(table, "scan: {type: image, column: scan}, drug: {type: molecule, column: drug}") == []


def test_a_modality_without_a_usable_value_is_an_error(table):
    for place in table.glob("*.png"):
        place.unlink()
    with pytest.raises(DataError, match="no-usable-picture"):
        looked(table, "scan: {type: image, column: scan}")


def test_targets_are_looked_into_first(table):
    with pytest.raises(DataError, match="no-numbers"):
        looked(table, "scan: {type: image, column: scan}", target="drug")


def test_of_many_files_some_are_opened(table, monkeypatch):
    monkeypatch.setattr("polymodal.run.looking.LOOKED", 20)
    (found,) = looked(table, "scan: {type: image, column: scan}")
    assert "of 20 rows looked into" in found.message
    assert 0 < len(found.rows) <= 10
