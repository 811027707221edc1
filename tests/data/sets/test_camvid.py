"""Facts that the set is relied on for."""

import json

import numpy as np
import pandas as pd
from PIL import Image

from polymodal.data.sets.camvid import CLASSES, FOLDER, SET, TABLE, VOID, boxes_of
from polymodal.spec import Spec


def test_each_frame_has_a_picture_a_map_and_a_drive(tmp_path):
    for part in ("train", "val", "test"):
        (tmp_path / FOLDER / part).mkdir(parents=True)
        (tmp_path / FOLDER / f"{part}annot").mkdir()
        for name in ("0001TP_006690", "Seq05VD_f00000"):
            (tmp_path / FOLDER / part / f"{name}.jpg").write_bytes(b"")
            labels = np.zeros((20, 40), dtype=np.uint8)
            labels[10:20, 4:8] = 8
            Image.fromarray(labels).save(tmp_path / FOLDER / f"{part}annot" / f"{name}.png")
    SET.prepare(tmp_path, tmp_path)
    frame = pd.read_parquet(tmp_path / TABLE)
    assert len(frame) == 6
    assert frame["drive"].unique().tolist() == ["0001TP", "Seq05V"]
    assert json.loads(frame.loc[0, "cars"]) == [[0.1, 0.5, 0.2, 1.0, "car"]]
    assert frame.loc[5, ["picture", "labels"]].tolist() == ["test/Seq05VD_f00000.jpg", "testannot/Seq05VD_f00000.png"]


def test_a_box_for_each_patch_that_is_large_enough():
    there = np.zeros((20, 40), dtype=bool)
    there[0:10, 0:4] = there[12:20, 30:40] = True
    there[15, 5] = True
    assert boxes_of(there, "car") == [[0.0, 0.0, 0.1, 0.5, "car"], [0.75, 0.6, 1.0, 1.0, "car"]]
    assert boxes_of(np.zeros((4, 4), dtype=bool), "car") == []


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
    with_cars = frame["cars"].map(json.loads).map(len) > 0
    assert with_cars.groupby(frame["part"]).sum().to_dict() == {"test": 209, "train": 356, "val": 101}
    shown = np.bincount(
        np.concatenate([np.asarray(Image.open(source / FOLDER / name)).ravel() for name in frame["labels"][::50]])
    )
    assert len(shown) == VOID + 1 == len(CLASSES) + 1
    assert CLASSES[shown.argmax()] == "road"
