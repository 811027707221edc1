"""Sums over parts: what they say is what all rows say."""

import pytest
import torch

from polymodal.core import Batch
from polymodal.training.gradients import features, gramian
from polymodal.training.learner import Learner
from polymodal.training.parts import Sums
from polymodal.training.settings import Settings
from tests.training.conftest import Small, make_small


@pytest.fixture
def small() -> Small:
    return make_small(Settings())


@pytest.fixture
def learner(small: Small) -> Learner:
    return Learner(small.model.eval())


def _judged(learner: Learner, batch: Batch):
    return learner.judge(batch, learner.model.represent(batch))


def _summed(learner: Learner, small: Small, cuts: list[list[int]]) -> Sums:
    sums = Sums(len(learner.names), list(learner.parameters()))
    for rows in cuts:
        judged = _judged(learner, small.samples.batch(small.rows["train"][rows]))
        read = features(learner.model, *judged.seen)
        sums.add(judged, None, read, read)
    return sums


CUTS = [list(range(5)), list(range(5, 30)), [30], list(range(31, 64))]


def test_losses_and_inner_products_are_those_of_all_rows(learner: Learner, small: Small) -> None:
    whole = _judged(learner, small.samples.batch(small.rows["train"][:64]))
    sums = _summed(learner, small, CUTS)
    torch.testing.assert_close(sums.means()[0].float(), whole.losses.detach())
    torch.testing.assert_close(sums.means()[1].float(), whole.lowered.detach())
    products = gramian(whole.lowered, features(learner.model, *whole.seen))
    torch.testing.assert_close(sums.gramian(1), products, rtol=1e-4, atol=1e-9)
    at = list(learner.model.encoders.parameters())
    torch.testing.assert_close(sums.gramian_of_weights(at), gramian(whole.lowered, at), rtol=1e-4, atol=1e-9)


def test_the_step_is_that_of_all_rows_and_of_what_the_net_asks_for_itself(learner: Learner, small: Small) -> None:
    shares, weight = torch.tensor([0.5, 3.0]), next(learner.parameters())
    whole = _judged(learner, small.samples.batch(small.rows["train"][:64]))
    (whole.lowered @ shares + weight.square().sum()).backward()
    wanted = [None if each.grad is None else each.grad.clone() for each in learner.parameters()]
    learner.zero_grad()
    sums = Sums(2, list(learner.parameters()))
    for rows in CUTS:
        judged = _judged(learner, small.samples.batch(small.rows["train"][rows]))
        sums.add(judged, weight.square().sum())
    sums.fill(shares)
    for each, slope in zip(learner.parameters(), wanted, strict=True):
        if slope is None:
            assert each.grad is None
        else:
            torch.testing.assert_close(each.grad, slope, rtol=1e-4, atol=1e-7)


def test_a_task_that_no_part_knows_weighs_nothing(learner: Learner, small: Small) -> None:
    unlabelled = [row for row in range(64) if row % 7 == 0]
    sums = _summed(learner, small, [unlabelled[:4], unlabelled[4:]])
    assert sums.known.tolist() == [False, True]
    assert sums.means()[0].isnan().tolist() == [True, False]
    assert sums.gramian(1)[0].tolist() == [0.0, 0.0]
    sums.fill(torch.tensor([0.0, 1.0]))
    assert all(torch.isfinite(each.grad).all() for each in learner.parameters() if each.grad is not None)
