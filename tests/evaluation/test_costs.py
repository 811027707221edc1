"""What an encoder costs is counted once for each value, and counting changes nothing."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from polymodal.core import Tokens, Values
from polymodal.evaluation.costs import _cost, costs
from polymodal.run import open_run
from tests.evaluation.small_run import small_run

WIDE = 1024


class Plain(nn.Module):
    """A linear map, then a square: autograd keeps what goes into each of them."""

    def __init__(self) -> None:
        super().__init__()
        self.map = nn.Linear(WIDE, WIDE)

    def forward(self, data: dict[str, Tensor]) -> Tokens:
        """(n, WIDE) to one token each."""
        made = self.map(data["x"]).pow(2).unsqueeze(1)
        return Tokens(made, torch.ones(made.shape[:2], dtype=torch.bool))


def test_a_linear_map_and_a_square_keep_both_of_their_inputs() -> None:
    values = Values({"x": torch.randn(8, WIDE)}, torch.arange(8))
    cost = _cost([Plain(), Plain()], values)
    assert cost["values"] == 8
    assert cost["parameters"] == 2 * (WIDE * WIDE + WIDE)
    assert cost["weights_mib"] == pytest.approx(2 * 4 * (WIDE * WIDE + WIDE) / 2**20)
    assert cost["step_mib"] == pytest.approx(2 * 4 * WIDE / 2**20)
    assert cost["milliseconds"] > 0


def test_twice_the_work_takes_longer() -> None:
    few = Values({"x": torch.randn(256, WIDE)}, torch.arange(256))
    one, eight = _cost([Plain()], few), _cost([Plain() for _ in range(8)], few)
    assert eight["milliseconds"] > 2 * one["milliseconds"]


def test_counting_changes_nothing(tmp_path: Path) -> None:
    opened = open_run(small_run(tmp_path))
    model = opened.fitted.model
    modes = [part.training for part in model.modules()]
    weights = {name: weight.clone() for name, weight in model.state_dict().items()}
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    found = costs(opened.fitted)
    assert set(found) == {"measures", "note"}
    assert found["note"]["values"] == 2  # two texts, however many rows have them
    assert torch.equal(torch.random.get_rng_state(), before)
    assert [part.training for part in model.modules()] == modes
    assert all(torch.equal(weights[name], weight) for name, weight in model.state_dict().items())
    assert not any(weight.grad is not None for weight in model.parameters())


def test_a_modality_that_no_row_has_is_left_out(tmp_path: Path) -> None:
    opened = open_run(small_run(tmp_path))
    _, cells = opened.fitted.samples.inputs["note"]
    cells.present[:] = False
    assert np.array_equal(list(costs(opened.fitted)), ["measures"])
