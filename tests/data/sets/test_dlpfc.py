"""Facts that the set is relied on for."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from polymodal.core import DataError
from polymodal.data.sections import Wanted, read_section
from polymodal.data.sets.dlpfc import LAYERS, SET, SLICES, TABLE, joined

LABELS = pd.DataFrame(
    {"slice": ["1", "1", "2", "2"], "barcode": ["A", "B", "B", "C"], "layer": ["L1", np.nan, "WM", "L6"]}
)


def test_labels_are_joined_by_section_and_barcode():
    assert joined("1", ["B", "A"], LABELS) == [None, "L1"]
    assert joined("2", ["B", "C"], LABELS) == ["WM", "L6"]


@pytest.mark.parametrize(
    ("section", "barcodes"), [("1", ["B", "C"]), ("2", ["A", "B"]), ("1", ["A"]), ("1", ["A", "B", "C"]), ("3", ["A"])]
)
def test_barcodes_of_another_section_are_refused(section, barcodes):
    with pytest.raises(DataError, match="labels-of-another-section"):
        joined(section, barcodes, LABELS)


def test_a_barcode_that_comes_twice_is_refused():
    twice = pd.concat([LABELS, LABELS.iloc[:1]])
    with pytest.raises(DataError, match="labels-of-another-section"):
        joined("1", ["A", "B"], twice)


def test_the_spec_holds_whole_sections_out(tmp_path):
    spec = SET.describe(tmp_path, tmp_path)
    assert spec["data"]["split"] == {"column": "slice", "validation": ["151674"], "test": ["151675"]}
    assert spec["tasks"]["layer"] == {"type": "token_labels", "target": "layers", "of": "section"}


def test_the_files_hold_what_the_origin_holds(real_data, tmp_path):
    source = real_data(SET.name)
    SET.prepare(source, tmp_path)
    _check_labels(pd.read_parquet(tmp_path / TABLE))
    sections = [
        read_section((tmp_path / f"{name}.h5ad").read_bytes(), Wanted(picture="lowres", columns=("array_row",)))
        for name in SLICES
    ]
    genes = [set(section.genes) for section in sections]
    assert [len(each) for each in genes] == [5000] * 3
    assert len(set.intersection(*genes)) == 1480
    _check_section(source, sections[0])


def _check_labels(table):
    assert table["slice"].tolist() == list(SLICES)
    counts = [pd.Series(each).value_counts().reindex(LAYERS).tolist() for each in table["layers"]]
    assert counts == [
        [273, 253, 989, 218, 673, 692, 513], [380, 224, 924, 247, 621, 614, 625], [328, 275, 771, 275, 732, 533, 652],
    ]  # fmt: skip
    assert [len(each) for each in table["layers"]] == [3639, 3673, 3592]


def _check_section(source, read):
    np.testing.assert_array_equal(read.counts.data, sparse.load_npz(source / "151673_counts.npz").data)
    spots = pd.read_csv(source / "151673_spots.csv")
    assert read.barcodes.tolist() == spots["barcode"].tolist()
    assert read.columns["array_row"].tolist() == spots["array_row"].tolist()
    # Rows run downwards, as they do in the picture: x_lowres is a column, and y is mirrored.
    np.testing.assert_allclose(read.places[:, 1] * read.scale, spots["x_lowres"], atol=1e-3)
    assert np.corrcoef(read.places[:, 0], spots["y"])[0, 1] < -0.999
    row, col = (read.places * read.scale).round().astype(int).T
    on, everywhere = read.picture[row, col].mean(), read.picture.mean()
    mirrored = read.picture[(spots["y"].round().astype(int)).clip(0, 599), col].mean()
    assert on < mirrored < everywhere  # tissue is darker than glass
