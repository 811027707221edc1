"""What is learned from training pictures: canvas, mean, spread, range; from a sample, and from nothing else."""

import json

import numpy as np
import pandas as pd
import pytest

from polymodal.core import DataError
from polymodal.data.base import DataTable
from polymodal.data.calibration import SAMPLE, Calibration, Wishes, calibrate
from polymodal.data.gallery import Gallery, hang


def gallery(pictures: list[object]) -> Gallery:
    return hang(DataTable(pd.DataFrame({"scan": pd.Series(pictures, dtype=object)})), "scan", 0)


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def learned(pictures: list[object], wishes: Wishes = Wishes()) -> Calibration:  # noqa: B008
    return calibrate(gallery(pictures), np.arange(len(pictures)), wishes)


@pytest.mark.parametrize(
    ("shapes", "wish", "wanted"),
    [
        ([(28, 28)], "auto", (28, 28)),
        ([(64, 64)], "auto", (64, 64)),
        ([(480, 640)], "auto", (48, 64)),
        ([(3, 3)], "auto", (8, 8)),
        ([(20, 40), (22, 44), (100, 200)], "auto", (22, 44)),
        ([(480, 640)], 32, (32, 32)),
        ([(480, 640)], (30, 50), (30, 50)),
        ([(480, 640)], [30, 50], (30, 50)),
    ],
)
def test_size(shapes: list[tuple[int, int]], wish: object, wanted: tuple[int, int]) -> None:
    canvas = learned([noise(*shape) for shape in shapes], Wishes(size=wish)).canvas
    assert (canvas.height, canvas.width) == wanted


@pytest.mark.parametrize(
    ("shapes", "wish", "wanted"),
    [
        ([(9, 9)], "auto", 1),
        ([(9, 9), (9, 9), (9, 9, 3)], "auto", 3),
        ([(9, 9, 5), (9, 9, 5), (9, 9)], "auto", 5),
        ([(9, 9, 3)], 1, 1),
    ],
)
def test_channels(shapes: list[tuple[int, ...]], wish: object, wanted: int) -> None:
    found = learned([noise(*shape) for shape in shapes], Wishes(channels=wish))
    assert found.canvas.channels == len(found.mean) == len(found.spread) == wanted


def test_mean_spread_and_range() -> None:
    pictures = [noise(10, 12, 3, seed=seed) for seed in range(20)]
    found, whole = learned(list(pictures)), np.stack(pictures).astype(float)
    assert np.allclose(found.mean, whole.mean((0, 1, 2)))
    assert np.allclose(found.spread, whole.std((0, 1, 2)))
    assert (found.low, found.high) == (0.0, 255.0)
    depths = [np.linspace(-5, 40, 120).reshape(10, 12), np.full((10, 12), np.nan)]
    deep = learned([*depths, np.where(np.eye(10, 12) > 0, np.nan, 7.0)])
    assert deep.canvas.deep
    assert (deep.low, deep.high) == (-5.0, 40.0)
    assert np.isfinite(deep.mean).all()


def test_a_channel_that_never_changes_is_only_centred() -> None:
    found = learned([np.full((9, 9), 200, dtype=np.uint8)])
    assert found.mean == [200.0]
    assert found.spread == [1.0]


def test_damaged_pictures_are_passed_over_unless_all_are() -> None:
    good = noise(9, 9)
    assert learned([b"text", good, b"", 5]).mean == learned([good]).mean
    with pytest.raises(DataError, match="none of the 2") as caught:
        learned([b"text", 5, None])
    assert caught.value.code == "no-usable-picture"


def test_no_picture_at_all_is_no_error() -> None:
    found = learned([None, ""])
    assert found.training_rows == 0
    assert found.canvas.channels == 3
    assert Calibration.restored(json.loads(json.dumps(found.state()))).state() == found.state()


def test_other_rows_and_their_order_do_not_matter() -> None:
    pictures: list[object] = [noise(9, 9, seed=seed) for seed in range(30)]
    rows = np.arange(0, 30, 2)
    wanted = calibrate(gallery(pictures), rows, Wishes())
    assert calibrate(gallery(pictures), rows[::-1], Wishes()) == wanted
    for other in range(1, 30, 2):
        pictures[other] = None
    assert calibrate(gallery(pictures), rows, Wishes()) == wanted


def test_only_a_sample_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    picture = Gallery.picture

    def counted(self: Gallery, *arguments: object) -> object:
        opened.append(1)
        return picture(self, *arguments)

    monkeypatch.setattr(Gallery, "picture", counted)
    found = learned([noise(2, 2)] * 2000)
    assert found.training_rows == 2000
    assert len(opened) == 2 * SAMPLE
