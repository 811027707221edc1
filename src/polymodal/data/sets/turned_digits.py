"""Handwritten digits that lie on their side: learned from in four positions, asked about upright and at odd angles.

1,000 digits of MNIST teach and 100 say when to stop, each of them upright and turned by 90, 180 and 270 degrees, which
is what `turn` says. 1,500 digits of MNIST's own test part are asked about, each upright and at one angle that is no
multiple of 90 degrees (15, 30, ... 345). Turns by quarters are exact, others are drawn anew between pixels.

`digit` is known of every picture, `digit_of_few` of 100 of those that teach, ten of each digit, and of all others:
a turn costs nothing to know, a name does. Some digits are others when they are turned (6 and 9), for any model.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy
from PIL import Image
from scipy import ndimage

from polymodal.core.seeding import numpy_generator
from polymodal.data.sets.base import DataSet
from polymodal.data.sets.senses_digits import PICTURES
from polymodal.data.sets.senses_digits import SET as SENSES

__all__ = ["FEW", "SET", "turned"]

TABLE, FILES = "digits.parquet", "pictures"
COUNTS = {"train": 1000, "validation": 100, "test": 1500}
FEW = 10
"""Pictures of each digit, of those that teach, whose name is known."""
ODD = tuple(angle for angle in range(15, 360, 15) if angle % 90)


def turned(picture: np.ndarray, angle: int) -> np.ndarray:
    """A picture (side, side) uint8, turned against the clock by so many degrees, around its middle."""
    if angle % 90 == 0:
        return np.rot90(picture, angle // 90)
    # Quarters are exact in any case; what is left is less than one.
    return np.asarray(ndimage.rotate(np.rot90(picture, angle // 90), angle % 90, reshape=False, order=1))


def _derive(source: Path, target: Path) -> None:
    """One row for each picture: picture, file, original, digit, digit_of_few, turn, angle, part."""
    (target / FILES).mkdir()
    with np.load(source / PICTURES) as arrays:
        pools = {pool: (arrays[f"x_{pool}"], arrays[f"y_{pool}"]) for pool in ("train", "test")}
    draw = numpy_generator(0, "turned_digits")
    rows: list[dict[str, object]] = []
    order = {pool: draw.permutation(len(digits)) for pool, (_, digits) in pools.items()}
    chosen = {"train": order["train"][: COUNTS["train"]], "test": order["test"][: COUNTS["test"]]}
    chosen["validation"] = order["train"][COUNTS["train"] :][: COUNTS["validation"]]
    for part, places in chosen.items():
        pictures, digits = pools["test" if part == "test" else "train"]
        known = dict.fromkeys(range(10), 0)
        for place in places.tolist():
            digit = int(digits[place])
            known[digit] += 1
            named = part != "train" or known[digit] <= FEW
            for angle in (0, int(draw.choice(ODD))) if part == "test" else (0, 90, 180, 270):
                name = f"{part}_{place:05d}_{angle:03d}"
                Image.fromarray(turned(pictures[place], angle)).save(target / FILES / f"{name}.png")
                rows.append({"picture": name, "file": f"{FILES}/{name}.png", "original": name.rpartition("_")[0]})
                rows[-1] |= {"digit": f"d{digit}", "digit_of_few": f"d{digit}" if named else None}
                rows[-1] |= {"turn": None if angle % 90 else f"t{angle}", "angle": angle, "part": part}
    pd.DataFrame(rows).to_parquet(target / TABLE, index=False)


def _describe(_source: Path, target: Path) -> dict[str, Any]:
    return {
        "version": 1,
        "data": {
            "table": str(target / TABLE),
            "files": str(target),
            "id": "picture",
            "group": "original",
            "split": {"column": "part", "validation": ["validation"], "test": ["test"]},
        },
        "modalities": {"picture": {"type": "image", "column": "file", "size": 28}},
        "tasks": {
            "digit": {"type": "multiclass", "target": "digit_of_few"},
            "turn": {"type": "multiclass", "target": "turn"},
        },
    }


SET = DataSet(
    name="turned_digits",
    title="Handwritten digits in four positions, asked about at odd angles; few of them are named",
    origin=SENSES.origin,
    licence=SENSES.licence,
    rows=7_400,
    tables={
        TABLE: "derived; one row for each picture: picture, file, original, digit, digit_of_few (of ten each, in "
        "training), turn (of quarters), angle (degrees against the clock), part"
    },
    folders=SENSES.folders,
    files=SENSES.files,
    fetched=SENSES.fetched,
    assemble=SENSES.assemble,
    derive=_derive,
    describe=_describe,
    made_with=(f"NumPy {np.__version__}", f"SciPy {scipy.__version__}"),
)
