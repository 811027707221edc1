"""Parts of type auto become what their columns hold."""

import pandas as pd
import pytest

from polymodal.core import SpecError
from polymodal.data.base import DataTable
from polymodal.run.settling import settle
from polymodal.spec import Spec
from tests.run.small import cohort


def automatic(columns: list[str], task: dict | None = None) -> Spec:
    return Spec.from_dict(
        {
            "data": {"table": "cohort.csv"},
            "modalities": {"any": {"type": "auto", "columns": columns}},
            "tasks": {"asked": task or {"type": "auto", "target": "sick", "weight": 0.5}},
        }
    )


def settled(spec: Spec) -> Spec:
    frame = cohort()
    frame["picture"] = pd.Series([f"scans/{place}.png" for place in range(len(frame))])
    return settle(spec, DataTable(frame))


@pytest.mark.parametrize(("columns", "kind"), [(["age", "drug"], "table"), (["note"], "text"), (["picture"], "image")])
def test_the_kind_of_the_columns_decides(columns: list[str], kind: str):
    made = settled(automatic(columns))
    assert made.automatic == []
    assert made.modalities["any"]["type"] == kind
    assert made.tasks["asked"]["type"] == "binary"
    assert made.tasks["asked"]["weight"] == 0.5
    made.build()


def test_mixed_columns_are_named():
    with pytest.raises(SpecError, match=r"note \(text\)"):
        settled(automatic(["age", "note"]))


def test_a_spec_that_leaves_nothing_open_is_returned_as_it_is():
    given = Spec.from_dict(
        {
            "data": {"table": "cohort.csv"},
            "modalities": {"labs": {"type": "table", "columns": ["age"]}},
            "tasks": {"sick": {"type": "binary", "target": "sick"}},
        }
    )
    assert settled(given) is given
