"""The scikit-learn face: estimators that take a DataFrame of any columns, or a plain array. Wiring only."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import Tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    check_array,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from polymodal.balancing import Balancer, Equal
from polymodal.core import UsageProblem
from polymodal.data.base import DataTable
from polymodal.data.inference import propose
from polymodal.data.kinds import parse_labels
from polymodal.data.naming import usable_name
from polymodal.data.selection import expand_columns
from polymodal.data.splits import SplitPlan, strata_of
from polymodal.data.tables import from_frame
from polymodal.fusion import Fusion, Late
from polymodal.modalities import Modality, Table
from polymodal.run.division import divided
from polymodal.run.fitting import Fitted, fit_parts, read_samples
from polymodal.spec import Parts, Spec
from polymodal.tasks import Binary, Decoded, Multiclass, Regression, Task
from polymodal.training import Settings
from polymodal.training.predicting import outputs

__all__ = ["MultimodalClassifier", "MultimodalEstimator", "MultimodalRegressor"]

TARGET = "target of fit"


class _Multimodal(BaseEstimator):
    """What the estimators share: their options, and the way from X to a fitted model."""

    def __init__(
        self,
        modalities: Mapping[str, Modality] | None = None,
        fusion: Fusion | None = None,
        balancer: Balancer | None = None,
        width: int = 64,
        epochs: int | None = None,
        batch_size: int | None = None,
        lr: float | None = None,
        members: int | None = None,
        validation: float = 0.1,
        time_limit: float | None = None,
        random_state: int = 0,
    ) -> None:
        self.modalities = modalities
        self.fusion = fusion
        self.balancer = balancer
        self.width = width
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.members = members
        self.validation = validation
        self.time_limit = time_limit
        self.random_state = random_state

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        return tags

    def _more_settings(self) -> Settings:
        settings = Settings(
            epochs=self.epochs,
            batch_size=self.batch_size,
            members=self.members,
            time_limit=self.time_limit,
            seed=self.random_state if isinstance(self.random_state, int) else 0,
        )
        return settings if self.lr is None else replace(settings, lr=self.lr)

    def _frame(self, X: Any, fitting: bool) -> pd.DataFrame:
        """X as a DataFrame, checked in the way of scikit-learn."""
        if isinstance(X, pd.DataFrame):
            frame = self._read_of(X, fitting)
            validate_data(self, frame, reset=fitting, skip_check_array=True)
            if fitting and len(frame) < 2:
                raise ValueError(f"at least 2 samples are needed to fit, found {len(frame)} sample")
            return frame.reset_index(drop=True)
        options: dict[str, Any] = {"dtype": _dtype(X), "ensure_all_finite": "allow-nan"}
        checked = validate_data(self, X, reset=fitting, ensure_min_samples=2 if fitting else 1, **options)
        return pd.DataFrame(checked, columns=[f"x{place}" for place in range(checked.shape[1])])

    def _read_of(self, frame: pd.DataFrame, fitting: bool) -> pd.DataFrame:
        """The columns that the given modalities read; what else stands there, a target say, does not concern them."""
        if not frame.columns.is_unique:
            twice = sorted(set(map(str, frame.columns[frame.columns.duplicated()])))
            raise ValueError(f"X has more than one column named {', '.join(twice)}; rename or drop them")
        if self.modalities is None:
            return frame
        if not fitting and hasattr(self, "feature_names_in_"):
            return frame[[name for name in self.feature_names_in_ if name in frame.columns]]
        names = [name for part in self.modalities.values() for name in part.reader.names]
        wanted = set(expand_columns(names, [str(name) for name in frame.columns], where="X"))
        return frame[[name for name in frame.columns if str(name) in wanted]]

    def _fit(self, frame: pd.DataFrame, targets: pd.DataFrame, tasks: dict[str, Task], plain: bool) -> Fitted:
        table = from_frame(pd.concat([frame, targets], axis=1), source="X")
        names = [str(name) for name in targets.columns]
        # A network cannot give every column's name to a part.
        self.asked_ = {name if usable_name(name) else f"target_{place}": name for place, name in enumerate(tasks)}
        parts = Parts(
            modalities=self._senses(table, list(map(str, frame.columns)), names, plain),
            tasks=dict(zip(self.asked_, tasks.values(), strict=True)),
            fusion=self.fusion or Late(),
            balancer=self.balancer or Equal(),
            settings=self._more_settings(),
            width=self.width,
        )
        # Too few rows to spare any: then the last weights are taken.
        share = self.validation if len(table) >= 20 else 0.0
        plan = SplitPlan(test=0.0, validation=share, seed=parts.settings.seed)
        return fit_parts(table, parts, divided(table, plan, strata=strata_of(table, names)))

    def _senses(
        self, table: DataTable, columns: Sequence[str], targets: Sequence[str], plain: bool
    ) -> dict[str, Modality]:
        if self.modalities is not None:
            return {name: _copied(part) for name, part in self.modalities.items()}
        if plain:
            return {"table": Table(columns)}
        proposed = propose(table, list(targets), everything=True)
        return Spec.from_dict({key: proposed[key] for key in ("data", "modalities", "tasks")}).build().modalities

    def _decoded(self, X: Any) -> dict[str, Decoded]:
        """What each task says of each row of X."""
        check_is_fitted(self, "fitted_")
        table = from_frame(self._frame(X, fitting=False), source="X")
        model = self.fitted_.model
        samples = read_samples(table, model, targets=())
        # In double precision a row's prediction does not depend on which rows stand beside it.
        made = outputs(model.double(), samples, np.arange(len(table)))
        return {asked: model.tasks[name].decode(made[name]) for name, asked in self.asked_.items()}


class MultimodalClassifier(ClassifierMixin, _Multimodal):
    """A classifier for rows that hold numbers, categories, dates, texts or pictures, any of which may be missing.

    X is a DataFrame or an array (rows, columns); y (rows,) are labels of two or more classes. Unless `modalities` are
    given (a mapping of names to objects of `polymodal.modalities`), they are chosen from the content of the columns.
    Options left at None are chosen from the number of rows. Raises ValueError for what scikit-learn refuses, and
    DataError for what cannot be learned from.
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from X (rows, columns) and y (rows,)."""
        frame = self._frame(X, fitting=True)
        y = _column(y, len(frame))
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y needs at least two classes, found one class: {self.classes_[0]!r}")
        kind = Binary if len(self.classes_) == 2 else Multiclass
        targets = pd.DataFrame({TARGET: codes.astype(str)})
        self.fitted_ = self._fit(frame, targets, {TARGET: kind(TARGET)}, not isinstance(X, pd.DataFrame))
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """(rows, classes) probabilities in the order of `classes_`."""
        decoded = self._decoded(X)[TARGET]
        probabilities = np.zeros((len(decoded.prediction), len(self.classes_)))
        probabilities[:, [int(code) for code in decoded.classes]] = decoded.probabilities
        return probabilities

    def predict(self, X: Any) -> np.ndarray:
        """(rows,) the more probable label of each row."""
        decoded = self._decoded(X)[TARGET]
        return self.classes_[decoded.prediction.astype(int)]


class MultimodalRegressor(RegressorMixin, _Multimodal):
    """A regressor for rows that hold numbers, categories, dates, texts or pictures, any of which may be missing.

    The same as `MultimodalClassifier`, for a number y (rows,) in its own unit.
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from X (rows, columns) and y (rows,)."""
        frame = self._frame(X, fitting=True)
        y = _column(y, len(frame), numeric=True)
        targets = pd.DataFrame({TARGET: y})
        self.fitted_ = self._fit(frame, targets, {TARGET: Regression(TARGET)}, not isinstance(X, pd.DataFrame))
        return self

    def predict(self, X: Any) -> np.ndarray:
        """(rows,) numbers in the unit of y."""
        return self._decoded(X)[TARGET].prediction


class MultimodalEstimator(_Multimodal):
    """One model for several targets at once, each of its own kind, any of which may be missing in any row.

    y is a DataFrame (or array) with a column for each target; a missing target is NaN or None. The kind of each is
    chosen from its content unless `tasks` (a mapping of targets' names to objects of `polymodal.tasks`) says otherwise.
    Predictions carry the index of X.
    """

    def __init__(
        self,
        tasks: Mapping[str, Task] | None = None,
        modalities: Mapping[str, Modality] | None = None,
        fusion: Fusion | None = None,
        balancer: Balancer | None = None,
        width: int = 64,
        epochs: int | None = None,
        batch_size: int | None = None,
        lr: float | None = None,
        members: int | None = None,
        validation: float = 0.1,
        time_limit: float | None = None,
        random_state: int = 0,
    ) -> None:
        super().__init__(
            modalities, fusion, balancer, width, epochs, batch_size, lr, members, validation, time_limit, random_state
        )
        self.tasks = tasks

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from X (rows, columns) and y (rows, targets)."""
        frame = self._frame(X, fitting=True)
        targets = _targets(y, len(frame))
        self.targets_ = list(map(str, targets.columns))
        clash = set(self.targets_) & set(map(str, frame.columns))
        if clash:
            raise UsageProblem(
                "target-among-inputs",
                where="fit",
                expected="targets that are no columns of X",
                found=f"{', '.join(sorted(clash))} in both",
                remedy="drop them from X, or rename the columns of y",
            )
        given = {name: _copied(task) for name, task in (self.tasks or {}).items()}
        strange = sorted(set(given) - set(self.targets_))
        if strange:
            raise UsageProblem(
                "unknown-target",
                where="tasks",
                expected=f"names of columns of y: {', '.join(self.targets_)}",
                found=", ".join(strange),
                remedy="rename or take them out",
            )
        rest = targets.drop(columns=list(given))
        tasks = given | (_guessed(rest) if len(rest.columns) else {})
        self.fitted_ = self._fit(frame, targets, tasks, not isinstance(X, pd.DataFrame))
        self.single_ = np.ndim(y) == 1
        self.labels_ = {name: _spellings(targets[name]) for name in self.targets_}
        return self

    def predict(self, X: Any) -> pd.DataFrame | np.ndarray:
        """A column of predictions for each target, labels as they were given; (rows,) where y was one column."""
        decoded = self._decoded(X)
        columns = {name: self._spelt(name, made) for name, made in decoded.items()}
        return np.asarray(columns[self.targets_[0]]) if self.single_ else pd.DataFrame(columns, index=_index(X))

    def _spelt(self, name: str, made: Decoded) -> Any:
        if made.prediction.ndim == 2 or not len(made.classes):
            return list(made.prediction)
        return np.array([self.labels_[name].get(label, label) for label in made.prediction])

    def predict_proba(self, X: Any) -> dict[str, pd.DataFrame] | np.ndarray:
        """A DataFrame (rows, classes) of probabilities for each target with classes; an array where y was one column.

        Raises UsageProblem where no target has classes.
        """
        made = {name: part for name, part in self._decoded(X).items() if part.probabilities is not None}
        if not made:
            raise UsageProblem(
                "no-classes",
                where="predict_proba",
                expected="a target that has classes",
                found="numbers only",
                remedy="call predict",
            )
        if self.single_:
            return np.asarray(made[self.targets_[0]].probabilities)
        return {name: pd.DataFrame(part.probabilities, _index(X), list(part.classes)) for name, part in made.items()}


def _index(X: Any) -> pd.Index | None:
    """The index that predictions for X take over."""
    return X.index if isinstance(X, pd.DataFrame) else None


def _guessed(targets: pd.DataFrame) -> dict[str, Task]:
    proposed = propose(from_frame(targets, source="y"), list(map(str, targets.columns)))
    plain = {"data": {"table": "y"}, "modalities": {"any": {"type": "table", "columns": ["any"]}}}
    found = Spec.from_dict(plain | {"tasks": proposed["tasks"]}).build().tasks
    return {task.target: task for task in found.values()}


def _spellings(target: pd.Series) -> dict[str, Any]:
    """Each label as text → the value that stood for it."""
    labels = parse_labels(target)
    return {label: value for label, value in zip(labels, target, strict=True) if label is not None}


def _targets(y: Any, rows: int) -> pd.DataFrame:
    if isinstance(y, pd.DataFrame):
        made = y.reset_index(drop=True)
    else:
        array = np.asarray(y)
        array = array.reshape(-1, 1) if array.ndim == 1 else array
        made = pd.DataFrame(array, columns=[f"y{place}" for place in range(array.shape[1])])
    if len(made) != rows:
        raise ValueError(f"X has {rows} samples and y has {len(made)}")
    return made.rename(columns=str)


def _column(y: Any, rows: int, numeric: bool = False) -> np.ndarray:
    """y as one column, by scikit-learn's rules."""
    if y is None:
        raise ValueError("y is needed to fit: requires y to be passed, but the target y is None")
    y = column_or_1d(y, warn=True)
    if y.dtype == object and pd.isna(y).any():
        raise ValueError(f"y has {int(pd.isna(y).sum())} missing values; leave these rows out")
    check_consistent_length(np.empty(rows), y)
    if numeric:
        y = check_array(y, ensure_2d=False, dtype="numeric", input_name="y")
    return np.asarray(y)


def _dtype(X: Any) -> Any:
    """Numbers stay numbers; an object array that holds text is kept as it is."""
    if str(getattr(X, "dtype", "none")) != "object":
        return "numeric"
    if any(isinstance(cell, str) for cell in np.ravel(X)[:1000]):
        return None
    check_array(X, ensure_all_finite=False, ensure_min_samples=0, allow_nd=True)
    return "numeric"


def _copied(part: Any) -> Any:
    """A fresh part with the same options, so that fitting leaves the given one as it was."""
    return copy.deepcopy(part)
