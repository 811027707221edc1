"""The estimators keep scikit-learn's contract, and take what scikit-learn users have."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

from polymodal.core import UsageProblem
from polymodal.estimator import MultimodalClassifier, MultimodalEstimator, MultimodalRegressor
from polymodal.modalities import Table
from polymodal.tasks import Binary

QUICK = {"epochs": 12, "members": 1, "lr": 2e-2, "batch_size": 16, "width": 16}
KINDS = (MultimodalClassifier, MultimodalRegressor, MultimodalEstimator)


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks([kind(**QUICK) for kind in KINDS])
def test_the_contract_of_scikit_learn(estimator, check) -> None:  # type: ignore[no-untyped-def]
    check(estimator)


def mixed(rows: int = 80) -> tuple[pd.DataFrame, pd.Series]:
    """Numbers, categories, dates and texts, with holes, and a label that the number and the text decide."""
    generator = np.random.default_rng(0)
    number = generator.normal(size=rows)
    word = generator.choice(["good", "bad"], size=rows)
    frame = pd.DataFrame(
        {
            "number": np.where(generator.random(rows) < 0.2, np.nan, number),
            "colour": generator.choice(["red", "blue", None], size=rows),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(generator.integers(0, 400, rows), unit="D"),
            "note": [f"this was a {each} day number {place} for all of us here" for place, each in enumerate(word)],
        }
    )
    return frame, pd.Series(np.where((number > 0) & (word == "good"), "yes", "no"))


def test_a_frame_of_mixed_columns_in_a_pipeline_and_cross_validation() -> None:
    frame, label = mixed()
    pipeline = make_pipeline(FunctionTransformer(), MultimodalClassifier(**QUICK))
    assert len(cross_val_score(pipeline, frame, label, cv=2)) == 2
    fitted = pipeline.fit(frame, label)
    assert set(fitted.predict(frame)) <= {"yes", "no"}
    np.testing.assert_allclose(fitted.predict_proba(frame).sum(axis=1), 1.0)
    names = {type(part).__name__ for part in fitted[-1].fitted_.model.modalities.values()}
    assert names == {"Table", "Text"}


def test_a_row_without_anything_gets_an_answer() -> None:
    frame, label = mixed()
    fitted = MultimodalClassifier(**QUICK).fit(frame, label)
    empty = frame.iloc[:1].map(lambda cell: None)
    assert np.isfinite(fitted.predict_proba(empty)).all()


def test_many_targets_with_holes() -> None:
    frame, label = mixed()
    targets = pd.DataFrame({"label": label, "score": frame["number"].fillna(0) * 2, "grade": np.arange(80) % 4})
    targets.loc[::3, "label"] = None
    targets.loc[1::3, "score"] = np.nan
    fitted = MultimodalEstimator(**QUICK).fit(frame, targets)
    predicted = fitted.predict(frame)
    assert list(predicted.columns) == ["label", "score", "grade"]
    assert set(predicted["label"]) <= {"yes", "no"}
    assert predicted["score"].dtype == float
    assert {"label", "grade"} <= set(fitted.predict_proba(frame))


def test_a_clone_is_unfitted_and_alike() -> None:
    frame, label = mixed()
    first = MultimodalClassifier(**QUICK).fit(frame, label)
    second = clone(first)
    assert not hasattr(second, "fitted_")
    np.testing.assert_array_equal(second.fit(frame, label).predict_proba(frame), first.predict_proba(frame))


def test_targets_may_be_called_anything_and_rows_may_be_none() -> None:
    frame, label = mixed()
    names = ["would buy again?", "values", "a.b"]
    targets = pd.DataFrame({names[0]: label, names[1]: np.arange(len(frame)) / 7, names[2]: np.arange(len(frame)) % 3})
    fitted = MultimodalEstimator(**QUICK | {"epochs": 1}).fit(frame, targets)
    assert list(fitted.predict(frame).columns) == names
    assert list(fitted.predict(frame.iloc[:0]).columns) == names
    assert len(fitted.predict(frame.iloc[:0])) == 0


def test_every_column_that_was_chosen_is_an_input() -> None:
    draw = np.random.default_rng(0)
    number = draw.normal(size=150)
    frame = pd.DataFrame({"case": np.arange(150), "x": number, "noise": draw.normal(size=150)})
    fitted = MultimodalRegressor(**QUICK).fit(frame, 3 * number + 1)
    (table,) = fitted.fitted_.model.modalities.values()
    assert set(table.reader.names) == {"case", "x", "noise"}
    assert fitted.score(frame, 3 * number + 1) > 0.8


def test_given_modalities_read_their_own_columns_in_any_order_and_nothing_else() -> None:
    frame, label = mixed()
    named = frame.assign(label=label)
    fitted = MultimodalClassifier(modalities={"all": Table([*frame.columns[:1], "n*"])}, **QUICK).fit(named, label)
    assert "label" not in fitted.feature_names_in_
    other = frame[frame.columns[::-1]].assign(more=1)
    np.testing.assert_array_equal(fitted.predict_proba(other), fitted.predict_proba(named))


def test_predictions_carry_the_index_of_x() -> None:
    frame, label = mixed()
    frame.index = pd.Index(np.arange(len(frame)) * 3 + 7)
    targets = pd.DataFrame({"label": np.asarray(label)}, index=frame.index)
    fitted = MultimodalEstimator(**QUICK | {"epochs": 1}).fit(frame, targets)
    assert fitted.predict(frame).index.equals(frame.index)
    assert fitted.predict_proba(frame)["label"].index.equals(frame.index)


def test_what_cannot_be_fitted_is_said_clearly() -> None:
    frame, label = mixed()
    holes = np.asarray(label, dtype=object)
    holes[3] = None
    with pytest.raises(ValueError, match="1 missing value"):
        MultimodalClassifier(**QUICK).fit(frame, holes)
    with pytest.raises(ValueError, match="more than one column named"):
        MultimodalClassifier(**QUICK).fit(pd.concat([frame, frame], axis=1), label)
    with pytest.raises(UsageProblem, match="unknown-target"):
        MultimodalEstimator(tasks={"nope": Binary("nope")}, **QUICK).fit(frame, pd.DataFrame({"label": label}))
