"""The plain floors learn what there is to learn, for every kind of task, and nothing from the test rows."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from polymodal.data.plain import Plain, plain_numbers, plain_text
from polymodal.evaluation import baselines
from polymodal.evaluation.baselines import Baseline, Question, fit_baselines
from polymodal.evaluation.design import Design
from polymodal.tasks.hazards import curve_times, outcomes
from polymodal.tasks.metrics import measure

ROWS = 240
TRAIN, TEST = np.arange(180), np.arange(180, ROWS)


def posed(kind: str) -> tuple[Question, list[Plain]]:
    """A question whose answer follows from a number and a word."""
    generator = np.random.default_rng(0)
    number = generator.normal(size=ROWS)
    word = generator.integers(0, 2, ROWS)
    texts = [("warm" if w else "cold") + " coat" for w in word]
    signal = number + 2 * word
    place = np.digitize(signal, [0.3, 1.7])
    classes = ["low", "middle", "high"]
    truth: dict[str, np.ndarray] = {
        "classes": np.array(classes, object)[place],
        "ordered": np.array(classes, object)[place],
        "labels": np.stack([signal > 1, word > 0, number > 9], axis=1),
        "numbers": 1000 + 10 * signal,
        "times": outcomes(generator.exponential(np.exp(-signal)), generator.random(ROWS) < 0.7),
    }
    names = () if kind in ("numbers", "times") else classes
    known, times = truth[kind], curve_times(1.0) if kind == "times" else np.zeros(0)
    question = Question(kind, names, TRAIN, known[TRAIN], TEST, known[TEST], times=times)
    return question, [plain_numbers(number), *plain_text(texts)]


@pytest.mark.parametrize(
    ("kind", "metric", "trivial", "least"),
    [("classes", "auroc", 0.5, 0.9), ("ordered", "qwk", 0.0, 0.7), ("labels", "macro_f1", 0.4, 0.5),
     ("numbers", "r2", 0.0, 0.9), ("times", "c_index", 0.5, 0.65)],
)  # fmt: skip
def test_both_beat_the_commonest_answer(kind: str, metric: str, trivial: float, least: float) -> None:
    question, blocks = posed(kind)
    found = fit_baselines(question, blocks)
    figures = {name: measure(made.answers)[metric][0] for name, made in found.items()}
    assert figures["trivial"] <= trivial + 1e-9
    assert figures["linear"] > least
    assert figures["boosting"] > least


def answered(made: dict[str, Baseline]) -> list[np.ndarray]:
    return [part.answers.prediction for part in made.values()]


@pytest.mark.parametrize("kind", ["classes", "ordered", "labels", "numbers", "times"])
def test_the_truth_of_test_rows_is_not_looked_at(kind: str) -> None:
    question, blocks = posed(kind)
    other = Question(kind, question.classes, TRAIN, question.train_truth, TEST, question.test_truth[::-1])
    for one, two in zip(answered(fit_baselines(question, blocks)), answered(fit_baselines(other, blocks)), strict=True):
        np.testing.assert_array_equal(one, two)


def test_probabilities_sum_to_one_and_unseen_classes_stay_at_zero() -> None:
    question, blocks = posed("classes")
    wide = Question("classes", [*question.classes, "never"], TRAIN, question.train_truth, TEST, question.test_truth)
    for made in fit_baselines(wide, blocks).values():
        assert made.answers.probabilities is not None
        np.testing.assert_allclose(made.answers.probabilities.sum(1), 1)
        assert not made.answers.probabilities[:, 3].any()


@pytest.mark.parametrize("rows", [1, 2, 4, 7])
@pytest.mark.parametrize("kind", ["classes", "numbers", "labels"])
def test_few_training_rows_do_not_stop_it(rows: int, kind: str) -> None:
    question, blocks = posed(kind)
    few = Question(kind, question.classes, TRAIN[:rows], question.train_truth[:rows], TEST, question.test_truth)
    for made in fit_baselines(few, blocks).values():
        assert len(made.answers.prediction) == len(TEST)


def test_groups_stay_together_when_the_penalty_is_chosen() -> None:
    question, blocks = posed("classes")
    grouped = Question(
        "classes", question.classes, TRAIN, question.train_truth, TEST, question.test_truth, np.arange(180) // 20
    )
    assert measure(fit_baselines(grouped, blocks)["linear"].answers)["auroc"][0] > 0.9


def test_one_design_serves_many_tasks() -> None:
    question, blocks = posed("classes")
    design = Design(blocks, TRAIN)
    for one, two in zip(
        answered(fit_baselines(question, design)), answered(fit_baselines(question, blocks)), strict=True
    ):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("kind", ["classes", "labels"])
def test_a_class_of_a_single_row_stops_no_floor(kind: str) -> None:
    generator = np.random.default_rng(0)
    number = generator.normal(size=700)
    place = (number > 0).astype(int)
    place[3] = 2
    names = ["low", "high", "rare"]
    known = np.array(names, object)[place] if kind == "classes" else place[:, None] == np.arange(3)
    train, test = np.arange(600), np.arange(600, 700)
    question = Question(kind, names, train, known[train], test, known[test])
    found = fit_baselines(question, [plain_numbers(number)])
    assert measure(found["boosting"].answers)["accuracy" if kind == "classes" else "macro_f1"][0] > 0.6


def test_rows_with_the_same_inner_products_get_the_same_answers() -> None:
    words = sparse.random(90, 700, density=0.05, format="csr", dtype=np.float32, random_state=np.random.RandomState(0))
    labels = np.asarray(words[:, :40].sum(1)).ravel() > 1
    compact = baselines._compact(words)
    assert compact.shape[1] <= 90
    model = LogisticRegression(C=10.0, tol=1e-8, max_iter=1000)
    wanted = model.fit(words[:60], labels[:60]).predict_proba(words[60:])
    np.testing.assert_allclose(model.fit(compact[:60], labels[:60]).predict_proba(compact[60:]), wanted, atol=1e-3)


def test_rows_without_a_word_have_a_compact_form_too() -> None:
    assert baselines._compact(sparse.csr_matrix((8, 5), dtype=np.float32)).tolist() == [[0.0]] * 8


@pytest.mark.parametrize("kind", ["classes", "ordered", "labels", "numbers"])
def test_long_texts_of_many_rows_are_fitted_as_well_in_a_few_passes(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    question, blocks = posed(kind)
    exact = fit_baselines(question, blocks)["linear"]
    monkeypatch.setattr(baselines, "EXACT_WORK", 0.0)
    quick = fit_baselines(question, blocks)["linear"]
    assert quick.settings == exact.settings
    metric = {"classes": "accuracy", "ordered": "qwk", "labels": "accuracy", "numbers": "r2"}[kind]
    assert measure(exact.answers)[metric][0] > 0.99
    assert measure(quick.answers)[metric][0] > 0.97


@pytest.mark.parametrize("kind", ["classes", "numbers"])
def test_a_column_that_is_empty_where_this_task_is_labelled(kind: str) -> None:
    question, blocks = posed(kind)
    elsewhere = np.where(np.arange(ROWS) < 180, np.nan, 1.0)
    plain = fit_baselines(question, [plain_numbers(np.stack([elsewhere, blocks[0].values[:, 0]], axis=1)), *blocks[1:]])
    assert set(plain) == {"trivial", "linear", "boosting"}
    alone = fit_baselines(question, [plain_numbers(elsewhere)])
    assert set(alone) == {"trivial", "linear", "boosting"}


def test_a_floor_that_cannot_be_fitted_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> Baseline:
        raise ValueError("no such matrix")

    broken.__name__ = "linear"
    monkeypatch.setattr(baselines, "linear", broken)
    question, blocks = posed("classes")
    with pytest.warns(RuntimeWarning, match="linear cannot be fitted and is left out: no such matrix"):
        found = fit_baselines(question, blocks)
    assert set(found) == {"trivial", "boosting"}
