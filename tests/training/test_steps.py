"""A step that is taken in parts, or by several processes, is the step of all rows at once."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from polymodal import balancing
from polymodal.balancing import Balancer, Equal, GradNorm, NashMTL, UPGrad
from polymodal.core import DivergedError, UsageProblem
from polymodal.encoders.dropout import Dropout
from polymodal.objectives import Adversarial
from polymodal.training import Interrupted, Settings, train
from polymodal.training.batches import Plan
from polymodal.training.learner import Learner
from tests.training.conftest import make_small, small_frame

STILL = Settings(epochs=2, batch_size=16, lr=1e-2, modality_dropout=0.0, own_loss=0.0, checkpoint_seconds=0.0)
"""Nothing is drawn but the order of the rows."""


def learned(
    settings: Settings,
    balancer: Balancer,
    frame: pd.DataFrame | None = None,
    folder: Path | None = None,
    stopping: Callable[[], bool] = lambda: False,
) -> tuple[list[Tensor], list[Mapping[str, Any]]]:
    """The weights as they were averaged last, and what training told."""
    small = make_small(settings, frame)
    for part in small.model.modules():
        if isinstance(part, Dropout):
            part.p = 0.0  # each part would draw for itself
    for modality in small.model.modalities.values():
        modality.drop = 0.0
    told: list[Mapping[str, Any]] = []
    watch = (told.append, stopping)
    trainer = train(small.model, small.samples, small.rows, settings, balancer, folder, watch)
    return [weight.clone() for weight in trainer.state.averaged], told


def sparse() -> pd.DataFrame:
    """Labels of one task on a fifth of the rows, so that some parts of a step have none."""
    frame = small_frame()
    frame.loc[frame.index % 5 != 1, "sick"] = None
    return frame


def close(ours: list[Tensor], theirs: list[Tensor], within: float = 2e-5) -> bool:
    return all(torch.allclose(one, other, rtol=1e-3, atol=within) for one, other in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("at", ["features", "last_layer", "parameters"])
@pytest.mark.parametrize("balancer", [Equal(), UPGrad(), NashMTL(), GradNorm()], ids=lambda each: type(each).__name__)
def test_parts_one_after_another_are_the_whole_step(balancer: Balancer, at: str) -> None:
    settings = replace(STILL, gramian_at=at)
    whole, _ = learned(settings, copy.deepcopy(balancer), sparse())
    parts, _ = learned(replace(settings, accumulate=5), copy.deepcopy(balancer), sparse())
    assert close(parts, whole)
    other, _ = learned(replace(settings, batch_size=4), copy.deepcopy(balancer), sparse())
    assert not close(other, whole)


def test_parts_tell_the_same_losses_and_cosines() -> None:
    settings = replace(STILL, cosines=2)
    _, whole = learned(settings, Equal(), sparse())
    _, parts = learned(replace(settings, accumulate=4), Equal(), sparse())
    assert [event["event"] for event in parts] == [event["event"] for event in whole]
    for ours, theirs in zip(parts, whole, strict=True):
        if ours["event"] == "epoch":
            assert ours["train"] == pytest.approx(theirs["train"], rel=1e-3)
            assert ours["validation"] == pytest.approx(theirs["validation"], rel=1e-3)
        if ours["event"] == "cosines":
            np.testing.assert_allclose(
                np.array(ours["cosines"], dtype=float), np.array(theirs["cosines"], dtype=float), atol=1e-3
            )


@pytest.mark.parametrize("at", ["features", "parameters"])
def test_two_processes_are_as_good_as_one(at: str) -> None:
    settings = replace(STILL, gramian_at=at, cosines=3)
    whole, alone = learned(settings, UPGrad(), sparse())
    shared, together = learned(replace(settings, processes=2, accumulate=2), UPGrad(), sparse())
    assert close(shared, whole)
    assert [event["event"] for event in together] == [event["event"] for event in alone]
    ours, theirs = ([event for event in told if event["event"] == "epoch"][-1] for told in (together, alone))
    assert ours["validation"] == pytest.approx(theirs["validation"], rel=1e-3)


def test_two_processes_that_are_stopped_go_on_where_they_were(tmp_path: Path) -> None:
    whole, _ = learned(STILL, UPGrad(), sparse())
    settings, left = replace(STILL, processes=2), iter([False] * 2)
    with pytest.raises(Interrupted):
        learned(settings, UPGrad(), sparse(), tmp_path, lambda: next(left, True))
    resumed, told = learned(settings, UPGrad(), sparse(), tmp_path)
    assert told[0] == {"event": "resumed", "step": 3, "skipped": []}
    assert close(resumed, whole)


def test_a_number_that_is_not_finite_is_named_even_if_another_process_has_it() -> None:
    settings = replace(STILL, processes=2, batch_size=64)
    small = make_small(settings)
    row = Plan(small.samples, small.rows["train"], 64, settings.seed).rows_of(0)[-1]
    small.samples.targets["score"][1].values[row] = np.inf
    before = [weight.clone() for weight in small.model.parameters()]
    with pytest.raises(DivergedError) as caught:
        train(small.model, small.samples, small.rows, settings, Equal())
    assert caught.value.found == f"task score; rows {row}"
    assert all(torch.equal(one, other) for one, other in zip(before, small.model.parameters(), strict=True))


def test_what_cannot_be_sent_to_another_process_is_said() -> None:
    small = make_small(STILL)
    small.model.modalities["first"].own = lambda: None
    with pytest.raises(UsageProblem, match="cannot-be-sent"):
        train(small.model, small.samples, small.rows, replace(STILL, processes=2), Equal())


@pytest.mark.parametrize("name", [name for name in balancing.__all__ if name != "Balancer"])
def test_every_balancer_learns_in_halved_precision(name: str) -> None:
    settings = replace(STILL, precision="bf16", epochs=4, gramian_at="parameters")
    _, told = learned(settings, getattr(balancing, name)())
    epochs = [event for event in told if event["event"] == "epoch"]
    reference = next(event for event in told if event["event"] == "reference")["validation"]
    assert all(np.isfinite(list(epoch["train"].values())).all() for epoch in epochs)
    assert sum(epochs[-1]["validation"].values()) < sum(reference.values())


def test_inner_products_in_halved_precision_are_those_of_whole_numbers() -> None:
    settings = replace(STILL, cosines=1, epochs=1)
    _, whole = learned(settings, Equal())
    _, halved = learned(replace(settings, precision="bf16"), Equal())
    first = [next(event for event in told if event["event"] == "cosines")["cosines"] for told in (whole, halved)]
    np.testing.assert_allclose(np.array(first[1], dtype=float), np.array(first[0], dtype=float), atol=0.05)


def test_what_cannot_be_cut_is_said_before_the_first_step() -> None:
    small = make_small(STILL)
    for settings in (
        replace(STILL, accumulate=2, modulation="ogm_ge"),
        replace(STILL, processes=2, modulation="mm_pareto"),
    ):
        with pytest.raises(UsageProblem, match="cannot-be-cut"):
            train(small.model, small.samples, small.rows, settings, Equal())
    contest = Learner(small.model, {})
    contest.contests = True
    with pytest.raises(UsageProblem, match="adversarial"):
        train(contest, small.samples, small.rows, replace(STILL, processes=2), Equal())
    assert Adversarial.contests


def test_where_nothing_weighs_nothing_is_trained() -> None:
    small = make_small(STILL)
    for task in small.model.tasks.values():
        task.weight = 0.0
    with pytest.raises(UsageProblem, match="nothing-weighs"):
        train(small.model, small.samples, small.rows, STILL, Equal())
