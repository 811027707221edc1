"""About the asked share is dropped, the mean stays, and nothing is drawn where nothing is dropped."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from polymodal.core.seeding import seeded
from polymodal.encoders.dropout import STEPS, Dropout


@given(share=st.floats(0.0, 0.99), size=st.integers(0, 40))
def test_every_number_is_dropped_or_scaled(share: float, size: int) -> None:
    values = torch.rand(3, size) + 0.5
    made = Dropout(share).train()(values)
    assert made.shape == values.shape
    kept = made != 0
    if kept.any():
        scales = (made / values)[kept]
        torch.testing.assert_close(scales, torch.full_like(scales, float(scales[0])))
        assert math.isclose(float(scales[0]), 1 / (1 - share), rel_tol=0.5 / (STEPS * (1 - share)) + 1e-6)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.001])
def test_the_share_and_the_mean_are_as_asked(share: float) -> None:
    with seeded(0, "dropout"):
        made = Dropout(share).train()(torch.ones(400_000))
    assert float((made == 0).double().mean()) == pytest.approx(share, abs=0.5 / STEPS + 0.002)
    assert float(made.double().mean()) == pytest.approx(1.0, abs=0.012)


def test_numbers_are_dropped_apart_from_each_other() -> None:
    with seeded(0, "dropout"):
        dropped = (Dropout(0.5).train()(torch.ones(100_000, 9)) == 0).double()
    together = torch.corrcoef(dropped.T) - torch.eye(9, dtype=torch.float64)
    assert float(together.abs().max()) < 0.02


def test_the_seed_decides() -> None:
    net, made = Dropout(0.3).train(), []
    for seed in (1, 1, 2):
        with seeded(seed, "dropout"):
            made.append(net(torch.ones(1000)))
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])


def test_nothing_is_drawn_in_evaluation_or_without_a_share() -> None:
    values, before = torch.full((5,), math.nan), torch.get_rng_state()
    for net in (Dropout(0.5).eval(), Dropout(0.0).train()):
        assert net(values) is values
    assert torch.equal(torch.get_rng_state(), before)


def test_what_is_dropped_reaches_no_gradient() -> None:
    values = torch.ones(1000, requires_grad=True)
    made = Dropout(0.5).train()(values)
    made.sum().backward()
    assert values.grad is not None
    assert torch.equal(values.grad == 0, made.detach() == 0)


@pytest.mark.parametrize("share", [-0.1, 1.0, math.nan])
def test_a_share_out_of_range_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="p must be"):
        Dropout(share)
