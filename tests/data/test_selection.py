"""Patterns stand for columns of the table."""

import pytest

from polymodal.core import DataError
from polymodal.data.selection import expand_columns

NAMES = ["id", "age", "csf_tau", "csf_abeta", "score[0]", "target"]


def test_names_and_patterns_in_order_and_once():
    assert expand_columns(["csf_*", "age", "csf_tau"], NAMES) == ["csf_tau", "csf_abeta", "age"]


def test_a_column_that_looks_like_a_pattern_is_itself():
    assert expand_columns(["score[0]"], NAMES) == ["score[0]"]


def test_patterns_pass_over_reserved_columns_and_names_do_not():
    assert "target" not in expand_columns(["*"], NAMES, {"target"})
    assert expand_columns(["target"], NAMES, {"target"}) == ["target"]


def test_all_that_meets_nothing_is_told():
    with pytest.raises(DataError) as caught:
        expand_columns(["agee", "x*", "age"], NAMES)
    assert caught.value.remedy == 'did you mean "age"?'
    assert len(caught.value.also) == 1
