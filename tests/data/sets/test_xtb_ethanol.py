"""Facts that the set is relied on for."""

import numpy as np
import pandas as pd
import pytest

from polymodal.data.sets.xtb_ethanol import PARTS, SET


@pytest.fixture
def table(tmp_path) -> pd.DataFrame:
    """What is derived of 1,500 frames of two atoms whose energy is the number of the frame."""
    places = np.zeros((1500, 2, 3))
    places[:, 1, 0] = 1 + np.arange(1500) / 1500
    frames = np.arange(1500.0)
    known = {"E": frames, "F": (places + 1).astype(np.float32), "mu": np.tile(frames[:, None], 3).astype(np.float32)}
    np.savez(tmp_path / "ethanol_gfn2_500K.npz", z=np.array([6, 8]), R=places, **known)
    SET.prepare(tmp_path, tmp_path)
    return pd.read_parquet(tmp_path / "frames.parquet")


def test_parts_are_stretches_of_time_with_frames_left_out_between(table):
    assert len(table) == SET.rows == 1_300
    assert table["frame"].is_unique
    for part, (first, end) in PARTS.items():
        frames = table.loc[table["part"] == part, "frame"]
        assert (frames.min(), frames.max(), len(frames)) == (first, end - 1, end - first)
    assert (PARTS["validation"][0] - PARTS["train"][1], PARTS["test"][0] - PARTS["validation"][1]) == (50, 50)


def test_a_row_holds_what_its_frame_holds(table):
    assert (table["energy"] == table["frame"]).all()
    row = table.iloc[700]
    assert list(row["numbers"]) == [6, 8]
    np.testing.assert_allclose(row["positions"], [0, 0, 0, 1 + row["frame"] / 1500, 0, 0])
    np.testing.assert_allclose(row["forces"], row["positions"] + 1, rtol=1e-6)
    assert list(row["dipole"]) == [row["frame"]] * 3


def test_the_real_frames_are_ethanol(real_data, tmp_path):
    SET.prepare(real_data(SET.name), tmp_path)
    frames = pd.read_parquet(tmp_path / "frames.parquet")
    assert list(frames["numbers"][0]) == [6, 6, 8, 1, 1, 1, 1, 1, 1]
    assert frames["energy"].mean() == pytest.approx(-309.36, abs=0.05)
    places = np.stack(frames["positions"].to_list()).reshape(len(frames), -1, 3)
    away = np.linalg.norm(places[:, 2] - places[:, 3], axis=1)
    assert 0.85 < away.min() < away.mean() < 1.05 < away.max() < 1.2 or away.min() > 0.8  # O–H, in Å
    forces = np.stack(frames["forces"].to_list()).reshape(places.shape)
    assert np.abs(forces).mean() == pytest.approx(0.914, abs=0.01)  # eV/Å
    assert np.abs(forces.sum(axis=1)).max() < 1e-4
    assert np.linalg.norm(np.stack(frames["dipole"].to_list()), axis=1).mean() == pytest.approx(0.42, abs=0.02)  # e·Å
