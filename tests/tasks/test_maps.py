"""Maps lie on their pictures: how they are read, sized, padded and refused."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image as Pillow

from polymodal.core import DataError
from polymodal.data.base import DataTable
from polymodal.data.files import Limits
from polymodal.data.samples import Samples
from polymodal.modalities import Image
from polymodal.tasks import Depth, Segmentation
from polymodal.tasks.maps import MapColumn

ROWS = np.arange(6)


def stored(picture: Pillow.Image, kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind)
    return stream.getvalue()


def marks(height: int = 12, width: int = 16) -> np.ndarray:
    """A quarter of each class, 0 to 3, from the upper left."""
    y, x = np.mgrid[0:height, 0:width]
    return ((y >= height / 2) * 2 + (x >= width / 2)).astype(np.uint8)


def palette(numbers: np.ndarray) -> bytes:
    made = Pillow.fromarray(numbers).convert("L")
    made.putpalette([255 - place % 256 for place in range(768)])
    return stored(made)


def photograph(height: int = 12, width: int = 16) -> bytes:
    return stored(Pillow.fromarray(np.full((height, width, 3), 90, dtype=np.uint8)))


def table(maps: list[object], pictures: list[object] | None = None) -> DataTable:
    pictures = [photograph() for _ in maps] if pictures is None else pictures
    return DataTable(
        pd.DataFrame({"picture": pd.Series(pictures, dtype=object), "marks": pd.Series(maps, dtype=object)})
    )


def read(column: MapColumn, held: DataTable, rows: np.ndarray | None = None, **options: object) -> Samples:
    view = Image("picture", **options)
    rows = np.arange(len(held)) if rows is None else rows
    view.reader.fit(held, rows)
    column.fit(held, rows)
    return Samples.read(held, {"view": view.reader}, {"marks": column})


def labels(size: object = "auto", ignore: tuple[int, ...] = (255,), names: list[str] | None = None) -> MapColumn:
    return Segmentation("marks", "view", names=names, ignore=ignore, size=size).reader


def test_numbers_are_read_from_every_way_they_are_stored():
    stream = io.BytesIO()
    np.save(stream, marks().astype(np.int32))
    grey, deep = stored(Pillow.fromarray(marks())), stored(Pillow.fromarray(marks().astype(np.uint16)))
    held = table([grey, palette(marks()), deep, marks(), stream.getvalue(), marks()[..., None].astype(float)])
    values = read(labels(), held).batch(ROWS).targets["marks"]
    assert values.index.tolist() == list(range(6))
    assert all(np.array_equal(part, marks()) for part in values.data["target"].numpy())


def test_a_row_without_a_picture_has_no_target():
    held = table([marks(), marks(), None], [photograph(), None, photograph()])
    batch = read(labels(), held).batch(np.arange(3))
    assert batch.targets["marks"].present.tolist() == [True, False, False]
    assert batch.refusals == ()


@pytest.mark.parametrize(
    ("bad", "found"),
    [
        (photograph(), "is a picture in colours, and not one number for each place"),
        (np.zeros((12, 16, 3), dtype=np.uint8), "is an array of uint8 with shape (12, 16, 3)"),
        (stored(Pillow.fromarray(marks()), "JPEG"), "is a JPEG, which changes numbers"),
        (stored(Pillow.fromarray(marks()))[:-8], "cut off"),
        (b"nothing", "is not a picture"),
        (marks(12, 24), "is 24 × 12, where its picture is 16 × 12"),
        (marks() + 7, "holds 7, 8, 9, 10, which is no class"),
        (marks() + 0.5, "holds fractions"),
        ("marks.png", "names a file, and no data folder was given"),
        (np.zeros((300, 400), dtype=np.uint8), "the limit is 90,000"),
        (3.5, "is a float"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_row(bad: object, found: str):
    column = labels()
    column.limits = Limits(pixels=90_000)
    batch = read(column, table([marks(), marks(), bad, marks()]), rows=np.array([0, 1])).batch(np.arange(4))
    assert batch.targets["marks"].present.tolist() == [True, True, False, True]
    (refusal,) = batch.refusals
    assert (refusal.row, refusal.column) == (2, "marks")
    assert found in refusal.reason


def test_every_size_is_brought_to_one_by_the_nearest_place():
    held = table([marks(24, 32), marks(12, 16), marks(6, 8)])
    values = read(labels((6, 8)), held).batch(np.arange(3)).targets["marks"].data["target"].numpy()
    assert values.shape == (3, 6, 8)
    assert all(np.array_equal(part, marks(6, 8)) for part in values)
    large = read(labels(), table([marks(600, 800)] * 2, [photograph(600, 800)] * 2)).batch(np.arange(2))
    assert large.targets["marks"].data["target"].shape[1:] == (192, 256)


def test_maps_are_padded_as_their_pictures_are():
    held = table([marks(12, 16), marks(16, 12)], [photograph(), photograph(16, 12)])
    values = read(labels((16, 16)), held, size=16, padded=True).batch(np.arange(2)).targets["marks"]
    wide, high = values.data["target"].numpy()
    assert (wide[:2] == 255).all()
    assert (wide[-2:] == 255).all()
    assert np.array_equal(wide[2:-2], marks(12, 16))
    assert np.array_equal(high, np.where(high == 255, 255, np.pad(marks(16, 12), ((0, 0), (2, 2)))))
    with pytest.raises(DataError, match="maps-misfit"):
        read(labels((8, 16)), held, size=16, padded=True)


def test_no_usable_map_is_an_error():
    with pytest.raises(DataError, match="no-usable-map"):
        labels().fit(table([photograph(), b"nothing"]), np.arange(2))
    with pytest.raises(DataError, match="no-distances"):
        Depth("marks", "view").reader.fit(table([np.zeros((4, 4))] * 3), np.arange(3))
    with pytest.raises(DataError, match="too-few-classes"):
        labels().fit(table([np.zeros((4, 4), dtype=np.uint8)] * 3), np.arange(3))
