"""A series out of a cell or a file: read whole, or refused with a reason."""

import io

import numpy as np
import pytest

from polymodal.core import DataError
from polymodal.data import traces
from polymodal.data.traces import from_bytes, from_cell


def saved(values: np.ndarray, **options: object) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values, **options)
    return stream.getvalue()


@pytest.mark.parametrize(
    "cell",
    [[1, 2.5, None], (1, 2.5, np.nan), np.array([1, 2.5, np.inf]), "1 2.5 NaN", "[1, 2.5, null]", "1;2.5;NA",
     "1|2.5|nan"],
    ids=repr,
)  # fmt: skip
def test_a_cell_may_write_its_numbers_in_many_ways(cell: object) -> None:
    np.testing.assert_array_equal(
        from_cell(np.array(cell, float) if isinstance(cell, list) else cell), [1, 2.5, np.nan]
    )


def test_a_list_of_lists_is_steps_by_channels() -> None:
    assert from_cell([[1, 2], [3, 4], [5, 6]]).shape == (3, 2)


def test_a_number_is_a_series_of_one_step() -> None:
    assert from_cell(7).tolist() == [7.0]


@pytest.mark.parametrize("values", [np.arange(6.0), np.arange(6).reshape(3, 2), np.array([1, 0, 1], dtype=bool)])
def test_a_file_of_numpy_gives_back_what_was_saved(values: np.ndarray) -> None:
    np.testing.assert_array_equal(from_bytes(saved(values)), values.astype(float))


@pytest.mark.parametrize(
    "text",
    ["x,y\n1,2\n3,NaN\n", "1 2\n3 nan", "\ufeff1;2\r\n3;\r\n", "# a sensor\n1\t2\n\n3\tNA\n", "1, 2\n3, \n"],
    ids=repr,
)
def test_a_file_of_text_has_a_line_for_each_step(text: str) -> None:
    np.testing.assert_array_equal(from_bytes(text.encode()), [[1, 2], [3, np.nan]])


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (saved(np.array([{}], dtype=object), allow_pickle=True), "series-pickle"),
        (saved(np.arange(9.0))[:-8], "series-truncated"),
        (saved(np.arange(9.0))[:9], "series-format"),
        (saved(np.arange(9.0)).replace(b"(9,)", b"((9,"), "series-format"),
        (saved(np.zeros((2, 2, 2))), "series-shape"),
        (saved(np.array(["a"])), "series-not-numbers"),
        (saved(np.array([1j])), "series-not-numbers"),
        (saved(np.full(3, np.nan)), "series-empty"),
        (saved(np.zeros((0, 2))), "series-empty"),
        (b"\xff\xfe\x00\x01", "series-format"),
        (b"1 2\n3\n", "series-ragged"),
        (b"1 2\n3 x\n", "series-not-numbers"),
        (b"a,b\n", "series-empty"),
        (b"\n\n", "series-empty"),
    ],
)
def test_what_is_no_series_is_refused_by_name(content: bytes, code: str) -> None:
    with pytest.raises(DataError) as caught:
        from_bytes(content)
    assert caught.value.code == code
    assert caught.value.found


@pytest.mark.parametrize(
    ("cell", "code"),
    [("scan.png", "series-not-numbers"), ([[1, 2], [3]], "series-ragged"), ("[]", "series-empty"), ({}, None)],
)
def test_a_cell_that_is_no_series_is_refused(cell: object, code: str | None) -> None:
    with pytest.raises(DataError) as caught:
        from_cell(cell)
    assert code is None or caught.value.code == code


def test_too_many_numbers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "MOST_VALUES", 5)
    with pytest.raises(DataError, match="holds 6 numbers, the limit is 5"):
        from_cell(np.arange(6))
