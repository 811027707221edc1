"""A saved estimator comes back whole, says the same, and holds no code."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from polymodal.core import DamagedError, UsageProblem
from polymodal.estimator import MultimodalClassifier, MultimodalEstimator, MultimodalRegressor
from polymodal.estimator.keeping import as_plain, from_plain
from polymodal.fusion import Gated
from polymodal.modalities import Table, Text
from polymodal.sharing import Branches
from polymodal.tasks import Regression

ONCE = {"epochs": 1, "members": 2, "lr": 2e-2, "batch_size": 16, "width": 8}


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    words = draw.choice(["good", "bad"], size=60)
    return pd.DataFrame(
        {
            "number": draw.normal(size=60),
            "note": [f"a {each} day number {place} for all of us" for place, each in enumerate(words)],
        }
    )


LABELS = {
    "texts": np.array(["yes", "no", "perhaps"])[np.arange(60) % 3],
    "whole numbers": np.arange(60) % 2 + 3,
    "truths": np.arange(60) % 2 == 0,
    "halves": np.arange(60) % 2 / 2,
    "objects": np.array(["yes", "no"], dtype=object)[np.arange(60) % 2],
}


@pytest.mark.parametrize("name", LABELS)
def test_a_classifier_comes_back(name, frame, tmp_path) -> None:
    y = LABELS[name] if name != "halves" else LABELS[name].astype(str)
    fitted = MultimodalClassifier(random_state=np.random.RandomState(3), **ONCE).fit(frame, y)
    fitted.save(tmp_path / "kept")
    back = MultimodalClassifier.load(tmp_path / "kept")
    np.testing.assert_array_equal(back.predict(frame), fitted.predict(frame))
    np.testing.assert_allclose(back.predict_proba(frame), fitted.predict_proba(frame), atol=1e-12)
    assert back.classes_.dtype == fitted.classes_.dtype
    assert np.isfinite(back.predict_proba(frame.drop(columns="note"))).all()
    with pytest.raises(ValueError, match="no column of any modality"):
        back.predict(frame[[]])
    assert {path.suffix for path in (tmp_path / "kept").iterdir()} == {".json", ".safetensors", ".md"}


def test_options_and_parts_come_back_and_can_be_fitted_again(frame, tmp_path) -> None:
    senses = {"labs": Table(["n*ber"]), "note": Text(["note"])}
    y = pd.DataFrame({"a b": frame["number"] * 2, "kind": LABELS["texts"]})
    y.loc[3, "kind"] = None
    asked = {"tasks": {"a b": Regression("a b")}, "modalities": senses, "fusion": Gated(), "sharing": Branches()}
    fitted = MultimodalEstimator(**asked, **ONCE).fit(frame, y)
    fitted.save(tmp_path / "kept")
    back = MultimodalEstimator.load(tmp_path / "kept")
    pd.testing.assert_frame_equal(back.predict(frame), fitted.predict(frame))
    pd.testing.assert_frame_equal(back.predict_proba(frame)["kind"], fitted.predict_proba(frame)["kind"])
    assert list(back.tasks) == ["a b"]
    assert isinstance(back.fusion, Gated)
    assert isinstance(back.sharing, Branches)
    assert isinstance(fitted.model_.members[0].sharing, Branches)
    assert back.balancer is None
    again = clone(back).fit(frame, y)
    pd.testing.assert_frame_equal(again.predict(frame), fitted.predict(frame))


def test_arrays_and_odd_columns_come_back(frame, tmp_path) -> None:
    numbers = np.random.default_rng(1).normal(size=(40, 3))
    fitted = MultimodalRegressor(**ONCE).fit(numbers, numbers[:, 0])
    fitted.save(tmp_path / "array")
    np.testing.assert_array_equal(
        MultimodalRegressor.load(tmp_path / "array").predict(numbers), fitted.predict(numbers)
    )
    pairs = pd.DataFrame(numbers, columns=pd.MultiIndex.from_tuples([("p", 0), ("p", 1), ("q", 0)]))
    fitted = MultimodalRegressor(**ONCE).fit(pairs, numbers[:, 0])
    fitted.save(tmp_path / "pairs")
    back = MultimodalRegressor.load(str(tmp_path / "pairs"))
    np.testing.assert_array_equal(back.predict(pairs), fitted.predict(pairs))


def test_what_cannot_be_kept_or_read_is_refused(frame, tmp_path) -> None:
    with pytest.raises(NotFittedError):
        MultimodalClassifier().save(tmp_path / "none")
    fitted = MultimodalRegressor(**ONCE).fit(frame[["number"]], frame["number"])
    fitted.save(tmp_path / "kept")
    with pytest.raises(DamagedError, match="a saved MultimodalClassifier"):
        MultimodalClassifier.load(tmp_path / "kept")
    config = tmp_path / "kept" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"members": 1}))
    with pytest.raises(DamagedError, match=r"config\.json"):
        MultimodalRegressor.load(tmp_path / "kept")
    with pytest.raises(UsageProblem, match="no-model"):
        MultimodalRegressor.load(tmp_path / "gone")
    dated = MultimodalEstimator(**ONCE).fit(frame[["number"]], pd.date_range("2024", periods=2).repeat(30))
    with pytest.raises(UsageProblem, match="cannot-be-saved"):
        dated.save(tmp_path / "dated")


def test_a_folder_of_other_things_is_left_alone(frame, tmp_path) -> None:
    fitted = MultimodalRegressor(**ONCE).fit(frame[["number"]], frame["number"])
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    for place in ("mine", "mine/thesis.tex"):
        with pytest.raises(UsageProblem, match="folder-in-use"):
            fitted.save(tmp_path / place)
    assert (tmp_path / "mine" / "thesis.tex").read_text() == "years of work"
    (tmp_path / "empty").mkdir()
    fitted.save(tmp_path / "empty")
    fitted.save(tmp_path / "empty")
    assert MultimodalRegressor.load(tmp_path / "empty").predict(frame[["number"]]).shape == (60,)


def test_values_survive_json() -> None:
    values = {
        "a": [1, 2.5, float("inf"), True, None, "x"],
        ("b", 1): (np.int64(3), np.str_("y")),
        3: {"deep": np.array([1.5, 2.5], dtype=np.float32)},
    }
    back = from_plain(json.loads(json.dumps(as_plain(values, "here"))))
    assert list(back) == ["a", ("b", 1), 3]
    assert back["a"] == values["a"]
    assert back["b", 1] == (3, "y")
    assert back[3]["deep"].dtype == np.float32
    assert as_plain(Path("a/b"), "here") == "a/b"
    with pytest.raises(UsageProblem, match="here"):
        as_plain(object(), "here")


@pytest.mark.parametrize("kind", [MultimodalClassifier, MultimodalRegressor, MultimodalEstimator])
def test_groups_are_validated_together(kind, frame) -> None:
    groups = np.arange(60) // 6
    fitted = kind(validation=0.2, **ONCE).fit(frame, np.arange(60) % 2, groups=groups)
    split = fitted.fitted_.split
    assert len(split.validation)
    assert not set(groups[split.validation]) & set(groups[split.train])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        kind(**ONCE).fit(frame, np.arange(60) % 2, groups=groups[:5])
