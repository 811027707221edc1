"""Every task counts once; a task without labels does not count."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from polymodal.balancing import Equal

LOSSES = st.lists(st.one_of(st.just(float("nan")), st.floats(0, 1e6, width=32)), min_size=1, max_size=6)


@given(LOSSES)
def test_one_for_each_task_that_has_labels(drawn: list[float]):
    losses = torch.tensor(drawn)
    assert torch.equal(Equal().weights(losses, None), (~losses.isnan()).to(losses.dtype))


def test_it_keeps_no_state():
    balancer = Equal()
    balancer.weights(torch.tensor([1.0]), None)
    assert balancer.state() == {}
