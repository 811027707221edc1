"""Facts that the set is relied on for."""

from pathlib import Path

import numpy as np
import pandas as pd

from polymodal.data.sets.gas_drift import ARCHIVE, FEATURES, SENSORS, SET, TABLE


def test_columns_are_sensor_by_sensor_and_parts_are_whole_batches(tmp_path: Path) -> None:
    numbers = np.arange(8 * 128, dtype=np.float32).reshape(8, 128)
    batch = np.array([1, 2, 3, 4, 5, 6, 8, 9], dtype=np.int8)
    gas = np.array(["Acetone"] * 8)
    np.savez(tmp_path / ARCHIVE, x=numbers, gas=gas, ppm=np.full(8, 100, dtype=np.float32), batch=batch)
    SET.prepare(tmp_path, tmp_path)
    rows = pd.read_parquet(tmp_path / TABLE)
    assert rows["part"].tolist() == ["train"] * 3 + ["validation"] * 2 + ["train"] + ["test"] * 2
    assert rows["log_ppm"].tolist() == [2.0] * 8
    assert rows["sensor_01_change"][1] == 128
    assert rows["sensor_16_fall_3"][0] == 127
    assert sum(name.startswith("sensor_") for name in rows) == len(SENSORS) * len(FEATURES) == 128


def test_rows_of_each_batch_and_gas(real_data, tmp_path: Path) -> None:
    SET.prepare(real_data(SET.name), tmp_path)
    rows = pd.read_parquet(tmp_path / TABLE)
    assert len(rows) == SET.rows
    assert rows["batch"].value_counts().sort_index().to_dict() == {
        1: 445, 2: 1244, 3: 1586, 4: 161, 5: 197, 6: 2300, 8: 294, 9: 470
    }  # fmt: skip
    assert rows["gas"].nunique() == 6
    assert rows["part"].value_counts().to_dict() == {"train": 5575, "test": 764, "validation": 358}
    assert not rows.isna().to_numpy().any()
    assert (rows.loc[rows["batch"].isin([3, 4, 5]), "gas"] != "Toluene").all()


def test_sensors_are_inputs_and_the_batch_is_not(tmp_path: Path) -> None:
    spec = SET.describe(tmp_path, tmp_path)
    assert spec["modalities"]["array"]["columns"] == ["sensor_*"]
    assert spec["data"]["group"] == "batch"
    assert set(spec["tasks"]) == {"gas", "concentration"}
