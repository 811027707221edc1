import os

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from polymodal.core import DataError
from polymodal.data.kinds import parse_labels
from polymodal.data.tables import from_frame, read_table

FRAME = pd.DataFrame(
    {
        "id": np.array([2**63 + 1, 2**63 + 3, 5], dtype=np.uint64),
        "count": pd.array([2**60 + 1, None, 3], dtype="Int64"),
        "number": np.array([1.5, np.nan, 2.0], dtype=np.float32),
        "word": pd.Series(["a", None, "NA"]),
        "day": pd.to_datetime(["2020-01-01", None, "2020-01-03"]),
        "arm": pd.Categorical(["x", None, "y"]),
        "flag": pd.array([True, None, False], dtype="boolean"),
    },
    index=[7, 8, 9],
)


@pytest.mark.parametrize("suffix", ["parquet", "feather"])
def test_typed_files_keep_types_and_every_digit(tmp_path, suffix):
    path = tmp_path / f"table.{suffix}"
    (FRAME if suffix == "parquet" else FRAME.reset_index(drop=True)).__getattribute__(f"to_{suffix}")(path)
    table = read_table(path)
    assert list(table.frame.columns) == list(FRAME.columns)
    assert table.frame["number"].dtype == np.float32
    assert parse_labels(table.column("id")).tolist() == [str(2**63 + 1), str(2**63 + 3), "5"]
    assert parse_labels(table.column("count")).tolist() == [str(2**60 + 1), None, "3"]
    assert table.frame.isna().iloc[1].tolist() == [False, True, True, True, True, True, True]
    assert table.frame.index.tolist() == [0, 1, 2]


def test_csv_and_jsonl_are_strings(tmp_path):
    (tmp_path / "a.csv").write_text("id,x\n01,NA\n", "utf-8")
    (tmp_path / "a.jsonl").write_text('{"id": "01", "x": 3}\n', "utf-8")
    assert read_table(tmp_path / "a.csv").frame.to_dict("list") == {"id": ["01"], "x": ["NA"]}
    assert read_table(tmp_path / "a.jsonl").frame.to_dict("list") == {"id": ["01"], "x": ["3"]}


def test_odd_types_are_brought_home(tmp_path):
    columns = {
        "decimal": pa.array(["1.50", None], pa.string()).cast(pa.decimal128(9, 2)),
        "half": pa.array(np.array([1, 2], dtype=np.float16)),
        "date": pa.array([0, 1], pa.int32()).cast(pa.date32()),
        "span": pa.array([1500, None], pa.duration("ms")),
        "time": pa.array([60, 120], pa.time32("s")),
        "nothing": pa.nulls(2),
        "zone": pa.array([0, 1], pa.timestamp("us", tz="Asia/Tokyo")),
    }
    pa.feather.write_feather(pa.table(columns), str(tmp_path / "odd.feather"))
    frame = read_table(tmp_path / "odd.feather").frame
    assert frame["decimal"].tolist()[0] == "1.50"
    assert frame["span"].tolist()[0] == 1.5
    assert frame["half"].tolist() == [1, 2]
    assert frame["date"].dt.day.tolist() == [1, 2]
    assert frame["nothing"].isna().all()


def test_nested_columns_are_refused_by_name(tmp_path):
    parquet.write_table(pa.table({"a": [1], "tags": [[["x"]]], "raw": [{"x": 1}]}), tmp_path / "n.parquet")
    with pytest.raises(DataError) as refused:
        read_table(tmp_path / "n.parquet")
    assert refused.value.code == "nested-column"
    assert '"tags"' in refused.value.found
    assert '"raw"' in refused.value.found


@pytest.mark.parametrize("name", ["x.parquet", "x.feather", "x.csv", "x.jsonl"])
def test_a_cut_file_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"PAR1\x00\x01\x02\x03")
    with pytest.raises(DataError) as refused:
        read_table(tmp_path / name)
    assert name in refused.value.where


@pytest.mark.parametrize("cut", [4, 40, 400, -10])
def test_a_truncated_parquet_is_refused(tmp_path, cut):
    path = tmp_path / "t.parquet"
    FRAME.to_parquet(path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DataError):
        read_table(path)


def test_a_text_that_is_no_utf8_is_refused(tmp_path):
    broken = pa.array([b"fine", b"\xff"]).view(pa.string())
    parquet.write_table(pa.table({"word": broken}), tmp_path / "b.parquet")
    with pytest.raises(DataError, match="unreadable-table"):
        read_table(tmp_path / "b.parquet")


def test_names_that_are_no_table_are_refused(tmp_path):
    (tmp_path / "labs.csv").write_text("a\n1\n", "utf-8")
    (tmp_path / "book.xlsx").write_text("a", "utf-8")
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    for name, code in [("lab.csv", "no-such-table"), ("book.xlsx", "unknown-format"), ("folder.csv", "unusable-folder"),
                       ("pipe.csv", "no-such-table"), ("no/where.csv", "no-such-table"),
                       ("n\0l.csv", "no-such-table")]:  # fmt: skip
        with pytest.raises(DataError) as refused:
            read_table(tmp_path / name)
        assert refused.value.code == code
        if name == "lab.csv":
            assert "labs.csv" in refused.value.remedy


def test_frames_keep_their_values_and_lose_their_index():
    table = from_frame(FRAME)
    assert table.frame.index.tolist() == [0, 1, 2]
    assert list(table.frame.dtypes) == list(FRAME.dtypes)
    assert list(from_frame(pd.DataFrame({1: [2], ("a", "b"): [3]})).frame.columns) == ["1", "a_b"]
    assert list(from_frame(np.eye(2)).frame.columns) == ["0", "1"]
    with pytest.raises(DataError, match="duplicate-column"):
        from_frame(pd.DataFrame([[1, 2]], columns=[1, "1"]))
    with pytest.raises(DataError, match="not-a-table"):
        from_frame(np.arange(3))


def test_numbers_of_a_frame_are_shared_not_copied():
    values = np.random.default_rng(0).normal(size=(100, 3))
    table = from_frame(values)
    assert np.shares_memory(table.frame["0"].to_numpy(), values)
