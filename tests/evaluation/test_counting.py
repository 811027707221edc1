"""Plain models of counts tell rates, with and without an exposure."""

import numpy as np
import pytest

from polymodal.data.plain import plain_numbers
from polymodal.evaluation.baselines import Question, fit_baselines
from polymodal.evaluation.counting import chosen_penalty, mean_rate, poisson_regression, tree_rates
from polymodal.tasks.metrics import counts
from polymodal.tasks.weighted import COUNTED

DRAW = np.random.default_rng(0)
FEATURES = DRAW.normal(size=(400, 3))
EXPOSURE = DRAW.uniform(0.5, 20, 400)
RATE = np.exp(0.5 + FEATURES @ [0.8, -0.5, 0.0])


def counted() -> np.ndarray:
    made = np.zeros(400, dtype=COUNTED)
    made["count"], made["exposure"] = DRAW.poisson(RATE * EXPOSURE), EXPOSURE
    return made


def test_a_regression_finds_the_rate_behind_unlike_exposures():
    truth = counted()
    told = poisson_regression(FEATURES[:300], truth[:300], 100.0, FEATURES[300:])
    np.testing.assert_allclose(told, RATE[300:], rtol=0.15)
    assert mean_rate(truth) == pytest.approx(truth["count"].sum() / truth["exposure"].sum())
    folds = [(np.arange(200), np.arange(200, 300)), (np.arange(100, 300), np.arange(100))]
    assert chosen_penalty(FEATURES[:300], truth[:300], (0.001, 0.1, 10.0), folds) == 10.0
    assert chosen_penalty(FEATURES[:300], truth[:300], (0.1, 10.0), []) == 1.0


def test_trees_tell_rates_above_zero():
    told = tree_rates({"max_iter": 20}, FEATURES[:300], counted()[:300], FEATURES[300:])
    assert (told > 0).all()
    assert np.corrcoef(told, RATE[300:])[0, 1] > 0.7


@pytest.mark.parametrize("exposed", [False, True])
def test_all_floors_answer_with_rates(exposed):
    truth = counted() if exposed else DRAW.poisson(RATE).astype(float)
    train, test = np.arange(300), np.arange(300, 400)
    question = Question("counts", [], train, truth[:300], test, truth[300:])
    found = fit_baselines(question, [plain_numbers(FEATURES)])
    assert set(found) == {"trivial", "linear", "boosting"}
    lost = {name: counts(truth[300:], made.answers.prediction)["deviance"] for name, made in found.items()}
    assert lost["linear"] < lost["boosting"] < lost["trivial"]
