import json

import pandas as pd
import pytest

from polymodal.core import DataError, Refusal
from polymodal.data.ledger import Ledger, apply_policy
from polymodal.data.tables import from_frame

REFUSALS = [Refusal(1, "age", '"old" is no number'), Refusal(3, "scan", "is cut off", "b/3.png")]


def test_each_refusal_is_one_line_however_often_it_is_met(tmp_path):
    ledger = Ledger(tmp_path / "errors.jsonl")
    assert ledger.add([*REFUSALS, REFUSALS[0]]) == 2
    assert ledger.add(REFUSALS) == 0
    lines = [json.loads(line) for line in (tmp_path / "errors.jsonl").read_text("utf-8").splitlines()]
    assert [set(line) for line in lines] == [{"row", "column", "path", "reason", "action"}] * 2
    assert ledger.read() == REFUSALS
    assert len(ledger) == 2


def test_a_resumed_run_goes_on_with_the_same_ledger(tmp_path):
    path = tmp_path / "errors.jsonl"
    Ledger(path).add(REFUSALS)
    path.write_bytes(path.read_bytes()[:-20])
    resumed = Ledger(path)
    assert resumed.read() == REFUSALS[:1]
    assert resumed.add(REFUSALS) == 1
    assert resumed.read() == REFUSALS


def test_nothing_to_say_makes_no_file(tmp_path):
    assert Ledger(tmp_path / "errors.jsonl").add([]) == 0
    assert not (tmp_path / "errors.jsonl").exists()


def test_the_three_policies():
    table = from_frame(pd.DataFrame({"age": ["1", "old", "3", "4"], "scan": list("abcd")}), source="cohort.csv")
    rows, masked = apply_policy(table, REFUSALS, "mask")
    assert rows.tolist() == [0, 1, 2, 3]
    assert masked == REFUSALS
    rows, skipped = apply_policy(table, REFUSALS, "skip")
    assert rows.tolist() == [0, 2]
    assert {refusal.action for refusal in skipped} == {"skipped"}
    with pytest.raises(DataError) as refused:
        apply_policy(table, REFUSALS, "error")
    assert 'cohort.csv, row 1, column "age"' in refused.value.where
    assert len(refused.value.also) == 1
    assert apply_policy(table, [], "error")[0].tolist() == [0, 1, 2, 3]
