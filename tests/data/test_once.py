"""Each distinct value is read once, and rows find theirs in a batch."""

import numpy as np

from polymodal.data.once import among, read_once


def test_each_label_is_read_once_and_labels_with_one_key_are_one_value():
    asked: list[str] = []

    def read(label: str) -> tuple[str, str | None, str]:
        asked.append(label)
        return (label.lower(), label.lower(), "") if label != "bad" else ("", None, "cannot be read")

    code, values, refusals = read_once(["b", "A", None, "bad", "a", "b", "bad"], "word", read)
    assert asked == ["b", "A", "bad", "a"]
    assert values == ["b", "a"]
    assert code.tolist() == [0, 1, -1, -1, 1, 0, -1]
    assert [(refusal.row, refusal.column, refusal.reason) for refusal in refusals] == [
        (3, "word", "cannot be read"),
        (6, "word", "cannot be read"),
    ]
    empty, nothing, _ = read_once([], "word", read)
    assert (len(empty), nothing) == (0, [])


def test_rows_find_their_values_in_a_batch():
    distinct, index = among(np.array([4, -1, 2, 4, 0]), np.array([3, 1, 0, 2]))
    assert distinct.tolist() == [2, 4]
    assert index.tolist() == [1, -1, 1, 0]
    nothing, absent = among(np.array([-1, -1]), np.array([0, 1]))
    assert len(nothing) == 0
    assert absent.tolist() == [-1, -1]
