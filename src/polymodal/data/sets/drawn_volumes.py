"""Drawn volumes (synthetic): heads of noise with one bright lesion each, as NIfTI files, beside a table of age and sex.

Nobody was scanned: an ellipsoid of uneven grey stands for a head, a lumpy ball in one half of it for a lesion. Voxels
are 4 × 4 mm by 5, 6 or 8 mm, and the files count their axes in one of six ways, which the header tells: in the order in
which voxels are stored, a lesion of the left half lies as often low as high. A sixth of the rows have no scan. Asked
for are the half (hemisphere, left or right), and the volume of the lesion in millilitres, counted from the voxels that
it covers.

The table knows something of the volume (it grows with age, and scatters twofold about that) and nothing of the half.
"""

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy
from scipy import ndimage

from polymodal.core.seeding import numpy_generator
from polymodal.data.sets.base import DataSet
from polymodal.data.volumes import encode, turned

__all__ = ["ROWS", "SET", "WAYS", "Head", "draw", "make"]

TABLE = "people.parquet"
ROWS = {"train": 420, "validation": 80, "test": 200}
WITHOUT = 1 / 6
"""Share of the rows without a scan."""
WIDE, DEEP = 4.0, (5.0, 6.0, 8.0)
"""Millimetres of a voxel from side to side and from back to front, and from below to above (one of these)."""
SKULL, FIELD = np.array([70.0, 85.0, 65.0]), np.array([80.0, 95.0, 75.0])
"""Half the extent in mm of a head, and of what is scanned."""
WAYS = ("RAS", "LAS", "LPS", "RPI", "ASR", "PIL")
"""Where the axes of a file lead: right or left, anterior or posterior, superior or inferior."""
BRIGHT, GRAIN = 45.0, 10.0
"""How much brighter a lesion is than the tissue about it, and the spread of the noise."""
VOLUMES = (4.0, 40.0)
"""Least and greatest volume of a lesion in ml before it is cut off by the skull."""


@dataclass(frozen=True)
class Head:
    """One head in RAS: `voxels` (x, y, z) uint8, the sides (3,) of one in mm, and the volume of the lesion in ml."""

    voxels: np.ndarray
    spacing: np.ndarray
    volume: float


def draw(volume: float, left: bool, generator: np.random.Generator) -> Head:
    """A head with a lesion of about this volume in its left or right half."""
    spacing = np.array([WIDE, WIDE, generator.choice(DEEP)])
    shape = np.round(2 * FIELD / spacing).astype(int)
    axes = [(np.arange(side) - (side - 1) / 2) * step for side, step in zip(shape, spacing, strict=True)]
    places = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    skull = np.linalg.norm(places / (SKULL * generator.uniform(0.92, 1.05, 3)), axis=-1) < 1
    radius = 10 * (3 * volume / (4 * np.pi)) ** (1 / 3)
    middle = (SKULL - radius - 8) * generator.uniform(-0.5, 0.5, 3)
    middle[0] = (-1 if left else 1) * (abs(middle[0]) + radius)
    lumpy = np.linalg.norm((places - middle) / generator.uniform(0.85, 1.2, 3), axis=-1) + 2 * _smooth(shape, generator)
    lesion = skull & (lumpy < radius) & ((places[..., 0] < 0) == left)
    grey = 120 + 10 * _smooth(shape, generator) + BRIGHT * lesion + generator.normal(0, GRAIN, shape)
    voxels = np.where(skull, np.clip(grey, 1, 255), 0).round().astype(np.uint8)
    return Head(voxels, spacing, float(lesion.sum() * spacing.prod() / 1000))


def make(target: Path, rows: dict[str, int] | None = None, seed: int = 0) -> None:
    """Write the table and the folder `scans` into `target`; fewer rows make a smaller set."""
    (target / "scans").mkdir()
    told = [_person(target, part, place, seed) for part, many in (rows or ROWS).items() for place in range(many)]
    pd.DataFrame(told).to_parquet(target / TABLE, index=False)


def _person(target: Path, part: str, place: int, seed: int) -> dict[str, object]:
    """One row; its scan is written, unless it is one of those without."""
    name = f"{part}-{place:03d}"
    generator = numpy_generator(seed, "drawn volumes", name)
    age, left = float(round(generator.uniform(40, 85))), bool(generator.random() < 0.5)
    volume = np.clip((4 + 0.25 * (age - 40)) * np.exp(generator.normal(0, 0.7)), *VOLUMES)
    head, way = draw(float(volume), left, generator), str(generator.choice(WAYS))
    scan = None if generator.random() < WITHOUT else f"scans/{name}.nii.gz"
    if scan is not None:
        content = encode(*turned(head.voxels, head.spacing, way))
        (target / scan).write_bytes(gzip.compress(content, compresslevel=6, mtime=0))
    sex = str(generator.choice(["f", "m"]))
    known = {"age": age, "sex": sex, "scan": scan, "hemisphere": "left" if left else "right", "volume": head.volume}
    return {"person": name, **known, "way": way if scan else None, "part": part}


def _smooth(shape: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """(x, y, z) noise of spread 1 without grain."""
    made = ndimage.gaussian_filter(generator.normal(size=shape), 3.0)
    return np.asarray(made / made.std())


def _derive(_source: Path, target: Path) -> None:
    make(target)


def _describe(_source: Path, target: Path) -> dict[str, Any]:
    return {
        "version": 1,
        "data": {
            "table": str(target / TABLE),
            "files": str(target),
            "id": "person",
            "split": {"column": "part", "validation": ["validation"], "test": ["test"]},
        },
        "modalities": {
            "person": {"type": "table", "columns": ["age", "sex"]},
            "scan": {"type": "volume", "column": "scan", "size": 24},
        },
        "tasks": {
            "hemisphere": {"type": "binary", "target": "hemisphere"},
            "volume": {"type": "regression", "target": "volume"},
        },
    }


SET = DataSet(
    name="drawn_volumes",
    title="Drawn volumes (synthetic): heads of noise with a lesion each, as NIfTI files, with age and sex",
    origin="made on this machine: drawn with NumPy and SciPy from a seed",
    licence="none needed: nothing is taken from elsewhere",
    rows=sum(ROWS.values()),
    tables={
        TABLE: "one row for each person: age, sex, scan (file or none), hemisphere, volume (ml), way (of axes), part"
    },
    describe=_describe,
    derive=_derive,
    made_with=(f"NumPy {np.__version__}", f"SciPy {scipy.__version__}"),
)
