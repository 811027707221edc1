"""The estimators keep scikit-learn's contract, and take what scikit-learn users have."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image as Pillow
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

from polymodal.core import UsageProblem
from polymodal.estimator import MultimodalClassifier, MultimodalEstimator, MultimodalRegressor
from polymodal.fusion import Late
from polymodal.modalities import Image, Table, Text
from polymodal.sharing import Hard
from polymodal.tasks import Binary, Survival
from polymodal.tasks.metrics import c_index
from tests.tasks.followed import followed

QUICK = {"epochs": 12, "members": 1, "lr": 2e-2, "batch_size": 16, "width": 16}
ONCE = QUICK | {"epochs": 1}
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


def test_names_of_files_are_relative_to_the_given_folder(tmp_path) -> None:
    draw = np.random.default_rng(0)
    for row in range(24):
        Pillow.fromarray(draw.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(tmp_path / f"{row}.png")
    frame = pd.DataFrame({"path": [f"{row}.png" for row in range(24)], "x": draw.normal(size=24)})
    label = np.arange(24) % 2
    given = MultimodalClassifier(modalities={"scan": Image("path")}, files=str(tmp_path), **ONCE)
    assert given.get_params()["files"] == str(tmp_path)
    probabilities = given.fit(frame, label).predict_proba(frame)
    assert not np.allclose(probabilities, given.predict_proba(frame.assign(path=None)))
    chosen = MultimodalEstimator(files=tmp_path, **ONCE).fit(frame, label)
    assert {type(part) for part in chosen.fitted_.model.modalities.values()} == {Image, Table}
    assert MultimodalRegressor(files=tmp_path, **ONCE).fit(frame, label).predict(frame).shape == (24,)


@pytest.mark.parametrize("dtype", ["boolean", "Int64", "bool[pyarrow]", "int64[pyarrow]", "string", "category"])
@pytest.mark.parametrize("kind", [MultimodalClassifier, MultimodalEstimator])
def test_predictions_are_of_the_values_of_y(kind, dtype) -> None:
    frame, label = mixed()
    text = dtype in {"string", "category"}
    y = (label if text else pd.Series(label == "yes")).astype(dtype)
    predicted = kind(**ONCE).fit(frame, y).predict(frame)
    plain = np.asarray([True]) if "bool" in dtype else np.asarray([1])
    assert set(predicted) <= set(y)
    assert text or predicted.dtype == plain.dtype


@pytest.mark.parametrize("dtype", ["boolean", "Int64"])
def test_a_hole_in_a_nullable_column(dtype) -> None:
    frame, label = mixed()
    y = pd.Series(label == "yes").astype(dtype)
    y.iloc[3] = pd.NA
    for kind in (MultimodalClassifier, MultimodalRegressor):
        with pytest.raises(ValueError, match="y has 1 missing value"):
            kind(**ONCE).fit(frame, y)
    fitted = MultimodalEstimator(**ONCE).fit(frame, y)
    assert fitted.predict(frame).dtype == (bool if dtype == "boolean" else int)


def test_the_seed_is_read_as_scikit_learn_reads_it() -> None:
    frame, label = mixed()

    def fitted(state) -> np.ndarray:
        return MultimodalClassifier(random_state=state, **ONCE).fit(frame, label).predict_proba(frame)

    np.testing.assert_array_equal(fitted(np.int64(3)), fitted(3))
    assert not np.array_equal(fitted(3), fitted(0))
    np.testing.assert_array_equal(fitted(np.random.RandomState(5)), fitted(np.random.RandomState(5)))
    same = np.random.RandomState(5)
    assert not np.array_equal(fitted(same), fitted(same))
    assert not np.array_equal(fitted(None), fitted(None))
    drawn = MultimodalClassifier(random_state=None, **ONCE).fit(frame, label)
    np.testing.assert_array_equal(fitted(drawn.seed_), drawn.predict_proba(frame))
    assert MultimodalClassifier().random_state == 0
    with pytest.raises(ValueError, match="cannot be used to seed"):
        fitted("three")


@pytest.mark.parametrize("given", [True, False], ids=["given", "chosen"])
def test_a_frame_may_lack_a_modality_as_a_whole(given) -> None:
    frame, label = mixed()
    labs = ["number", "colour", "day"]
    senses = {"note": Text(["note"]), "labs": Table(labs)} if given else None
    fitted = MultimodalClassifier(modalities=senses, **QUICK).fit(frame, label)
    for gone in (["note"], labs):
        wanted = fitted.predict_proba(frame.assign(**dict.fromkeys(gone)))
        np.testing.assert_array_equal(fitted.predict_proba(frame.drop(columns=gone).assign(more=1)), wanted)
    np.testing.assert_array_equal(fitted.predict_proba(frame[frame.columns[::-1]]), fitted.predict_proba(frame))
    with pytest.raises(ValueError, match="now missing:\n- day"):
        fitted.predict(frame.drop(columns="day"))
    with pytest.raises(ValueError, match="no column of any modality"):
        fitted.predict(frame[[]].assign(more=1))


@pytest.mark.parametrize("names", [[3, 1, 2, 0], [" a", "b ", "c", "d"], [("p", 0), ("p", 1), ("q", 0), ("q", 1)]])
def test_columns_called_anything_are_missed_as_well(names) -> None:
    frame, label = mixed()
    frame = frame.set_axis(pd.Index(names), axis=1)
    fitted = MultimodalClassifier(**ONCE).fit(frame, label)
    assert np.isfinite(fitted.predict_proba(frame[frame.columns[:3]])).all()
    with pytest.raises(ValueError, match=r"now missing|X has 3 features"):
        fitted.predict(frame[frame.columns[1:]])


@pytest.mark.filterwarnings("ignore:X .* feature names")
def test_frames_and_arrays_go_by_place() -> None:
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 2)), columns=["a", "b"])
    y = np.arange(40) % 2
    for first, second in ((frame, frame.to_numpy()), (frame.to_numpy(), frame)):
        fitted = MultimodalClassifier(**ONCE).fit(first, y)
        np.testing.assert_array_equal(fitted.predict_proba(second), fitted.predict_proba(first))


def test_a_pattern_never_meets_the_target() -> None:
    frame, label = mixed()
    senses = {"all": Table(["*"]), "note": Text(["n*te"])}
    fitted = MultimodalClassifier(modalities=senses, **ONCE).fit(frame, label)
    read = {name: set(part.reader.names) for name, part in fitted.fitted_.model.modalities.items()}
    assert read == {"all": set(frame.columns), "note": {"note"}}
    assert fitted.predict(frame).shape == (80,)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("validation", 1.5),
        ("validation", None),
        ("validation", float("nan")),
        ("width", "64"),
        ("width", True),
        ("epochs", "3"),
        ("epochs", 0),
        ("lr", -1.0),
        ("members", 1.5),
        ("time_limit", "soon"),
        ("modalities", [Table(["number"])]),
        ("modalities", Table(["number"])),
        ("modalities", {"labs": Table}),
        ("modalities", {}),
        ("fusion", "late"),
        ("fusion", Late),
        ("balancer", "equal"),
        ("sharing", Hard),
        ("tasks", [Binary("label")]),
        ("files", 3),
        ("files", "no such folder"),
    ],
)
def test_a_wrong_option_is_named_as_it_was_given(option, value) -> None:
    frame, label = mixed()
    model = MultimodalEstimator(**ONCE | {option: value})
    with pytest.raises(UsageProblem) as caught:
        model.fit(frame, pd.DataFrame({"label": label}))
    assert caught.value.code == "bad-setting"
    assert caught.value.where == f"MultimodalEstimator({option}=...)"
    assert caught.value.found == repr(value)


def test_wrong_options_are_told_together_and_numbers_of_numpy_are_right() -> None:
    frame, label = mixed()
    with pytest.raises(UsageProblem) as caught:
        MultimodalClassifier(width=0, validation=1.5).fit(frame, label)
    assert len(caught.value.also) == 1
    options = {"epochs": np.int64(1), "members": np.int32(1), "width": np.int64(8), "lr": np.float32(0.01)}
    assert MultimodalClassifier(**options, validation=np.float64(0.2)).fit(frame, label).predict(frame).shape == (80,)


def test_what_could_not_be_used_is_said(tmp_path) -> None:
    draw = np.random.default_rng(0)
    for row in range(24):
        Pillow.fromarray(draw.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(tmp_path / f"{row}.png")
    (tmp_path / "3.png").write_bytes(b"x")
    frame = pd.DataFrame({"path": [f"{row}.png" for row in range(24)], "age": draw.normal(size=24).astype(str)})
    frame.loc[5, "age"] = "old"
    senses = {"scan": Image("path"), "labs": Table(["age"])}
    model = MultimodalClassifier(modalities=senses, files=str(tmp_path), **ONCE)
    with pytest.warns(UserWarning, match="could not be used") as told:
        model.fit(frame, np.arange(24) % 2)
    said = [str(each.message) for each in told]
    assert any('1 of 24 values of column "path"' in each and "in row 3 (3.png)" in each for each in said)
    assert any('1 of 24 values of column "age"' in each and "old" in each for each in said)
    model.files = str(tmp_path.parent)
    with pytest.warns(UserWarning, match='24 of 24 values of column "path"'):
        model.predict(frame.assign(age="1"))


def test_two_columns_of_y_are_one_question() -> None:
    truth, features = followed(120)
    frame = pd.DataFrame(features, columns=["a", "b", "c"])
    y = pd.DataFrame({"months": truth["time"], "died": truth["event"].astype(int)})
    tasks = {"os": Survival("months", "died")}
    found = MultimodalEstimator(tasks, **QUICK).fit(frame, y).predict(frame)
    assert list(found.columns) == ["os"]
    assert c_index(truth["time"], -found["os"], truth["event"]) > 0.6
