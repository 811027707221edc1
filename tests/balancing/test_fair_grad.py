"""The weights keep the condition of fairness for each alpha; 1 is Nash bargaining."""

import pytest
import torch

from polymodal.balancing import FairGrad, NashMTL
from tests.balancing.reference import drawn, given


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0, 8.0])
@pytest.mark.parametrize("ratio", [1.0, 1e3, 1e6])
def test_the_condition_holds_but_for_a_factor(alpha, ratio):
    for tasks in (2, 3, 7):
        rows = drawn(tasks, tasks, ratio)
        weights = given(FairGrad(alpha), rows)
        found = (rows @ (weights @ rows)) * weights ** (1 / alpha)
        torch.testing.assert_close(found, found[:1].expand(tasks), rtol=1e-4, atol=0)


def test_alpha_of_one_is_nash_bargaining():
    rows = drawn(9, 4, 100.0)
    torch.testing.assert_close(given(FairGrad(1.0), rows), given(NashMTL(), rows))


def test_more_of_it_helps_the_worst_off():
    rows = drawn(2, 3, 10.0)
    steps = [given(FairGrad(alpha), rows) @ rows for alpha in (1.0, 4.0, 16.0)]
    worst = [float((rows @ step).min() / step.norm()) for step in steps]
    assert worst == sorted(worst)
