"""Steps, curves and their errors say what lifelines says, and what can be worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from polymodal.tasks.hazards import (
    Curves,
    Steps,
    baseline_hazard,
    curve_times,
    integrated_errors,
    outcomes,
    proportional_curves,
    remaining,
)
from polymodal.tasks.metrics import survival
from tests.tasks.followed import followed


def test_a_step_is_taken_at_its_time():
    steps = Steps(np.array([1.0, 2.0]), np.array([10.0, 20.0]), 0.0)
    asked = np.array([0.5, 1.0, 1.5, 2.0, 3.0])
    assert steps.at(asked).tolist() == [0, 10, 10, 20, 20]
    assert steps.before(asked).tolist() == [0, 0, 10, 10, 20]


def test_who_remains_is_as_kaplan_and_meier():
    fitters = pytest.importorskip(
        "lifelines", reason="lifelines asks for pandas below 3 and is not among the dev packages"
    )
    truth, _ = followed(90, ties=True)
    known = fitters.KaplanMeierFitter().fit(truth["time"], truth["event"])
    times = np.linspace(0, truth["time"].max(), 40)
    np.testing.assert_allclose(remaining(truth).at(times), known.survival_function_at_times(times), atol=1e-12)


@pytest.mark.filterwarnings("ignore::FutureWarning")  # lifelines with pandas 3
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_baseline_is_as_breslow():
    fitters = pytest.importorskip(
        "lifelines", reason="lifelines asks for pandas below 3 and is not among the dev packages"
    )
    truth, features = followed(120, ties=False)
    frame = pd.DataFrame(features).add_prefix("x").assign(time=truth["time"], event=truth["event"])
    model = fitters.CoxPHFitter().fit(frame, "time", "event")
    # Its baseline is that of a row at the mean of every column.
    risk = (features - features.mean(axis=0)) @ model.params_.to_numpy()
    known = model.baseline_cumulative_hazard_.iloc[:, 0]
    np.testing.assert_allclose(baseline_hazard(truth, risk).at(known.index.to_numpy()), known, rtol=1e-9)


def test_with_tied_events_each_is_divided_by_all_at_risk():
    truth = outcomes(np.array([1.0, 1.0, 2.0, 3.0]), np.array([True, True, False, True]))
    hazard = baseline_hazard(truth, np.zeros(4))
    assert (hazard.times.tolist(), hazard.values.tolist()) == ([1, 3], [0.5, 1.5])


def test_curves_follow_from_the_baseline_and_stay_finite():
    baseline = Steps(np.array([1.0, 2.0]), np.array([0.1, 0.4]), 0.0)
    made = proportional_curves(baseline, np.array([0.0, np.log(2.0), 1e4, -1e4]), np.array([0.0, 1.0, 2.0]))
    np.testing.assert_allclose(made[:2], np.exp([[0, -0.1, -0.4], [0, -0.2, -0.8]]))
    np.testing.assert_allclose(made[2:], [[1, 0, 0], [1, 1, 1]])


def test_a_median_that_is_not_reached_is_not_told():
    curves = Curves(np.array([0.0, 2.0, 4.0]), np.array([[1.0, 0.6, 0.4], [1.0, 0.9, 0.8], [1.0, 0.2, 0.1]]), (2.0,))
    np.testing.assert_allclose(curves.medians(), [3.0, np.nan, 1.25])
    assert curves.at(2.0).tolist() == [0.6, 0.9, 0.2]
    assert len(curves.take(np.array([2]))) == 1


def test_the_times_of_curves_hold_those_that_are_told():
    times = curve_times(10.0, [3.3])
    assert (times[0], times[-1], 3.3 in times) == (0, 10, True)
    assert (np.diff(times) > 0).all()


def test_without_censoring_the_error_is_the_plain_brier_score():
    truth = outcomes(np.array([1.0, 3.0]), np.array([True, True]))
    curves = Curves(np.array([0.0, 2.0]), np.array([[1.0, 0.25], [1.0, 0.75]]))
    # At 0 nothing is wrong; at 2 the first has gone (.25²) and the second has not (.25²); a line between.
    np.testing.assert_allclose(integrated_errors(truth, curves), [0.0625 / 2, 0.0625 / 2])


def test_who_was_censored_is_made_up_for_by_the_others():
    """Graf et al. 1999, eq. 8, one row and one time after the other."""
    truth, _ = followed(60, ties=True)
    times = curve_times(float(np.quantile(truth["time"], 0.8)))
    chances = np.exp(-np.outer(np.random.default_rng(1).random(60), times))
    stayed = remaining(outcomes(truth["time"], ~truth["event"]))
    wanted = np.zeros((60, len(times)))
    for row, (time, event) in enumerate(truth):
        for place, at in enumerate(times):
            if time > at:
                wanted[row, place] = (1 - chances[row, place]) ** 2 / stayed.at(np.array([at]))[0]
            elif event:
                wanted[row, place] = chances[row, place] ** 2 / stayed.before(np.array([time]))[0]
    found = integrated_errors(truth, Curves(times, chances))
    np.testing.assert_allclose(found, np.trapezoid(wanted, times, axis=1) / times[-1])
    score = survival(truth, chances[:, -1], Curves(times, chances))["integrated_brier"]
    assert score == pytest.approx(found.mean())


def test_the_true_curves_have_the_least_error():
    draw = np.random.default_rng(2)
    rate = np.exp(draw.normal(size=4000))
    event, censored = draw.exponential(1 / rate), draw.exponential(2.0, 4000)
    truth = outcomes(np.minimum(event, censored), event <= censored)
    times = curve_times(2.0)
    errors = [
        integrated_errors(truth, Curves(times, np.exp(-np.outer(rate**power, times)))).mean()
        for power in (0.5, 1.0, 2.0)
    ]
    assert np.argmin(errors) == 1
