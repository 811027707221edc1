"""The step is the shortest vector in the hull of the gradients."""

import pytest
import torch

from polymodal.balancing import MGDA
from tests.balancing.reference import CONFLICT, drawn, given, step


def test_the_reference_value():
    torch.testing.assert_close(step(MGDA(), CONFLICT) / 2, torch.tensor([0.0, 1, 1]).double())


@pytest.mark.parametrize("tasks", [3, 5])
def test_no_mixture_is_shorter(tasks):
    rows = drawn(0, tasks, 10.0, width=6)
    found = (step(MGDA(), rows) / tasks).norm()
    shares = torch.distributions.Dirichlet(torch.full((tasks,), 0.5)).sample((20000,)).double()
    assert found <= (shares @ rows).norm(dim=1).min() + 1e-9


def test_a_long_gradient_on_the_way_has_no_weight():
    assert given(MGDA(), torch.tensor([[1.0, 0.0], [5.0, 1.0]]).double()).tolist() == [2, 0]
