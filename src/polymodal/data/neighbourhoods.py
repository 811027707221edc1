"""Where spots lie: their nearest neighbours, in units of the spacing, and the picture of the tissue about each."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from polymodal.data.hierarchies import unusable

__all__ = ["Lattice", "lattice_of", "patches_of"]


@dataclass(frozen=True)
class Lattice:
    """`places` (spots, 2) from the middle, in spacings; `neighbours` (spots, k) int64, nearest first, -1 = none.

    `spacing` is the median distance from a spot to the nearest other, in the unit of the file.
    """

    places: np.ndarray
    neighbours: np.ndarray
    spacing: float


def lattice_of(places: np.ndarray, count: int) -> Lattice:
    """The `count` nearest neighbours of each spot, whatever the unit of `places` (spots, 2).

    Raises DataError where more than half of the spots share their place with another.
    """
    from scipy.spatial import cKDTree

    spots = len(places)
    middle = (places.min(axis=0) + places.max(axis=0)) / 2
    neighbours = np.full((spots, count), -1, dtype=np.int64)
    if spots == 1:
        return Lattice(np.zeros((1, 2), dtype=np.float32), neighbours, 1.0)
    most = min(count, spots - 1)
    away, other = cKDTree(places).query(places, most + 1)
    own = other == np.arange(spots)[:, None]
    own[~own.any(axis=1), -1] = True  # of many spots at one place, a spot may not be among its own nearest
    neighbours[:, :most] = other[~own].reshape(spots, most)
    spacing = float(np.median(away[~own].reshape(spots, most)[:, 0]))
    if not spacing > 0:
        raise unusable("section-places", "has more than half of its spots at the place of another")
    return Lattice(((places - middle) / spacing).astype(np.float32), neighbours, spacing)


def patches_of(
    picture: np.ndarray, middle: np.ndarray, side: float, size: int, pixels: int
) -> tuple[np.ndarray, np.ndarray]:
    """(spots, 3, size, size) the picture about each spot, and (spots,) True where all of that lies within it.

    `middle` (spots, 2) are row and column of the spots and `side` is that of a patch, both in pixels of the picture,
    which is first brought to the scale at which a patch has `size` pixels. Raises DataError where it would then have
    more than `pixels`.
    """
    zoom = size / side
    height, width = (max(1, round(length * zoom)) for length in picture.shape[:2])
    if height * width > pixels:
        found = f"would have {height * width:,} pixels at the scale of its spots, the limit is {pixels:,}"
        raise unusable("section-picture", found)
    # Reducing by a box averages all of what a new pixel covers.
    way = Image.Resampling.BOX if zoom < 1 else Image.Resampling.BILINEAR
    scaled = np.asarray(Image.fromarray(picture).resize((width, height), way))
    first = np.rint(middle * zoom - size / 2).astype(np.int64)
    seen = np.asarray(((first >= 0) & (first + size <= [height, width])).all(axis=1))
    patches = np.zeros((len(middle), 3, size, size), dtype=np.uint8)
    if seen.any():
        windows = np.lib.stride_tricks.sliding_window_view(scaled, (size, size), axis=(0, 1))
        patches[seen] = windows[first[seen, 0], first[seen, 1]]
    return patches, seen
