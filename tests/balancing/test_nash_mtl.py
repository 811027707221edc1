"""Each weight is one over what its task gains."""

import pytest
import torch

from polymodal.balancing import NashMTL
from tests.balancing.reference import drawn, given


@pytest.mark.parametrize("ratio", [1.0, 1e2, 1e4, 1e6])
@pytest.mark.parametrize("tasks", [2, 3, 11])
def test_the_condition_holds_for_gradients_of_any_size(tasks, ratio):
    for seed in range(4):
        rows = drawn(seed, tasks, ratio)
        weights = given(NashMTL(), rows)
        products = weights * (rows @ (weights @ rows))
        torch.testing.assert_close(products, products[:1].expand(tasks), rtol=1e-5, atol=0)
        assert (products > 0).all()


def test_two_tasks_weigh_by_one_over_the_size_of_the_gradient():
    rows = drawn(3, 2, 1e3)
    sizes = rows.norm(dim=1)
    torch.testing.assert_close(given(NashMTL(), rows), 2 / sizes / (1 / sizes).sum())
