"""Boxes: what a cell may hold, what is refused and why, and average precision against a slow reference and by hand."""

import json

import numpy as np
import pandas as pd
import pytest

from polymodal.core import DataError
from polymodal.core.seeding import numpy_generator
from polymodal.data.base import DataTable
from polymodal.modalities import Image
from polymodal.tasks.boxes import BoxColumn, average_precision, matched, overlaps

CAR = [0.1, 0.2, 0.6, 0.9, "car"]


def table_of(*cells: object) -> DataTable:
    return DataTable(pd.DataFrame({"boxes": pd.Series(list(cells), dtype=object)}))


def read(column: BoxColumn, table: DataTable):
    cells = column.read(table)
    values, more = column.collate(cells, np.arange(len(table)))
    return values, [*cells.refusals, *more]


def fitted(*cells: object, names: list[str] | None = None) -> BoxColumn:
    column, table = BoxColumn("boxes", "view", names), table_of(*cells)
    column.fit(table, np.arange(len(table)))
    return column


def test_lists_arrays_and_json_hold_the_same_boxes() -> None:
    sign = [0, 0, 1, 0.5, 3]
    cells = ([CAR, sign], json.dumps([CAR, sign]), np.array([CAR, sign], dtype=object), [], "[]", "", None)
    column = fitted(*cells)
    assert column.classes == ["3", "car"]
    assert column.counts == [3, 3]
    values, refused = read(column, table_of(*cells))
    assert refused == []
    assert values.present.tolist() == [True] * 5 + [False] * 2
    target = values.data["target"][values.index[:5]]
    np.testing.assert_allclose(target[:3], [[[0.1, 0.2, 0.6, 0.9, 1], [0, 0, 1, 0.5, 0]]] * 3, atol=1e-7)
    assert target[3:].isnan().all()


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("[[0.1", "no JSON list"),
        ("[" * 100_000, "no JSON list"),
        ("7", "is a int"),
        ({"left": 1}, "is a dict"),
        ([[0.1, 0.2, 0.3, 0.4]], r"\(1 of 1\) that is not \[left"),
        ([CAR, [0.1, float("nan"), 0.3, 0.4, "car"]], r"\(2 of 2\) whose sides are not four numbers"),
        ([[True, 0.1, 0.3, 0.4, "car"]], "whose sides are not four numbers"),
        ([["0.1", 0.1, 0.3, 0.4, "car"]], "whose sides are not four numbers"),
        ([[10, 20, 60, 90, "car"]], "pixels divided by width and height"),
        ([[0.6, 0.2, 0.1, 0.9, "car"]], "right and bottom come after left and top"),
        ([[1.2, 0.2, 1.5, 0.9, "car"]], "of no width or height within the picture"),
        ([[0.1, 0.2, 0.6, 0.9, "cat"]], 'of class "cat", which no training row has'),
        ([CAR] * 1001, "holds 1,001 boxes; 1,000 are the most"),
    ],
)
def test_what_cannot_be_used_is_refused_by_row(cell: object, reason: str) -> None:
    column = fitted([CAR], [CAR])
    values, (refusal,) = read(column, table_of([CAR], cell))
    assert values.present.tolist() == [True, False]
    assert refusal.row == 1
    assert refusal.column == "boxes"
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(refusal.reason)


def test_what_leaves_the_picture_a_little_is_cut() -> None:
    values, refused = read(fitted([CAR]), table_of([[-0.1, 0.2, 0.6, 1.05, "car"]]))
    assert refused == []
    np.testing.assert_allclose(values.data["target"][0, 0, :4], [0, 0.2, 0.6, 1.0])


def test_training_rows_without_a_box_are_an_error_and_names_hold_what_is_not_there() -> None:
    with pytest.raises(DataError, match="no-boxes"):
        fitted([], "")
    column = fitted([CAR], names=["bus", "car"])
    assert column.classes == ["bus", "car"]
    assert column.counts == [0, 1]
    again = BoxColumn("boxes", "view", ["bus", "car"])
    again.restore(json.loads(json.dumps(column.state())))
    assert again.state() == column.state()


@pytest.mark.parametrize("padded", [True, False])
def test_padded_pictures_have_other_sides_than_boxes(padded: bool) -> None:
    pictures = [np.full((8, 16, 3), 10 * row, dtype=np.uint8) for row in range(4)]
    table = DataTable(pd.DataFrame({"view": pd.Series(pictures), "boxes": pd.Series([[CAR]] * 4)}))
    view, column = Image("view", size=8, padded=padded), fitted([CAR])
    view.reader.fit(table, np.arange(4))
    inputs = {"view": (view.reader, view.reader.read(table))}
    if padded:
        with pytest.raises(DataError, match="boxes-misfit"):
            column.beside(column.read(table), inputs)
    else:
        assert column.beside(column.read(table), inputs).present.all()


def test_overlap_by_hand() -> None:
    one = np.array([[0.0, 0.0, 0.5, 0.5], [0.9, 0.9, 1.0, 1.0]])
    other = np.array([[0.0, 0.0, 0.5, 0.5], [0.25, 0.0, 0.75, 0.5]])
    np.testing.assert_allclose(overlaps(one, other), [[1.0, 1 / 3], [0.0, 0.0]])
    assert overlaps(np.zeros((0, 4)), other).shape == (0, 2)


def test_a_true_box_is_found_once_and_the_surest_takes_it() -> None:
    true = np.array([[0, 0, 0.5, 0.5, 0], [0.5, 0.5, 1, 1, 1]])
    told = np.array(
        [
            [0, 0, 0.5, 0.45, 0, 0.6],  # right, but the next one is surer
            [0, 0, 0.5, 0.5, 0, 0.9],
            [0.5, 0.5, 1, 1, 0, 0.8],  # right place, wrong class
            [0.8, 0.8, 1, 1, 1, 0.7],  # covers too little
        ]
    )
    assert matched(told, true).tolist() == [[0, 0.9, 1], [0, 0.8, 0], [1, 0.7, 0], [0, 0.6, 0]]
    assert matched(np.zeros((0, 6)), true).shape == (0, 3)
    assert matched(told, np.zeros((0, 5)))[:, 2].sum() == 0


def slow(counts: np.ndarray, found: list[np.ndarray], kind: int) -> float:
    """The area under the curve, point by point, from its definition."""
    every = sorted([tuple(box) for each in found for box in each if box[0] == kind], key=lambda box: -box[1])
    total, points, right = counts[:, kind].sum(), [], 0
    for said, box in enumerate(every, start=1):
        right += int(box[2])
        points.append((right / total, right / said))
    area, before = 0.0, 0.0
    for recall, _ in points:
        area += (recall - before) * max(precision for other, precision in points if other >= recall)
        before = recall
    return area


def test_average_precision_is_that_of_its_definition_and_counts_rows_by_their_weights() -> None:
    draw = numpy_generator(0, "boxes")
    found = np.empty(30, dtype=object)
    counts = np.zeros((30, 3))
    for row in range(30):
        hits = draw.integers(0, 2, draw.integers(0, 6))
        kinds = draw.integers(0, 2, len(hits))
        found[row] = np.column_stack([kinds, draw.random(len(hits)), hits]).reshape(-1, 3)
        counts[row, :2] = [(hits[kinds == kind]).sum() + draw.integers(0, 2) for kind in range(2)]
    whole = average_precision(counts, found, np.ones((1, 30)))
    assert np.isnan(whole[0, 2])
    for kind in range(2):
        assert whole[0, kind] == pytest.approx(slow(counts, list(found), kind))
    weights = draw.integers(0, 3, (4, 30)).astype(float)
    many = average_precision(counts, found, weights)
    for place, each in enumerate(weights):
        rows = np.repeat(np.arange(30), each.astype(int))
        assert many[place, 0] == pytest.approx(slow(counts[rows], [found[row] for row in rows], 0), abs=0.02)


def test_perfect_answers_have_one_and_none_have_nothing() -> None:
    hits = np.empty(2, dtype=object)
    hits[:] = [np.array([[0, 0.9, 1.0]]), np.array([[0, 0.8, 1.0]])]
    assert average_precision(np.ones((2, 1)), hits, np.ones((1, 2))).tolist() == [[1.0]]
    nothing = np.empty(2, dtype=object)
    nothing[:] = [np.zeros((0, 3))] * 2
    assert average_precision(np.ones((2, 1)), nothing, np.ones((1, 2))).tolist() == [[0.0]]
