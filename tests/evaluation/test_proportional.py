"""Plain models of times to an event: the same weights as lifelines, and curves that mean something."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from polymodal.evaluation.proportional import (
    Hazards,
    chosen_strength,
    partial_likelihood,
    penalised_cox,
    tree_hazards,
)
from polymodal.tasks.hazards import curve_times, remaining
from polymodal.tasks.metrics import c_index, survival
from tests.tasks.followed import followed


@pytest.mark.filterwarnings("ignore::FutureWarning")  # lifelines with pandas 3
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("penalty", [0.01, 0.5])
def test_the_weights_are_those_of_lifelines(penalty: float):
    fitters = pytest.importorskip(
        "lifelines", reason="lifelines asks for pandas below 3 and is not among the dev packages"
    )
    truth, features = followed(150)
    features = (features - features.mean(axis=0)) / features.std(axis=0, ddof=1)
    frame = pd.DataFrame(features).add_prefix("x").assign(time=truth["time"], event=truth["event"])
    wanted = fitters.CoxPHFitter(penalizer=penalty).fit(frame, "time", "event").params_.to_numpy()
    # Theirs penalises the mean of the likelihood over rows, ours its sum.
    np.testing.assert_allclose(penalised_cox(features, truth, 1 / (penalty * 150)), wanted, atol=2e-4)


def test_sparse_features_give_the_same_weights():
    truth, features = followed(80)
    thin = np.where(np.abs(features) > 0.7, features, 0.0)
    dense, packed = penalised_cox(thin, truth, 1.0), penalised_cox(sparse.csr_matrix(thin), truth, 1.0)
    np.testing.assert_allclose(dense, packed, atol=1e-5)


def test_the_slope_is_the_slope_with_ties_too():
    truth, features = followed(40, ties=True)
    risk, slope = features[:, 0], partial_likelihood(features[:, 0], truth)[1]
    for row in range(0, 40, 7):
        moved = np.eye(40)[row] * 1e-5
        gap = partial_likelihood(risk + moved, truth)[0] - partial_likelihood(risk - moved, truth)[0]
        assert gap / 2e-5 == pytest.approx(slope[row], abs=1e-6)


def test_noise_is_given_little_strength():
    truth, features = followed(120)
    draw, folds = (
        np.random.default_rng(1),
        [(np.arange(0, 80), np.arange(80, 120)), (np.arange(40, 120), np.arange(40))],
    )
    strengths = (0.001, 0.1, 10.0)
    assert chosen_strength(draw.normal(size=(120, 60)), truth, strengths, folds) == 0.001
    assert chosen_strength(features, truth, strengths, folds) >= 0.1
    assert chosen_strength(features, truth, strengths, []) == 1.0


def test_the_same_curve_for_all_is_that_of_all():
    truth, _ = followed(400)
    times = curve_times(1.0)
    curves = Hazards.nobody_apart(truth, 3).curves(times)
    assert curves is not None
    np.testing.assert_allclose(curves.chances, np.tile(remaining(truth).at(times), (3, 1)), atol=0.01)
    assert Hazards.nobody_apart(truth, 3).curves(np.zeros(0)) is None


def test_trees_order_and_their_curves_beat_one_curve_for_all():
    truth, features = followed(500)
    options = {"max_iter": 40, "learning_rate": 0.1, "min_samples_leaf": 20, "random_state": 0}
    found = tree_hazards(options, features[:350], truth[:350], features[350:])
    held, times = truth[350:], curve_times(1.5)
    assert c_index(held["time"], -found.risk, held["event"]) > 0.65
    ours = survival(held, found.risk, found.curves(times))["integrated_brier"]
    flat = Hazards.nobody_apart(truth[:350], 150)
    assert ours < survival(held, flat.risk, flat.curves(times))["integrated_brier"]
