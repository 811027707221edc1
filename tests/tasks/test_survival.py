"""How soon: who is at risk counts, who was never seen to fail teaches, and what is told can be checked."""

import copy
import itertools
import json

import numpy as np
import pandas as pd
import pytest
import torch

from polymodal.core import DataError
from polymodal.data.base import DataTable
from polymodal.evaluation.proportional import partial_likelihood
from polymodal.tasks import Survival
from polymodal.tasks.hazards import proportional_curves
from polymodal.testing import check_task
from tests.tasks.asked import first_answer
from tests.tasks.followed import followed


def table(times: list, events: list) -> DataTable:
    return DataTable(pd.DataFrame({"months": times, "died": events}, dtype=object), source="cohort")


def posed(task: Survival, rows: int = 60) -> tuple[Survival, torch.Tensor]:
    """The task, fitted on people who were followed, and their targets."""
    truth, _ = followed(rows)
    given = table(truth["time"].tolist(), truth["event"].astype(int).tolist())
    task.reader.fit(given, np.arange(rows))
    values, _ = task.reader.collate(task.reader.read(given), np.arange(rows))
    return task, values.data["target"]


@pytest.mark.parametrize("options", [{"loss": "discrete"}, {"at": [0.5, 1.0]}, {"horizon": 2.0}], ids=str)
def test_every_choice_keeps_the_contract(options: dict):
    check_task(Survival("time", "event", **options))


def test_times_without_a_column_of_events_all_happened():
    task = Survival("months", None)
    task.reader.fit(DataTable(pd.DataFrame({"months": ["3", "1", "2"]})), np.arange(3))
    assert list(task.targets) == ["months"]
    assert task.reader.read(table([4.0], [0])).values.tolist() == [[4.0, 1.0]]


def test_the_partial_likelihood_is_that_of_cox():
    """log of the summed hazards of all who were still watched, less one's own; ties by Breslow."""
    task, _ = posed(Survival("months", "died"))
    time, event = [2.0, 1.0, 2.0, 3.0, 2.0], [1, 1, 1, 0, 0]
    risk = np.array([0.3, -1.0, 0.7, 2.0, 0.1])
    found = task.losses(torch.tensor(risk).unsqueeze(1), torch.tensor([time, event], dtype=torch.float64).T)
    wanted = [
        np.log(sum(np.exp(risk[other]) for other in range(5) if time[other] >= time[row])) - risk[row]
        if event[row]
        else 0
        for row in range(5)
    ]
    np.testing.assert_allclose(found, wanted)


def test_a_batch_without_an_event_has_no_loss():
    task, target = posed(Survival("months", "died"))
    outputs = torch.randn(60, 1)
    censored = target[:, 1] == 0
    assert task.losses(outputs[censored], target[censored]).shape == (0,)
    assert Survival("months", "died", loss="discrete").compares is False


def test_very_large_risks_have_finite_slopes():
    task, target = posed(Survival("months", "died"))
    outputs = (1e4 * torch.randn(60, 1)).requires_grad_()
    (slope,) = torch.autograd.grad(task.losses(outputs, target).sum(), outputs)
    assert torch.isfinite(slope).all()


def test_the_slope_at_zero_is_that_of_the_plain_likelihood():
    task, target = posed(Survival("months", "died"))
    outputs = torch.randn(60, 1, dtype=torch.float64).requires_grad_()
    (slope,) = torch.autograd.grad(task.losses(outputs, target).sum(), outputs)
    value, wanted = partial_likelihood(outputs.detach().numpy()[:, 0], task.truth(target))
    np.testing.assert_allclose(-slope.numpy()[:, 0], wanted, atol=1e-12)
    assert task.losses(outputs, target).sum().item() == pytest.approx(-value)


def test_the_loss_of_pieces_is_the_likelihood_of_what_was_seen():
    task, _ = posed(Survival("months", "died", loss="discrete", pieces=4))
    edges = np.r_[0.0, task.reader.edges]
    middle = [(one + other) / 2 for one, other in itertools.pairwise(edges)]
    outputs = torch.tensor([[0.2, -0.4, 1.0, 0.5]], dtype=torch.float64)
    stay, go = -torch.nn.functional.softplus(outputs[0]), -torch.nn.functional.softplus(-outputs[0])

    def loss(time: float, event: float) -> float:
        return task.losses(outputs, torch.tensor([[time, event]], dtype=torch.float64)).item()

    assert loss(middle[2], 1.0) == pytest.approx(-(stay[0] + stay[1] + go[2]).item())
    assert loss(edges[-1] * 9, 1.0) == pytest.approx(-(stay[:3].sum() + go[3]).item())
    assert loss(middle[1] * 1.001, 0.0) == pytest.approx(-(stay[0] + stay[1]).item())
    assert loss(middle[1] * 0.999, 0.0) == pytest.approx(-stay[0].item())
    assert loss(0.0, 0.0) == 0


def test_knowing_nothing_pieces_say_what_all_rows_say():
    task, _ = posed(Survival("months", "died", loss="discrete", pieces=6), rows=400)
    told = task.decode(first_answer(task)).curves
    same = proportional_curves(task.reader.baseline, np.zeros(1), told.times)
    assert np.abs(told.chances - same).max() < 0.08
    assert (np.diff(told.chances, axis=1) <= 0).all()


def test_rows_that_say_half_of_it_are_refused_by_name():
    task, _ = posed(Survival("months", "died"))
    given = table([3.0, -1.0, "soon", 2.0, None, None, 0.0], [1, 0, 1, None, 1, None, "maybe"])
    cells = task.reader.read(given)
    assert cells.present.tolist() == [True, False, False, False, False, False, False]
    told = {(refusal.row, refusal.column): refusal.reason for refusal in cells.refusals}
    assert set(told) == {(1, "months"), (2, "months"), (3, "died"), (4, "months"), (6, "died")}
    assert "before the beginning" in told[1, "months"]
    assert "not whether it happened" in told[3, "died"]


@pytest.mark.parametrize(
    ("times", "events", "code"),
    [([1.0, 2.0, 3.0], [0, 0, 0], "one-class"), ([1.0, 2.0, 3.0], ["a", "b", "c"], "wrong-classes"),
     ([5.0, 5.0, 5.0], [0, 1, 1], "constant-target"), ([2.0, 3.0, -1.0], [0, 0, 1], "no-event"),
     ([2.0, 0.0, 4.0], [0, 1, 0], "no-event")],
)  # fmt: skip
def test_what_cannot_be_learned_from_is_an_error_of_the_data(times: list, events: list, code: str):
    with pytest.raises(DataError, match=code):
        Survival("months", "died").reader.fit(table(times, events), np.arange(3))


def test_a_column_of_censoring_marks_is_read_the_other_way_round():
    truth, _ = followed(60)
    given = table(truth["time"].tolist(), (~truth["event"]).astype(int).tolist())
    task = Survival("months", "died", positive="0")
    task.reader.fit(given, np.arange(60))
    assert (task.reader.read(given).values[:, 1] == truth["event"]).all()


def test_a_finished_model_teaches_the_baseline_and_it_is_kept():
    task, target = posed(Survival("months", "died", at=[1.0]), rows=300)
    _, features = followed(300)
    outputs = torch.tensor(features @ [1.0, -0.5, 0.0] + 7).unsqueeze(1)
    before = task.metrics(task.decode(outputs), task.truth(target))
    task.settle(outputs, target)
    after = task.metrics(task.decode(outputs), task.truth(target))
    assert after["c_index"] == before["c_index"] > 0.7
    assert after["integrated_brier"] < before["integrated_brier"] - 0.05
    assert task.decode(outputs).prediction.mean() == pytest.approx(0)
    other = Survival("months", "died", at=[1.0])
    other.reader.restore(json.loads(json.dumps(task.reader.state())))
    np.testing.assert_array_equal(other.decode(outputs).curves.chances, task.decode(outputs).curves.chances)
    task.settle(outputs[:0], target[:0])
    np.testing.assert_array_equal(other.decode(outputs).curves.chances, task.decode(outputs).curves.chances)


def test_the_curve_of_a_mean_row_is_near_that_of_all():
    task, target = posed(Survival("months", "died"), rows=300)
    fresh = copy.deepcopy(task)
    task.settle(torch.zeros(300, 1), target)
    np.testing.assert_allclose(task.reader.baseline.values, fresh.reader.baseline.values)


@pytest.mark.parametrize("loss", ["cox", "discrete"])
def test_what_is_asked_beyond_the_horizon_is_told_and_not_judged(loss: str):
    plain, target = posed(Survival("months", "died", loss=loss), rows=100)
    longest = plain.reader.longest
    asked, _ = posed(Survival("months", "died", loss=loss, at=[0.5, longest, 10 * longest]), rows=100)
    outputs = torch.zeros(100, 1 if loss == "cox" else len(plain.reader.edges))
    curves = asked.decode(outputs).curves
    assert list(curves.told) == [0.5, longest, 10 * longest]
    assert curves.at(longest)[0] <= curves.at(0.5)[0]
    assert np.isnan(curves.at(10 * longest)).all()  # nobody was watched for so long
    assert np.isfinite(curves.medians()).any() == np.isfinite(plain.decode(outputs).curves.medians()).any()
    truth = plain.truth(target)
    wanted, found = (task.metrics(task.decode(outputs), truth) for task in (plain, asked))
    assert found["integrated_brier"] == pytest.approx(wanted["integrated_brier"], rel=1e-3)
    farther, _ = posed(Survival("months", "died", loss=loss, horizon=10 * longest), rows=100)
    assert np.isfinite(farther.decode(outputs).curves.chances).all()


def test_advice_on_events_is_about_events():
    with pytest.raises(DataError, match='to everybody write "event: null"'):
        Survival("months", "died").reader.fit(table([1.0, 2.0, 3.0] * 4, [1, 1, 1] * 4), np.arange(12))
    given = table([1.0, 2.0, 3.0] * 4, ["yes", "no", "lost"] * 4)
    with pytest.raises(DataError, match="whether the one asked about came"):
        Survival("months", "died").reader.fit(given, np.arange(12))
    with pytest.raises(DataError, match='did you mean "yes"'):
        Survival("months", "died", positive="yess").reader.fit(given, np.arange(12))
