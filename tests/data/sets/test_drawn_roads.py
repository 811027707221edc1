"""Facts that the set is relied on for."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from polymodal.core import UsageProblem
from polymodal.data.sets.drawn_roads import SET, make
from polymodal.data.sets.road_pictures import SIZE
from polymodal.spec import Spec

if importlib.util.find_spec("mujoco") is None:  # importing it here would choose what it draws with
    pytest.skip('needs the extra: pip install "polymodal[scenes]"', allow_module_level=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, Path]:
    folder = tmp_path_factory.mktemp("roads")
    try:
        make(folder, {"train": 8, "test": 6})
    except UsageProblem as problem:
        if problem.code != "nothing-to-draw-with":
            raise
        pytest.skip(f"nothing can be drawn here: {problem}")
    return pd.read_parquet(folder / "scenes.parquet"), folder


def test_parts_have_the_weather_that_is_told(made) -> None:
    table, _ = made
    assert table["part"].value_counts().to_dict() == {"train": 8, "test": 6}
    assert table[table["part"] == "train"]["weather"].value_counts().to_dict() == {"clear": 4, "rain": 2, "fog": 2}
    assert table[table["part"] == "test"]["weather"].value_counts().to_dict() == {"clear": 2, "rain": 2, "fog": 2}


def test_maps_lie_on_their_pictures(made) -> None:
    table, folder = made
    for row in table.itertuples():
        picture, lanes, distance = (
            np.asarray(Image.open(folder / name)) for name in (row.picture, row.lanes, row.distance)
        )
        assert picture.shape == (*SIZE, 3)
        assert lanes.shape == distance.shape == SIZE
        assert set(np.unique(lanes)) <= {0, 1, 2, 3}
        assert distance.dtype == np.uint16
        assert 0 < distance.max() <= 8000
        # The ground comes nearer towards the lower edge, and the road is on it.
        assert 200 < distance[-1].min() < 600
        assert (distance[lanes == 1] > 0).mean() > 0.95
        for left, top, right, bottom, kind in json.loads(row.vehicles):
            assert 0 <= left < right <= 1
            assert 0 <= top < bottom <= 1
            assert kind in ("car", "truck")
            rows, columns = (slice(round(a), round(b)) for a, b in ((top * 96, bottom * 96), (left * 144, right * 144)))
            assert (lanes[rows, columns] == 0).any()


def test_a_smaller_set_begins_like_a_larger_one(made, tmp_path: Path) -> None:
    table, folder = made
    make(tmp_path, {"test": 2})
    again = pd.read_parquet(tmp_path / "scenes.parquet")
    for row in again.itertuples():
        known = table.set_index("scene").loc[row.scene]
        assert row.vehicles == known["vehicles"]
        assert (tmp_path / row.lanes).read_bytes() == (folder / known["lanes"]).read_bytes()


def test_its_spec_names_every_task() -> None:
    described = SET.describe(Path(), Path("somewhere"))
    spec = Spec.from_dict(described)
    assert list(spec.build().tasks) == ["lanes", "vehicles", "distance"]
