"""A table is known again by its content, lacks what it lacks, and is found from wherever the run stands."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from polymodal import run
from polymodal.core import DataError
from polymodal.data import inference
from polymodal.data.base import DataTable
from polymodal.data.tables import read_table
from polymodal.data.tabular import TableColumn
from polymodal.run.tables import divide, fingerprint, open_source, read_source, with_absent
from polymodal.spec import Spec
from polymodal.tasks.targets import LabelColumn
from tests.run.small import cohort, spec


def test_any_change_of_content_changes_the_fingerprint():
    frame = cohort()
    frame.loc[4, ["age", "note"]] = [61.5, "as before"]
    known = fingerprint(DataTable(frame))
    assert fingerprint(DataTable(frame.copy())) == known
    for change in (
        lambda made: made.assign(age=made["age"].mask(made.index == 4)),
        lambda made: made.assign(note=made["note"].mask(made.index == 4, "other")),
        lambda made: made.rename(columns={"age": "years"}),
        lambda made: made.iloc[:-1],
        lambda made: made.iloc[::-1].reset_index(drop=True),
    ):
        assert fingerprint(DataTable(change(frame))) != known


def test_mixed_cells_have_a_fingerprint():
    frame = pd.DataFrame({"cell": pd.Series([1, "one", None, np.zeros(3)], dtype=object)})
    assert fingerprint(DataTable(frame)) == fingerprint(DataTable(frame.copy()))


def test_a_modality_that_is_wholly_gone_is_absent_and_a_torn_one_is_not_mended():
    readers = {"labs": TableColumn(["age", "dose"]), "note": LabelColumn("note")}
    table = with_absent(DataTable(pd.DataFrame({"age": ["1", "2"]})), readers)
    assert table.column("note").isna().all()
    assert "dose" not in table.frame.columns
    assert with_absent(table, readers) is table


def test_an_empty_table_is_refused(folder):
    (folder / "cohort.csv").write_text("patient,age,dose,drug,note,sick,score,signs\n")
    with pytest.raises(DataError, match="rows"):
        read_source(spec(folder), folder / "cohort.csv")


def test_the_settled_spec_finds_its_table_from_the_run(folder):
    source = open_source(spec(folder), folder / "runs" / "first")
    assert source.spec.data.table == "../../cohort.csv"
    assert source.spec.path(source.spec.data.table).parts[-4:] == ("first", "..", "..", "cohort.csv")


def test_a_column_to_draw_by_that_is_not_there_is_told_before_training(folder):
    source = open_source(spec(folder, "train.together=drugs"), folder)
    with pytest.raises(DataError, match='expected: a column "drugs"'):
        divide(source, source.spec.build())


def test_a_folder_is_a_table_from_init_to_the_files_wherever_the_run_stands(tmp_path):
    for place in range(20):
        folder = tmp_path / "pictures" / ("dark" if place % 2 else "light")
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), 10 * place).save(folder / f"{place}.png")
    proposal = inference.propose(read_table(tmp_path / "pictures"), ["folder_1"])
    del proposal["reasons"]
    assert proposal["modalities"] == {"file": {"type": "image", "column": "file"}}
    source = open_source(Spec.from_dict(proposal, tmp_path), tmp_path / "run")
    assert source.spec.data.table == source.spec.data.files == "../pictures"
    division, findings = divide(source, source.spec.build())
    assert len(division.split.test) == 4
    assert not [one for one in findings if one.severity == "error"]
    names = source.table.column("file")
    assert all((source.table.files / name).is_file() for name in names)


def test_labels_are_joined_to_a_folder_by_the_names_of_files(tmp_path):
    (tmp_path / "clips").mkdir()
    for name in ("b.wav", "a.wav"):
        (tmp_path / "clips" / name).write_bytes(b"x")
    (tmp_path / "labels.csv").write_text("file,mood\nb.wav,joy\na.wav,fear\n", "utf-8")
    given = {
        "version": 1,
        "data": {"table": "clips", "join": [{"table": "labels.csv", "on": "file"}]},
        "modalities": {"clip": {"type": "audio", "column": "file"}},
        "tasks": {"mood": {"type": "binary", "target": "mood"}},
    }
    table, _ = read_source(Spec.from_dict(given, tmp_path), tmp_path / "clips")
    assert table.column("mood").tolist() == ["fear", "joy"]
    assert table.files == tmp_path / "clips"


def test_an_id_of_two_columns_and_new_names_are_kept_in_the_settled_spec(tmp_path):
    spots = pd.DataFrame({"section": ["a", "a", "b"] * 10, "spot": list(range(30)), "depth": range(30), "x": range(30)})
    spots.to_csv(tmp_path / "spots.csv", index=False)
    told = spots.rename(columns={"section": "slice"}).assign(x=0, layer=["L1", "L2", "L1"] * 10)
    told.drop(columns="depth").sample(frac=1, random_state=0).to_csv(tmp_path / "layers.csv", index=False)
    other = {"table": "layers.csv", "on": ["section", "spot"], "rename": {"slice": "section", "x": "column"}}
    given = {
        "version": 1,
        "data": {"table": "spots.csv", "join": [other]},
        "modalities": {"spot": {"type": "table", "columns": ["depth"]}},
        "tasks": {"layer": {"type": "binary", "target": "layer"}},
    }
    source = open_source(Spec.from_dict(given, tmp_path), tmp_path / "runs" / "first")
    assert source.table.column("layer").tolist() == ["L1", "L2", "L1"] * 10
    assert source.joins[0].unmatched == 0
    kept = source.spec.to_dict()["data"]["join"]
    assert kept == [other | {"table": "../../layers.csv"}]


@pytest.fixture
def stacked(tmp_path):
    """A spec of two tables: people who are in both are seen by one and asked by the other."""
    draw = np.random.default_rng(0)
    first = {"person": [f"p{row // 2}" for row in range(80)], "x": draw.normal(size=80), "sick": np.arange(80) % 2}
    second = {"person": [f"p{row}" for row in range(40)], "x": draw.normal(size=40), "dose": draw.normal(size=40)}
    pd.DataFrame(first).to_csv(tmp_path / "a.csv", index=False)
    pd.DataFrame(second).assign(part=np.where(np.arange(40) % 4, "train", "test")).to_parquet(tmp_path / "b.parquet")
    text = """\
data:
  tables: {a: {table: a.csv, times: 2}, b: {table: b.parquet, split: {column: part, test: [test]}}}
  group: person
modalities: {x: {type: table, columns: [x]}}
tasks:
  sick: {type: binary, target: sick, from: a}
  dose: {type: regression, target: dose, from: b}
train: {epochs: 1, members: 1, batch_size: 16}
"""
    return Spec.from_text(text, tmp_path)


def test_people_of_several_tables_stay_on_one_side(stacked, tmp_path):
    source = open_source(stacked, tmp_path)
    parts = source.spec.build()
    division, findings = divide(source, parts)
    people = source.table.column("person").to_numpy()
    sides = [set(people[rows]) for rows in (division.split.train, division.split.validation, division.split.test)]
    assert sum(map(len, sides)) == len(set().union(*sides))
    assert findings == []
    assert sides[2] == {f"p{row}" for row in range(0, 40, 4)}
    assert np.unique(division.times[:80]).tolist() == [2.0]
    assert source.table.column("dose").isna().sum() == 80


def test_several_tables_train_move_and_predict(stacked, tmp_path):
    told = run.fit(stacked, tmp_path / "run")
    assert told["tasks"]["sick"]["n"] == 20
    assert told["tasks"]["dose"]["n"] == 10
    assert run.evaluate(tmp_path / "run")["tasks"]["dose"]["n"] == 10
    again = run.evaluate(tmp_path / "run", tmp_path / "a.csv")
    assert again["tasks"]["sick"]["n"] == 80
    assert again["tasks"]["dose"]["n"] == 0
