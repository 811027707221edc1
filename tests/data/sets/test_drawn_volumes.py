"""Facts that the set is relied on for."""

import gzip

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from polymodal.data.files import Limits
from polymodal.data.sets.drawn_volumes import SET, WAYS, draw, make
from polymodal.data.volumes import decode

nibabel = pytest.importorskip("nibabel", reason='needs the extra: pip install "polymodal[imaging]"')


@pytest.mark.parametrize("left", [True, False])
@pytest.mark.parametrize("volume", [4.0, 12.0, 40.0])
def test_a_lesion_is_bright_and_lies_in_its_half(left: bool, volume: float) -> None:
    head = draw(volume, left, np.random.default_rng(0))
    assert 0.2 * volume < head.volume < 1.6 * volume
    middle = head.voxels.shape[0] // 2
    smooth = ndimage.gaussian_filter(head.voxels.astype(float), 1.0)
    halves = [half.max() for half in (smooth[:middle], smooth[middle:])]
    assert (halves[0] > halves[1]) == left
    assert (head.voxels[:, :, 0] == 0).all()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, object]:
    folder = tmp_path_factory.mktemp("drawn")
    make(folder, {"train": 24, "test": 6})
    return pd.read_parquet(folder / "people.parquet"), folder


def test_files_lie_as_their_headers_say_and_come_out_as_one(made) -> None:
    table, folder = made
    there = table[table["scan"].notna()]
    assert 18 <= len(there) < 30
    for row in there.itertuples():
        content = (folder / row.scan).read_bytes()
        image = nibabel.Nifti1Image.from_bytes(gzip.decompress(content))
        assert "".join(nibabel.aff2axcodes(image.affine)) == row.way
        volume = decode(content, 1, Limits())
        assert volume.voxels.shape[1:3] == (40, 48)
        assert volume.spacing[2] in (5, 6, 8)
    assert len(set(there["way"])) > 3
    assert set(there["way"]) <= set(WAYS)


def test_the_same_seed_draws_the_same(made, tmp_path) -> None:
    table, folder = made
    make(tmp_path, {"train": 3})
    again = pd.read_parquet(tmp_path / "people.parquet")
    pd.testing.assert_frame_equal(again, table.head(3))
    for name in again["scan"].dropna():
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_the_spec_reads_no_answer(tmp_path) -> None:
    spec = SET.describe(tmp_path, tmp_path)
    assert spec["modalities"]["person"]["columns"] == ["age", "sex"]
    assert spec["modalities"]["scan"]["column"] == "scan"
    assert {task["target"] for task in spec["tasks"].values()} == {"hemisphere", "volume"}
    assert "synthetic" in SET.title
