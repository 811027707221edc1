"""A loss that falls slowly weighs more, from the third window on."""

import json
import math

import pytest
import torch

from polymodal.balancing import DWA
from tests.balancing.reference import NAN


def after(balancer: DWA, *steps: list[float]) -> list[float]:
    for losses in steps:
        found = balancer.weights(torch.tensor(losses, dtype=torch.float64), None)
    return found.tolist()


def test_weights_follow_the_ratio_of_the_last_two_windows():
    balancer = DWA(temperature=2.0, window=2)
    assert after(balancer, [4, 2], [4, 2], [1, 2]) == [1, 1]
    ratios = [0.5, 1.0]  # (1 + 3) / 2 over 4, and 2 over 2
    powers = [math.exp(ratio / 2) for ratio in ratios]
    assert after(balancer, [3, 2], [1, 1]) == pytest.approx([2 * power / sum(powers) for power in powers])


def test_a_task_that_was_not_seen_counts_as_one_that_stays():
    balancer = DWA(window=1)
    assert after(balancer, [4, NAN], [2, 5], [2, 5]) == pytest.approx(
        [2 * math.exp(ratio / 2) / (math.exp(0.25) + math.exp(0.5)) for ratio in (0.5, 1)]
    )
    assert after(balancer, [2, NAN]) == [1, 0]
    assert after(DWA(window=1), [0, 3], [2, 3], [2, 3]) == [1, 1]  # nothing can be said of a loss of zero


def test_an_open_window_survives():
    whole, before, later = DWA(window=3), DWA(window=3), DWA(window=3)
    steps = torch.rand(12, 2).double().tolist()
    wanted = after(whole, *steps)
    after(before, *steps[:7])
    later.restore(json.loads(json.dumps(before.state())))
    assert after(later, *steps[7:]) == wanted
