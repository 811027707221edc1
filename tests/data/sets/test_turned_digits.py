"""Facts that the set is relied on for."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from polymodal.data.sets.turned_digits import FEW, SET, TABLE, turned


def test_quarters_are_exact_and_other_turns_go_the_same_way() -> None:
    picture = np.zeros((28, 28), dtype=np.uint8)
    picture[2:6, 10:18] = 200  # a bar at the top
    np.testing.assert_array_equal(turned(picture, 0), picture)
    np.testing.assert_array_equal(turned(picture, 90)[10:18, 2:6], 200)  # to the left: against the clock
    np.testing.assert_array_equal(turned(turned(picture, 90), 270), picture)
    odd = turned(picture, 75)
    assert odd.dtype == np.uint8
    rows, columns = np.nonzero(odd > 100)
    assert columns.mean() < 8
    assert rows.mean() < 14
    np.testing.assert_allclose(turned(picture, 135), turned(np.rot90(picture), 45))


def test_the_turned_pictures(real_data, tmp_path: Path) -> None:
    SET.prepare(real_data("mnist10k").parent, tmp_path)
    rows = pd.read_parquet(tmp_path / TABLE)
    assert len(rows) == SET.rows == rows["file"].nunique()
    assert rows.groupby("part")["original"].nunique().to_dict() == {"test": 1500, "train": 1000, "validation": 100}
    assert rows.groupby("original")["part"].nunique().max() == 1
    learned, asked = rows[rows["part"] != "test"], rows[rows["part"] == "test"]
    assert (learned.groupby("original")["angle"].apply(set) == {0, 90, 180, 270}).all()
    odd = asked.loc[asked["angle"] > 0, "angle"]
    assert len(odd) == 1500
    assert set(odd) == {angle for angle in range(15, 360, 15) if angle % 90}
    assert asked.loc[asked["angle"] > 0, "turn"].isna().all()
    few = rows[(rows["part"] == "train") & (rows["angle"] == 0)].groupby("digit")["digit_of_few"].count()
    assert (few == FEW).all()
    one = rows[(rows["part"] == "train") & (rows["original"] == rows["original"].iloc[0])].set_index("angle")["file"]
    upright, side = (np.asarray(Image.open(tmp_path / one[angle])) for angle in (0, 90))
    np.testing.assert_array_equal(np.rot90(upright), side)
