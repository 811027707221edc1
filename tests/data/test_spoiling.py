"""Answers made wrong: as many as asked, all of them moved, none invented."""

import numpy as np
import pandas as pd

from polymodal.data.base import DataTable
from polymodal.data.spoiling import spoil

ROWS = 100
TABLE = DataTable(
    pd.DataFrame(
        {
            "x": np.arange(ROWS),
            "y": [f"{row}" if row % 5 else None for row in range(ROWS)],
            "z": np.arange(ROWS, dtype=np.float64),
        }
    )
)
TAUGHT = np.arange(80)


def test_a_share_of_the_answers_changes_places():
    made = spoil(TABLE, ["z"], TAUGHT, 0.5, 0).frame
    moved = made["z"].to_numpy() != TABLE.frame["z"].to_numpy()
    assert 35 <= moved.sum() <= 40
    assert sorted(made["z"]) == sorted(TABLE.frame["z"])
    assert not moved[80:].any()
    assert made["x"].tolist() == TABLE.frame["x"].tolist()
    assert made.dtypes.tolist() == TABLE.frame.dtypes.tolist()


def test_rows_without_an_answer_stay_without():
    made = spoil(TABLE, ["y"], TAUGHT, 1.0, 0).frame
    assert made["y"].isna().tolist() == TABLE.frame["y"].isna().tolist()
    assert sorted(made["y"].dropna()) == sorted(TABLE.frame["y"].dropna())


def test_an_answer_of_two_columns_moves_as_a_whole():
    made = spoil(TABLE, ["y", "z"], TAUGHT, 1.0, 0).frame.dropna()
    assert (made["y"].astype(float) == made["z"]).all()
    assert (made["x"] != made["z"]).mean() > 0.5


def test_the_same_seed_spoils_the_same_and_nothing_is_spoilt_at_rate_zero():
    first, second, other = (spoil(TABLE, ["z"], TAUGHT, 0.4, seed).frame["z"].tolist() for seed in (1, 1, 2))
    assert first == second != other
    assert spoil(TABLE, ["z"], TAUGHT, 0.0, 0).frame.equals(TABLE.frame)
