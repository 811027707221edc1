"""Drawn roads (synthetic): what a camera in a car would see, with exact lanes, boxes of vehicles and distances.

Every scene is made of boxes, cylinders and ellipsoids on this machine and drawn by MuJoCo; no camera saw a street.
Roads bend, have two to four lanes, lines and pavements; cars and trucks stand on them, houses, trees and posts beside
them. Half of the training scenes are in clear air, a quarter each in rain and in fog; a third each of the others.

- lanes: for each pixel that is seen, own lane, other lane, marking, or elsewhere.
- vehicles: a box around what is seen of each car and truck of 24 pixels or more.
- distance: in centimetres along the camera's axis, up to 80 m; 0 in the sky and beyond. Weather does not change it.
"""

import importlib.metadata
import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from polymodal.core.seeding import numpy_generator
from polymodal.data.sets import road_pictures, road_scenes
from polymodal.data.sets.base import DataSet
from polymodal.data.sets.road_pictures import FARTHEST, SIZE, WEATHERS, seen, weathered
from polymodal.data.sets.road_scenes import KINDS, ROLES, arrange

__all__ = ["COUNTS", "SET", "TABLE", "make"]

TABLE, FILES = "scenes.parquet", "pictures"
COUNTS = {"train": 1000, "validation": 120, "test": 480}
CENTIMETRES = 100


def make(target: Path, counts: Mapping[str, int] = COUNTS, seed: int = 0) -> None:
    """Write the table and the folder of pictures into `target`; smaller counts make a smaller set."""
    (target / FILES).mkdir()
    rows = [
        _drawn(f"{part}_{number:04d}", part, _weather(part, number), target, seed)
        for part, count in counts.items()
        for number in range(count)
    ]
    pd.DataFrame(rows).to_parquet(target / TABLE, index=False)


def _weather(part: str, number: int) -> str:
    kinds = list(WEATHERS)
    return [kinds[0], *kinds][number % 4] if part == "train" else kinds[number % 3]


def _drawn(name: str, part: str, weather: str, target: Path, seed: int) -> dict[str, object]:
    """One scene: its three files, and its row."""
    draw = numpy_generator(seed, "drawn_roads", name)
    scene = arrange(draw)
    view = seen(scene)
    files = {column: f"{FILES}/{name}_{column}.png" for column in ("picture", "lanes", "distance")}
    near = np.where(view.metres <= FARTHEST, view.metres, 0)
    Image.fromarray(weathered(view, weather, draw)).save(target / files["picture"])
    Image.fromarray(view.roles).save(target / files["lanes"])
    Image.fromarray((near * CENTIMETRES).round().astype(np.uint16)).save(target / files["distance"])
    told = {"vehicles": json.dumps(view.boxes), "weather": weather, "bend": scene.bend, "lane_count": scene.lanes}
    return {"scene": name, **files, **told, "part": part}


def _derive(_source: Path, target: Path) -> None:
    make(target)


def _describe(_source: Path, target: Path) -> dict[str, Any]:
    return {
        "version": 1,
        "data": {
            "table": str(target / TABLE),
            "files": str(target),
            "id": "scene",
            "split": {"column": "part", "validation": ["validation"], "test": ["test"]},
        },
        "modalities": {
            "view": {
                "type": "image",
                "column": "picture",
                "size": list(SIZE),
                "tokens": "pyramid",
                # A zoom would change distances; the mirrored scene is one that could have been drawn.
                "augment": 0,
                "flip": True,
            }
        },
        "tasks": {
            "lanes": {"type": "segmentation", "target": "lanes", "of": "view", "names": list(ROLES)},
            "vehicles": {"type": "detection", "target": "vehicles", "of": "view", "names": list(KINDS)},
            "distance": {
                "type": "depth",
                "target": "distance",
                "of": "view",
                "scale": 1 / CENTIMETRES,
                "farthest": FARTHEST,
            },
        },
        "train": {"epochs": 16, "batch_size": 8, "lr": 4e-3},
    }


def _version() -> str:
    """Another drawer draws other pixels; without one nothing is drawn."""
    there = importlib.util.find_spec("mujoco") is not None
    return f"MuJoCo {importlib.metadata.version('mujoco')}" if there else "no MuJoCo"


SET = DataSet(
    name="drawn_roads",
    title="Drawn roads (synthetic): lanes, vehicles and distances, in clear air, rain and fog",
    origin="made on this machine: drawn by MuJoCo from a seed",
    licence="none needed: nothing is taken from elsewhere",
    rows=sum(COUNTS.values()),
    tables={
        TABLE: "one row for each scene: scene, picture, lanes, distance (files), vehicles (boxes), weather, bend "
        "(1/m), lane_count, part"
    },
    describe=_describe,
    derive=_derive,
    made_with=(
        _version(),
        f"NumPy {np.__version__}",
        *(Path(str(module.__file__)).read_text(encoding="utf-8") for module in (road_pictures, road_scenes)),
    ),
)
