"""The metrics say what scikit-learn says, weighted or not, and stay silent where they are undefined."""

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as reference

from polymodal.tasks.metrics import Answers, c_index, classification, measure, multilabel, ordinal, regression

NAMES = ["a", "b", "c", "d"]


def drawn(rows: int = 200, classes: int = 4, seed: int = 0, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Random labels and probabilities that know a little about them."""
    generator = np.random.default_rng(seed)
    numbers = generator.integers(0, classes, rows)
    logits = generator.normal(size=(rows, classes)) + 1.5 * np.eye(classes)[numbers]
    logits = logits.round(0) if ties else logits
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return np.array(NAMES[:classes], dtype=object)[numbers], chances


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_two_classes_as_scikit_learn(ties: bool, weighted: bool) -> None:
    truth, chances = drawn(classes=2, ties=ties)
    weights = np.random.default_rng(1).integers(0, 4, (1, 200)).astype(float) if weighted else np.ones((1, 200))
    found = measure(Answers("classes", truth, np.array(NAMES, object)[chances.argmax(1)], chances, NAMES[:2]), weights)
    yes, score, counted = truth == "b", chances[:, 1], {"sample_weight": weights[0]}
    chosen = chances.argmax(1).astype(bool)
    wanted = {
        "accuracy": reference.accuracy_score(yes, chosen, **counted),
        "balanced_accuracy": reference.balanced_accuracy_score(yes, chosen, **counted),
        "macro_f1": reference.f1_score(yes, chosen, average="macro", **counted),
        "auroc": reference.roc_auc_score(yes, score, **counted),
        "auprc": reference.average_precision_score(yes, score, **counted),
        "log_loss": reference.log_loss(yes, chances, **counted),
        "brier": reference.brier_score_loss(yes, score, **counted),
    }
    for name, value in wanted.items():
        assert found[name][0] == pytest.approx(value, abs=1e-9), name


def test_many_classes_as_scikit_learn() -> None:
    truth, chances = drawn()
    found = classification(truth, chances, NAMES)
    chosen = np.array(NAMES)[chances.argmax(1)]
    held = truth[:, None] == np.array(NAMES)
    assert found["macro_f1"] == pytest.approx(reference.f1_score(truth.astype(str), chosen, average="macro"))
    assert found["auroc"] == pytest.approx(reference.roc_auc_score(truth.astype(str), chances, multi_class="ovr"))
    assert found["auprc"] == pytest.approx(reference.average_precision_score(held, chances))
    assert found["brier"] == pytest.approx(((chances - held) ** 2).sum(1).mean())


def test_ordered_labels_as_scikit_learn() -> None:
    truth, chances = drawn()
    chosen = np.array(NAMES, object)[chances.argmax(1)]
    found = ordinal(truth, chosen, chances, NAMES)
    kappa = reference.cohen_kappa_score(truth.astype(str), chosen.astype(str), weights="quadratic")
    assert found["qwk"] == pytest.approx(kappa)
    assert ordinal(truth, truth, None, NAMES)["mae"] == 0


def test_several_labels_as_scikit_learn() -> None:
    generator = np.random.default_rng(3)
    truth, chances = generator.random((150, 3)) > 0.6, generator.random((150, 3))
    found = multilabel(truth, chances)
    assert found["auroc"] == pytest.approx(reference.roc_auc_score(truth, chances, average="macro"))
    assert found["auprc"] == pytest.approx(reference.average_precision_score(truth, chances, average="macro"))
    assert found["macro_f1"] == pytest.approx(reference.f1_score(truth, chances >= 0.5, average="macro"))
    assert found["exact_match"] == pytest.approx(reference.accuracy_score(truth, chances >= 0.5))


@pytest.mark.parametrize("decimals", [0, 8])
def test_numbers_as_the_reference(decimals: int) -> None:
    generator = np.random.default_rng(4)
    truth = generator.normal(size=120).round(decimals) + 1000
    guess = (truth + generator.normal(size=120)).round(decimals)
    found = regression(truth, guess)
    assert found["r2"] == pytest.approx(reference.r2_score(truth, guess))
    assert found["pearson"] == pytest.approx(stats.pearsonr(truth, guess).statistic)
    assert found["spearman"] == pytest.approx(stats.spearmanr(truth, guess).statistic)
    assert found["rmse"] ** 2 == pytest.approx(found["mse"])


def test_a_weight_is_a_repeated_row() -> None:
    """Counting a row twice is the same as having it twice, for every metric of every kind."""
    truth, chances = drawn(60, ties=True)
    chosen = np.array(NAMES, object)[chances.argmax(1)]
    numbers = np.random.default_rng(5).normal(size=(2, 60)).round(1)
    weights = np.random.default_rng(6).integers(0, 4, (1, 60))
    rows = np.repeat(np.arange(60), weights[0])
    cases = [
        Answers("classes", truth, chosen, chances, NAMES),
        Answers("ordered", truth, chosen, chances, NAMES),
        Answers("labels", chances > 0.3, chances > 0.5, chances, NAMES),
        Answers("numbers", numbers[0], numbers[1]),
    ]
    for answers in cases:
        counted, repeated = measure(answers, weights.astype(float)), measure(answers.take(rows))
        assert counted.keys() == repeated.keys()
        for name in counted:
            assert counted[name][0] == pytest.approx(repeated[name][0], abs=1e-9), (answers.kind, name)


def test_undefined_metrics_are_left_out() -> None:
    one_class = classification(["a"] * 5, np.tile([0.7, 0.3], (5, 1)), NAMES[:2])
    assert "auroc" not in one_class
    assert one_class["accuracy"] == 1
    assert set(regression([3.0, 3.0], [1.0, 2.0])) == {"mse", "mae", "rmse"}
    assert "qwk" not in ordinal(["b", "b"], ["b", "b"], None, NAMES)
    assert classification([], np.zeros((0, 2)), NAMES[:2]) == {}
    assert multilabel(np.zeros((4, 2), bool), np.full((4, 2), 0.1)).keys() >= {"accuracy", "brier"}


def test_classes_without_rows_do_not_count() -> None:
    truth, chances = drawn(classes=2)
    wide = np.hstack([chances, np.zeros((200, 2))])
    found = classification(truth, wide, NAMES)
    assert found["balanced_accuracy"] == pytest.approx(classification(truth, chances, NAMES[:2])["balanced_accuracy"])
    assert all(np.isfinite(value) for value in found.values())


def test_perfect_beats_random() -> None:
    truth, chances = drawn()
    perfect = (truth[:, None] == np.array(NAMES, object)).astype(float)
    best, other = classification(truth, perfect, NAMES), classification(truth, chances, NAMES)
    assert best["auroc"] == best["accuracy"] == best["auprc"] == 1
    assert best["log_loss"] < other["log_loss"]


def test_concordance() -> None:
    assert c_index([1, 2, 3], [10, 20, 30]) == 1
    assert c_index([1, 2, 3], [30, 20, 10]) == 0
    assert c_index([1, 2, 3], [5, 5, 5]) == 0.5
    assert c_index([1, 2, 3], [1, 3, 2], observed=[True, False, False]) == 1
    assert c_index([1, 2], [1, 2], observed=[False, False]) is None
