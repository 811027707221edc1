"""Facts that the set is relied on for."""

import numpy as np
import pandas as pd
from PIL import Image

from polymodal.data.sets.camvid import CLASSES, FOLDER, SET, TABLE, VOID
from polymodal.spec import Spec


def test_each_frame_has_a_picture_a_map_and_a_drive(tmp_path):
    for part in ("train", "val", "test"):
        (tmp_path / FOLDER / part).mkdir(parents=True)
        for name in ("0001TP_006690", "Seq05VD_f00000"):
            (tmp_path / FOLDER / part / f"{name}.jpg").write_bytes(b"")
    SET.prepare(tmp_path, tmp_path)
    frame = pd.read_parquet(tmp_path / TABLE)
    assert len(frame) == 6
    assert frame["drive"].unique().tolist() == ["0001TP", "Seq05V"]
    assert frame.loc[5, ["picture", "labels"]].tolist() == ["test/Seq05VD_f00000.jpg", "testannot/Seq05VD_f00000.png"]


def test_the_spec_asks_for_each_pixel(tmp_path):
    parts = Spec.from_dict(SET.describe(tmp_path, tmp_path), name="camvid").build()
    assert parts.tasks["classes"].follows == "view"
    assert parts.tasks["classes"].ignore == [VOID]


def test_the_published_division(real_data, tmp_path):
    source = real_data(FOLDER).parent
    SET.prepare(source, tmp_path)
    frame = pd.read_parquet(tmp_path / TABLE)
    assert len(frame) == SET.rows
    assert frame["part"].value_counts().to_dict() == {"train": 367, "test": 233, "val": 101}
    assert set(frame.loc[frame["part"] == "val", "drive"]) == {"0016E5"}
    shown = np.bincount(
        np.concatenate([np.asarray(Image.open(source / FOLDER / name)).ravel() for name in frame["labels"][::50]])
    )
    assert len(shown) == VOID + 1 == len(CLASSES) + 1
    assert CLASSES[shown.argmax()] == "road"
