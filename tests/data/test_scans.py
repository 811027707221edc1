"""A column of volumes: what it learns, how it refuses, and that the same file is read once."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from polymodal.core import DataError
from polymodal.data.base import DataTable
from polymodal.data.files import Limits
from polymodal.data.scans import Grid, ScanColumn
from polymodal.data.volumes import encode
from polymodal.testing import check_column

pytest.importorskip("nibabel", reason='needs the extra: pip install "polymodal[imaging]"')


def column(room: int = 0, **options: object) -> ScanColumn:
    return ScanColumn("scan", Grid(**({"size": (8, 8, 8)} | options)), Limits(), room)


def stored(seed: int = 0, scale: float = 1.0, depth: float = 2.0) -> bytes:
    draw = np.random.default_rng(seed)
    voxels = scale * draw.normal(100, 10, (10, 9, 8)).astype(np.float32)
    voxels[:2] = 0
    return encode(voxels, np.diag([1.0, 1.0, depth, 1.0]))


@pytest.fixture
def table(tmp_path: Path) -> DataTable:
    names = [f"{place}.nii.gz" for place in range(4)]
    for place, name in enumerate(names):
        (tmp_path / name).write_bytes(gzip.compress(stored(place)))
    (tmp_path / "plain.nii").write_bytes(stored(9))
    (tmp_path / "cut.nii.gz").write_bytes((tmp_path / names[0]).read_bytes()[:900])
    (tmp_path / "alike.nii").write_bytes(encode(np.full((4, 4, 4), 7, np.int16), np.eye(4)))
    (tmp_path / "empty.nii").write_bytes(b"")
    (tmp_path / "folder.nii").mkdir()
    bad = ["cut.nii.gz", "alike.nii", "empty.nii", "folder.nii", "../0.nii.gz", "none.nii"]
    return DataTable(pd.DataFrame({"scan": [*names, names[0], "", "plain.nii", *bad]}), files=tmp_path)


@pytest.mark.parametrize("options", [{}, {"scaling": "training", "side": 2.0}], ids=str)
def test_it_keeps_the_contract(table: DataTable, options: dict[str, object]) -> None:
    check_column(lambda: column(**options), table, np.array([0, 1, 2, 6, 8]))


def test_bad_files_are_refused_by_row_and_the_rest_is_read(table: DataTable) -> None:
    made = column()
    made.fit(table, np.arange(4))
    values, refusals = made.collate(made.read(table), np.arange(len(table)))
    assert values.index.tolist() == [0, 1, 2, 3, 0, -1, 4, *[-1] * 6]  # the same file is one value
    reasons = {refusal.path: refusal.reason for refusal in refusals}
    assert [refusal.row for refusal in refusals] == list(range(7, 13))
    assert "ends before its end" in reasons["cut.nii.gz"]
    assert "alike" in reasons["alike.nii"]
    assert "empty file" in reasons["empty.nii"]
    assert "folder" in reasons["folder.nii"]
    assert "climbs" in reasons["../0.nii.gz"]
    assert "does not exist" in reasons["none.nii"]


def test_bytes_are_read_and_other_things_are_not() -> None:
    frame = pd.DataFrame({"scan": pd.Series([stored(1), stored(1), 3.0, np.zeros((4, 4, 4)), None], dtype=object)})
    made = column()
    made.fit(DataTable(frame), np.arange(2))
    values, refusals = made.collate(made.read(DataTable(frame)), np.arange(5))
    assert values.index.tolist() == [0, 0, -1, -1, -1]
    assert [refusal.reason.split(",")[0] for refusal in refusals] == ["is a float", "is a ndarray"]


def test_names_need_a_folder() -> None:
    table = DataTable(pd.DataFrame({"scan": ["a.nii", "b.nii"]}))
    with pytest.raises(DataError, match="no data folder"):
        column().fit(table, np.arange(2))


def test_each_volume_is_scaled_by_itself_or_by_those_of_training() -> None:
    frame = pd.DataFrame({"scan": pd.Series([stored(1), stored(1, 5.0), stored(2)], dtype=object)})
    table = DataTable(frame)
    own, common = column(), column(scaling="training")
    for made in (own, common):
        made.fit(table, np.array([0, 2]))
    first = own.collate(own.read(table), np.arange(3))[0].data["voxels"].numpy()
    np.testing.assert_allclose(first[0], first[1], atol=1e-4)
    inside = first[0, 0, 2:]
    assert np.isnan(first[0, 0, :1]).all()  # zeros are where nothing was measured
    assert not np.isnan(inside).any()
    assert abs(np.median(inside)) < 0.3
    assert 0.7 < np.subtract(*np.quantile(inside, [0.75, 0.25])) / 1.349 < 1.3
    second = common.collate(common.read(table), np.arange(3))[0].data["voxels"].numpy()
    assert np.nanmean(second[1]) > np.nanmean(second[0]) + 5
    assert np.nanmax(second) <= 10
    assert common.learned.middle[0] == pytest.approx(100, abs=3)


def test_zero_is_a_value_where_that_is_said() -> None:
    mask = np.zeros((8, 8, 8), np.uint8)
    mask[2:5, 2:5, 2:5] = 1
    table = DataTable(pd.DataFrame({"scan": pd.Series([encode(mask, np.eye(4))], dtype=object)}))
    with pytest.raises(DataError, match="empty: none"):
        column().fit(table, np.arange(1))
    made = column(empty="none")
    made.fit(table, np.arange(1))
    voxels = made.collate(made.read(table), np.arange(1))[0].data["voxels"][0, 0].numpy()
    assert np.ptp(voxels[mask == 1]) == 0
    assert np.ptp(voxels[mask == 0]) == 0
    assert voxels[3, 3, 3] > voxels[0, 0, 0] + 1


def test_the_size_of_a_cell_is_told_and_learned() -> None:
    frame = pd.DataFrame({"scan": pd.Series([stored(place, depth=2.0 + place) for place in range(3)], dtype=object)})
    made = column()
    made.fit(DataTable(frame), np.arange(3))
    values, _ = made.collate(made.read(DataTable(frame)), np.arange(3))
    np.testing.assert_allclose(values.data["spacing"], [[1.25, 1.125, 2 + place] for place in range(3)], rtol=1e-6)
    np.testing.assert_allclose(made.learned.spacing, [1.25, 1.125, 3.0])
    fixed = column(side=1.5)
    fixed.fit(DataTable(frame), np.arange(3))
    assert fixed.learned.spacing == [1.5, 1.5, 1.5]


def test_volumes_are_kept_up_to_the_room_there_is(table: DataTable) -> None:
    for room, wanted in ((0, 0), (2 * 8**3 * 4, 2), (2**20, 4)):
        made = column(room)
        made.fit(table, np.arange(4))
        cells = made.read(table)
        one = made.collate(cells, np.arange(4))[0].data["voxels"]
        assert len(cells.seen) == wanted
        np.testing.assert_array_equal(made.collate(cells, np.arange(4))[0].data["voxels"], one)


def test_training_volumes_none_of_which_can_be_used_are_an_error(table: DataTable) -> None:
    with pytest.raises(DataError, match="none of the 3 looked at can be used"):
        column().fit(table, np.array([7, 8, 9]))
