"""What Python holds becomes what a file could hold, or is refused with its path."""

from pathlib import Path

import numpy as np
import pytest

from polymodal.core import SpecError
from polymodal.spec.plain import plain_source
from polymodal.spec.reading import MAXIMUM_DEPTH


def test_numpy_tuples_and_paths_become_plain():
    given = {"a": np.int32(3), "b": (1, 2), "c": Path("x/y"), "d": np.array([1.5]), "e": np.bool_(True), "f": None}
    made = plain_source(given, "here").data
    assert made == {"a": 3, "b": [1, 2], "c": "x/y", "d": [1.5], "e": True, "f": None}
    assert [type(value) for value in made.values()] == [int, list, str, list, bool, type(None)]


@pytest.mark.parametrize("value", [float("inf"), {1: 2}, {"deep": object()}, 2**63, b"bytes", {3}, 1j])
def test_what_is_not_plain_is_refused_with_its_path(value):
    with pytest.raises(SpecError, match="not-plain-data") as caught:
        plain_source({"train": {"lr": value}}, "here")
    assert "here, train.lr" in str(caught.value)


def test_data_without_end_are_refused():
    endless: dict = {}
    endless["again"] = endless
    with pytest.raises(SpecError, match=f"{MAXIMUM_DEPTH} deep"):
        plain_source(endless, "here")


def test_a_spec_is_a_mapping():
    with pytest.raises(SpecError, match="not-plain-data"):
        plain_source([1, 2], "here")  # type: ignore[arg-type]


def test_the_source_is_a_copy():
    given = {"a": {"b": [1]}}
    made = plain_source(given, "here")
    given["a"]["b"].append(2)
    assert made.data == {"a": {"b": [1]}}
