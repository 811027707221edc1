"""A table is known again by its content, lacks what it lacks, and is found from wherever the run stands."""

import numpy as np
import pandas as pd
import pytest

from polymodal.core import DataError
from polymodal.data.base import DataTable
from polymodal.data.tabular import TableColumn
from polymodal.run.tables import divide, fingerprint, open_source, read_source, with_absent
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
