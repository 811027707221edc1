"""What counts as the same, and what breaks a promise."""

import pytest
import torch
from torch import nn

from polymodal.testing.verdict import (
    ContractBroken,
    check_gradients,
    check_saving,
    near,
    require,
    same_bits,
    same_parts,
)

NAN = float("nan")


def test_a_broken_promise_is_told_in_its_words():
    require(True, "rows stay apart")
    with pytest.raises(ContractBroken, match="rows stay apart"):
        require(False, "rows stay apart")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (torch.tensor([1.0, NAN]), torch.tensor([1.0, NAN]), True),
        (torch.tensor([1.0, NAN]), torch.tensor([NAN, 1.0]), False),
        (torch.tensor([1.0]), torch.tensor([1.0 + 1e-7]), False),
        (torch.tensor([1.0]), torch.tensor([1.0], dtype=torch.float64), False),
        (torch.zeros(2), torch.zeros(2, 1), False),
        (torch.tensor([0.0]), torch.tensor([-0.0]), True),
    ],
)
def test_the_same_bits(one: torch.Tensor, other: torch.Tensor, same: bool):
    assert same_bits(one, other) is same
    assert same_parts({"x": one}, {"x": other}) is same
    assert not same_parts({"x": one}, {"y": one})


def test_near_is_absolute_or_relative_and_never_across_shapes():
    assert near(torch.tensor([1e6]), torch.tensor([1e6 + 1]))
    assert near(torch.tensor([0.0]), torch.tensor([9e-6]))
    assert not near(torch.tensor([0.0]), torch.tensor([9e-5]))
    assert not near(torch.zeros(2), torch.zeros(1))
    assert not near(torch.tensor([NAN]), torch.tensor([NAN]))


def test_gradients_must_reach_every_weight_be_finite_and_not_all_zero():
    net, x = nn.Linear(2, 2), torch.ones(1, 2)
    check_gradients(net, net(x).sum(), "net")
    with pytest.raises(ContractBroken, match="none reached bias"):
        check_gradients(net, (x @ net.weight).sum(), "net")
    with pytest.raises(ContractBroken, match="every one of them is zero"):
        check_gradients(net, 0.0 * net(x).sum(), "net")
    with pytest.raises(ContractBroken, match="gradients are finite"):
        check_gradients(net, net(x * float("inf")).sum(), "net")


def test_weights_come_back_or_the_kit_says_so():
    check_saving(nn.Linear(2, 3), nn.Linear(2, 3), "net")
    with pytest.raises(ContractBroken, match="can be saved and loaded"):
        check_saving(nn.Linear(2, 3), nn.Linear(3, 2), "net")
