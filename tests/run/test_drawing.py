"""Answers that are pictures become files, and a run that gives them goes all the way."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image as Pillow

from polymodal import run
from polymodal.report import build_report
from polymodal.run.drawing import drawn
from polymodal.spec import Spec

SPEC = """
data: {table: scenes.csv, files: ., id: scene, split: {column: part, validation: [validation], test: [test]}}
modalities:
  view: {type: image, column: picture, size: [12, 16], tokens: pyramid, flip: true}
  day: {type: text, columns: [day]}
tasks:
  marks: {type: segmentation, target: marks, of: view, names: [ground, disc], ignore: [9]}
  far: {type: depth, target: far, of: view, scale: 0.01}
  bright: {type: binary, target: bright}
model: {width: 16}
train: {epochs: 3, members: 1, batch_size: 8, seed: 0}
"""


def scene(folder: Path, number: int) -> None:
    """A disc on the ground, nearer than the ground, and what is known of each pixel."""
    draw = np.random.default_rng(number)
    y, x = np.mgrid[0:12, 0:16]
    disc = np.hypot(y - draw.uniform(3, 9), x - draw.uniform(3, 13)) < 3
    picture = np.where(disc[..., None], [200, 40, 40], [90, 120, 90]) + draw.integers(0, 20, (12, 16, 3))
    Pillow.fromarray(picture.astype(np.uint8)).save(folder / f"{number}.png")
    marks = disc.astype(np.uint8)
    marks[0] = 9
    Pillow.fromarray(marks).save(folder / f"{number}-marks.png")
    Pillow.fromarray(np.where(disc, 200, 700).astype(np.uint16)).save(folder / f"{number}-far.png")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("scenes")
    for number in range(40):
        scene(place, number)
    names = [f"{number}" for number in range(40)]
    frame = pd.DataFrame({"scene": names, "part": ["train"] * 20 + ["validation"] * 6 + ["test"] * 14})
    frame["picture"], frame["marks"] = [f"{name}.png" for name in names], [f"{name}-marks.png" for name in names]
    frame["far"] = [f"{name}-far.png" for name in names]
    frame["day"], frame["bright"] = "a sunny day", ["yes", "no"] * 20
    frame.loc[3, "picture"] = None
    frame.loc[30, "marks"] = None
    frame.loc[31, "marks"] = "31.png"  # the picture itself
    frame.to_csv(place / "scenes.csv", index=False)
    run.fit(Spec.from_text(SPEC, place), place / "run")
    return place


def test_a_run_tells_how_good_each_row_is_and_no_pixels(folder: Path):
    told = json.loads((folder / "run" / "metrics.json").read_text())["tasks"]
    assert set(told["marks"]["metrics"]) == {"miou", "pixel_accuracy"}
    assert set(told["marks"]["intervals"]) == {"miou", "pixel_accuracy"}
    assert (told["marks"]["n"], told["far"]["n"]) == (12, 14)
    assert told["marks"]["classes"] == ["ground", "disc"]
    assert set(told["far"]["metrics"]) == {"abs_rel", "delta1", "rmse"}
    assert told["far"]["higher_is_better"] is False
    rows = pd.read_parquet(folder / "run" / "predictions.parquet")
    assert rows["marks.miou"].notna().tolist() == [place not in (30, 31) for place in rows["row"]]
    assert rows["far.abs_rel"].notna().all()
    refused = [json.loads(line) for line in (folder / "run" / "errors.jsonl").read_text().splitlines()]
    assert [(line["row"], line["column"]) for line in refused] == [(31, "marks")]
    assert "colours" in refused[0]["reason"]


def test_it_evaluates_alike_and_has_a_report(folder: Path):
    told = json.loads((folder / "run" / "metrics.json").read_text())["tasks"]
    again = run.evaluate(folder / "run")["tasks"]
    assert again["marks"]["metrics"] == pytest.approx(told["marks"]["metrics"])
    assert build_report(folder / "run").exists()


def test_predictions_are_files_beside_the_table(folder: Path):
    out = folder / "out.csv"
    told = run.predict(folder / "run", folder / "scenes.csv", out)
    assert told["not_predicted"] == []
    rows, unseen = pd.read_csv(out), pd.read_csv(folder / "scenes.csv")["picture"].isna()
    assert len(rows) == 40
    assert rows["marks.prediction"].isna().tolist() == rows["far.prediction"].isna().tolist() == unseen.tolist()
    assert told["unanswered"] == dict.fromkeys(("marks", "far"), unseen.sum())
    assert unseen.any()
    assert set(rows["bright.prediction"]) <= {"yes", "no"}
    for name in rows["marks.prediction"].dropna():
        with Pillow.open(folder / name) as opened:
            assert (opened.mode, opened.size) == ("P", (16, 12))
            assert set(np.unique(np.asarray(opened))) <= {0, 1}
    depths = np.load(folder / rows["far.prediction"][0], allow_pickle=False)
    assert (depths.dtype, depths.shape) == (np.float32, (12, 16))
    assert ((depths > 0.5) & (depths < 20)).all()


def test_pictures_of_every_kind(tmp_path: Path):
    grey = drawn("a", np.full((2, 3, 4, 1), 7, dtype=np.uint8), tmp_path / "out.pictures")
    assert grey == {"a.prediction": ["out.pictures/a-0.png", "out.pictures/a-1.png"]}
    drawn("b", np.arange(12, dtype=np.uint8).reshape(1, 3, 4), tmp_path / "out.pictures")
    with Pillow.open(tmp_path / "out.pictures" / "b-0.png") as opened:
        assert np.asarray(opened).tolist() == np.arange(12).reshape(3, 4).tolist()
        colours = np.asarray(opened.getpalette()).reshape(-1, 3)
    assert len(np.unique(colours[:64], axis=0)) == 64
