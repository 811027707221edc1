import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from polymodal.core import DataError, GateError
from polymodal.data import findings
from polymodal.data.findings import CODES, Roles, examine, inseparable, refuse
from polymodal.data.joins import JoinReport
from polymodal.data.splits import Split, SplitPlan, make_split
from polymodal.data.tables import from_frame

ROWS = 60


@pytest.fixture
def frame() -> pd.DataFrame:
    generator = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "patient": np.arange(ROWS) // 2,
            "a": generator.normal(size=ROWS),
            "b": generator.normal(size=ROWS),
            "c": generator.normal(size=ROWS),
            "y": np.arange(ROWS) % 2,
        }
    )


SPLIT = Split(np.arange(40), np.arange(40, 50), np.arange(50, ROWS))


def codes(frame, inputs=("a", "b", "c"), **rest):
    roles = Roles({"table": list(inputs)}, {"task": "y"}, rest.pop("id", None), rest.pop("group", None))
    return {one.code: one for one in examine(from_frame(frame), roles, rest.pop("split", SPLIT), **rest)}


@pytest.mark.parametrize(
    ("column", "told"), [("patient", False), ("name", True), ("b", False), ("site", False), ("none", False)]
)
def test_a_nuisance_that_no_two_rows_share_is_warned_of(frame, column, told):
    frame["name"] = [f"row {row}" for row in range(ROWS)]
    frame["site"], frame["none"] = ["x", "y", "z"] * (ROWS // 3), None
    roles = Roles({"table": ["a"]}, {"task": "y"}, kept_out={"scrub": column})
    assert ("nuisance-unrepeated" in {one.code for one in examine(from_frame(frame), roles, SPLIT)}) is told


def test_a_row_of_many_answers_may_be_the_only_one_in_training():
    frame = pd.DataFrame({"x": ["1", "2", "3"], "y": ["a;b", "a;b", "b;b"]})
    split = Split(np.array([0]), np.array([1]), np.array([2]))
    for lists, wanted in (((), True), (("t",), False)):
        roles = Roles({"m": ["x"]}, {"t": "y"}, free=["t"], lists=lists)
        assert ("one-class" in {one.code for one in examine(from_frame(frame), roles, split)}) is wanted


def test_every_code_is_listed():
    source = Path(findings.__file__).read_text()
    written = set(re.findall(r'"([a-z]+(?:-[a-z]+)+)"', source))
    straddling = {f"{code}-of-validation" for code in ("group-on-both-sides", "same-file-on-both-sides",
                                                       "same-row-on-both-sides")}  # fmt: skip
    assert written | straddling == CODES


def test_a_modality_that_is_hidden_may_hold_the_target(frame):
    inputs, targets = {"table": ["a"], "drawn": ["y"]}, {"draw": "y"}
    told = {
        hidden: [one.code for one in examine(from_frame(frame), Roles(inputs, targets, hidden={"draw": hidden}), SPLIT)]
        for hidden in ((), ("table",), ("drawn",))
    }
    assert told == {(): ["target-among-inputs"], ("table",): ["target-among-inputs"], ("drawn",): []}
    both = Roles(inputs, targets | {"say": "y"}, hidden={"draw": ["drawn"]})
    (found,) = examine(from_frame(frame), both, SPLIT)
    assert '"say"' in found.message
    assert "hides: [drawn]" in found.remedy


def test_texts_and_pictures_are_no_classes(frame):
    frame["y"] = [f"text number {row}" for row in range(ROWS)]
    assert "few-rows-per-class" in codes(frame)
    assert examine(from_frame(frame), Roles({"table": ["a"]}, {"task": "y"}, free=["task"]), SPLIT) == []


def test_grades_outside_the_order_are_told(frame):
    frame["y"] = np.array(["u", "v", "w"])[np.arange(ROWS) % 3]
    roles = Roles({"table": ["a"]}, {"task": "y"}, orders={"task": ["u", "v"]})
    (found,) = examine(from_frame(frame), roles, SPLIT)
    assert (found.code, len(found.rows)) == ("label-outside-order", 20)
    assert ": w" in found.message


def test_an_id_that_comes_twice_is_told(frame):
    frame["case"] = np.arange(ROWS)
    assert codes(frame, id="case") == {}
    frame.loc[7, "case"] = 3
    assert codes(frame, id="case")["repeated-id"].rows.tolist() == [3, 7]
    assert "repeated-id" not in codes(frame, id="case", group="patient")


def test_a_sound_table_has_no_findings(frame):
    assert codes(frame, group="patient") == {}


def test_grades_in_words_without_an_order_are_told(frame):
    roles = Roles({"table": ["a"]}, {"task": "y"}, orders={"task": None})
    assert not examine(from_frame(frame), roles, SPLIT)
    frame["y"] = np.array(["low", "middle", "high"])[np.arange(ROWS) % 3]
    (found,) = examine(from_frame(frame), roles, SPLIT)
    assert (found.code, found.severity) == ("order-by-letter", "warning")
    assert "high < low < middle" in found.message


def test_a_group_on_both_sides(frame):
    frame["patient"] = np.arange(ROWS) % 7
    found = codes(frame, group="patient")["group-on-both-sides"]
    assert found.severity == "error"
    assert set(found.rows) == set(range(50, ROWS))


def test_the_same_row_on_both_sides_and_how_to_keep_it_together(frame):
    frame.loc[55, ["a", "b", "c"]] = frame.loc[3, ["a", "b", "c"]]
    found = codes(frame)["same-row-on-both-sides"]
    assert found.rows.tolist() == [55]
    table, roles = from_frame(frame), Roles({"table": ["a", "b", "c"]}, {"task": "y"})
    for seed in range(5):
        split = make_split(table, SplitPlan(seed=seed), together=inseparable(table, roles))
        assert examine(table, roles, split) == []


def test_the_same_file_on_both_sides(frame, tmp_path):
    for number in range(ROWS):
        (tmp_path / f"{number}.png").write_bytes(b"same" if number in {1, 52} else bytes([number]))
    names = [f"{number}.png" if number != 5 else None for number in range(ROWS)]
    table, roles = from_frame(frame, files=tmp_path), Roles({"table": ["a"]}, {"task": "y"})
    found = examine(table, roles, SPLIT, files={"scan": names})
    assert [(one.code, one.rows.tolist()) for one in found] == [("same-file-on-both-sides", [52])]
    split = make_split(table, SplitPlan(), together=inseparable(table, roles, {"scan": names}))
    assert examine(table, roles, split, files={"scan": names}) == []


def test_the_same_content_in_cells_is_a_file_on_both_sides_too(frame, tmp_path):
    held = [b"same" if number in {1, 52} else bytes([number]) for number in range(ROWS)]
    (tmp_path / "54.png").write_bytes(b"same")
    held[54], held[5] = "54.png", None
    roles = Roles({"table": ["a"]}, {"task": "y"})
    found = examine(from_frame(frame, files=tmp_path), roles, SPLIT, files={"scan": held})
    assert [(one.code, one.rows.tolist()) for one in found] == [("same-file-on-both-sides", [52, 54])]


@pytest.mark.parametrize(
    ("change", "inputs", "code"),
    [(lambda frame: frame, ["a", "y"], "target-among-inputs"), (lambda frame: frame, ["a", "key"], "id-among-inputs"),
     (lambda frame: frame.assign(d=frame["y"]), ["d"], "column-equals-target"),
     (lambda frame: frame.assign(d=frame["y"].map({0: "no", 1: "yes"})), ["d"], "column-equals-target")],
)  # fmt: skip
def test_a_leak_closes_the_gate_unless_it_is_allowed(frame, change, inputs, code):
    made = change(frame.assign(key=np.arange(ROWS)))
    found = codes(made, inputs, id="key")
    assert found[code].severity == "error"
    with pytest.raises(GateError) as refused:
        refuse(list(found.values()))
    assert code in str(refused.value)
    accepted = codes(made, inputs, id="key", allow=[code])[code]
    assert accepted.accepted
    assert accepted.as_dict()["accepted"] is True
    refuse([accepted])


def test_one_class_is_an_error_of_the_data(frame):
    frame["y"] = 1
    found = codes(frame)
    assert list(found) == ["one-class"]
    with pytest.raises(DataError) as refused:
        refuse(list(found.values()))
    assert refused.value.exit_code == 4
    frame["y"] = None
    assert "one-class" in codes(frame)


def test_what_is_worth_a_warning(frame):
    frame["none"], frame["same"] = None, "x"
    frame.loc[[2, 51], "a"] = np.inf
    frame["text"] = frame["b"].astype(str)
    frame.loc[4, "text"] = "-Inf"
    frame.loc[:2, "y"] = 2
    frame.loc[58:, "y"] = 3
    found = codes(frame, ("a", "none", "same", "text"))
    assert {one.severity for one in found.values()} == {"warning"}
    assert set(found) == {
        "infinite-values", "all-missing-column", "constant-column", "few-rows-per-class", "class-unseen-in-training",
    }  # fmt: skip
    assert found["class-unseen-in-training"].rows.tolist() == [58, 59]
    refuse(list(found.values()))


def test_a_word_is_not_infinite(frame):
    frame["note"] = [f"seen on day {day} by the nurse of the ward" for day in range(ROWS)]
    frame["drug"] = np.where(np.arange(ROWS) % 3, "none", "aspirin")
    frame.loc[[5, 44], ["note", "drug"]] = "inf"
    assert codes(frame, ("a", "note", "drug")) == {}
    frame["a"] = frame["a"].astype(str).replace(frame["a"].astype(str)[7], "Infinity")
    assert codes(frame, ("a", "note"))["infinite-values"].rows.tolist() == [7]


def test_numbers_that_mean_missing_and_limits_are_told(frame):
    frame["b"] = frame["b"].round(2)
    frame.loc[[2, 30, 58], "b"] = -999
    frame["c"] = [f"{value:.2f}" for value in np.abs(frame["c"]) + 1]
    frame.loc[[4, 5], "c"] = "<0.5"
    found = codes(frame)
    assert set(found) == {"number-that-means-missing", "limits-among-numbers"}
    assert found["number-that-means-missing"].rows.tolist() == [2, 30, 58]
    assert found["limits-among-numbers"].rows.tolist() == [4, 5]
    table = from_frame(frame, missing=("", "-999", "<0.5"))
    assert examine(table, Roles({"table": ["a", "b", "c"]}, {"task": "y"}), SPLIT) == []


def test_a_target_has_marks_too(frame):
    frame["y"] = frame["a"].round(3)
    frame.loc[[2, 30, 58], "y"] = -999.0
    found = codes(frame, ("b", "c"))
    assert set(found) == {"number-that-means-missing"}
    assert found["number-that-means-missing"].where == 'target "y" of task "task"'


@pytest.mark.parametrize(
    "values", [[97, 98, 99, 99, 99], [9, 9, 9, 1, 2], [99, 99, 99, 99, 99], [-99.5, -99.5, -99.5, 1, 2]]
)
def test_a_high_number_is_no_mark(frame, values):
    frame["b"] = np.resize(values, ROWS)
    assert "number-that-means-missing" not in codes(frame)


def test_joins_that_meet_nobody(frame):
    few = JoinReport("labs", "id", matched=3, unmatched=57, unnamed=0, unused=9)
    assert codes(frame, joins=[few])["few-join-matches"].severity == "warning"
    none = JoinReport("labs", "id", matched=0, unmatched=60, unnamed=0, unused=9)
    assert codes(frame, joins=[none])["no-join-matches"].severity == "error"
    fine = JoinReport("labs", "id", matched=50, unmatched=10, unnamed=0, unused=0)
    assert codes(frame, joins=[fine]) == {}


def test_validation_that_saw_training_is_a_warning(frame):
    frame["patient"] = np.where(np.arange(ROWS) < 50, np.arange(ROWS) % 5, 99)
    found = codes(frame, group="patient")
    assert [(one.code, one.severity) for one in found.values()] == [("group-on-both-sides-of-validation", "warning")]


def test_the_reviews_are_examined_without_errors(real_data):
    from polymodal.data.tables import read_table

    table = read_table(real_data("womens_clothing") / "womens_clothing.parquet")
    inputs = {"text": ["Title", "Review Text"], "table": ["Age", "Positive Feedback Count"]}
    roles = Roles(inputs, {"recommended": "Recommended IND", "department": "Department Name"}, group="Clothing ID")
    split = make_split(table, SplitPlan(test=0.1, seed=42), "Clothing ID", inseparable(table, roles))
    assert abs(len(split.test) / len(table) - 0.1) < 0.01
    assert examine(table, roles, split) == []


def test_labels_that_share_a_cell_are_counted_one_by_one(frame):
    frame["y"] = np.where(np.arange(ROWS) % 2, "red; round", np.where(np.arange(ROWS) % 4, "red", ";"))
    frame.loc[[3, 59], "y"] = "round;rare"
    table = from_frame(frame)
    together = Roles({"m": ["a"]}, {"look": "y"})
    apart = Roles({"m": ["a"]}, {"look": "y"}, separators={"look": ";"})
    told = [" ".join(found.message for found in examine(table, roles, SPLIT)) for roles in (together, apart)]
    assert "round;rare (1)" in told[0]
    assert "rare (1)" in told[1]
    assert "round;rare" not in told[1]


def test_a_warning_that_is_allowed_is_not_told(frame):
    frame["a"] = 1
    assert "constant-column" in codes(frame)
    assert "constant-column" not in codes(frame, allow=["constant-column"])


def test_numbers_that_a_few_words_turn_into_words_are_told(frame):
    written = [f"{place},5" for place in range(ROWS)]
    for place, word in zip(range(0, ROWS, 6), ["haem.", "n.b.", "k.A."] * ROWS, strict=False):
        written[place] = word
    found = codes(frame.assign(a=written))
    assert found["numbers-among-words"].severity == "warning"
    assert '"haem."' in found["numbers-among-words"].message
    assert "numbers-among-words" not in codes(frame.assign(a=[f"{place},5" for place in range(ROWS)]))
    assert "numbers-among-words" not in codes(frame.assign(a=[f"word {place}" for place in range(ROWS)]))


def test_a_column_of_nothing_but_infinities_is_told_and_stops_nothing(frame):
    frame["b"] = np.where(np.arange(ROWS) % 3, np.inf, -np.inf)
    assert set(codes(frame)) == {"infinite-values"}
