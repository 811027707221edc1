from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.composition.pairs import covering


@given(st.lists(st.integers(1, 5), min_size=2, max_size=5))
def test_every_pair_meets(sizes):
    axes = [[f"{place}{entry}" for entry in range(size)] for place, size in enumerate(sizes)]
    cases = covering(axes)
    for one, other in combinations(range(len(axes)), 2):
        met = {(case[one], case[other]) for case in cases}
        assert met == set(product(axes[one], axes[other]))


@pytest.mark.parametrize("sizes", [(4, 5, 6, 3, 6, 2)])
def test_far_fewer_cases_than_all(sizes):
    cases = covering([range(size) for size in sizes])
    assert len(cases) <= 2 * 36 < 4 * 5 * 6 * 3 * 6 * 2
