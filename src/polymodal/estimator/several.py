"""Several targets at once."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from polymodal.balancing import Balancer
from polymodal.core import UsageProblem
from polymodal.data.inference import propose
from polymodal.data.kinds import parse_labels
from polymodal.data.tables import from_frame
from polymodal.estimator.base import Multimodal
from polymodal.fusion import Fusion
from polymodal.modalities import Modality
from polymodal.sharing import Sharing
from polymodal.spec import Spec
from polymodal.tasks import Decoded, Task

__all__ = ["MultimodalEstimator"]


class MultimodalEstimator(Multimodal):
    """One model for several targets at once, each of its own kind, any of which may be missing in any row.

    y is a DataFrame (or array) with a column for each target; a missing target is NaN or None. The kind of each is
    chosen from its content unless `tasks` (a mapping of targets' names to objects of `polymodal.tasks`) says otherwise.
    `sharing` (an object of `polymodal.sharing`) is what targets have in common; all but their heads unless given.
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
        random_state: int | np.random.RandomState | None = 0,
        files: str | Path | None = None,
        sharing: Sharing | None = None,
    ) -> None:
        super().__init__(
            modalities, fusion, balancer, width, epochs, batch_size, lr, members, validation, time_limit, random_state,
            files,
        )  # fmt: skip
        self.tasks, self.sharing = tasks, sharing

    def fit(self, X: Any, y: Any, groups: Any = None) -> Self:
        """Learn from X (rows, columns) and y (rows, targets); rows of one of the `groups` are validated together."""
        frame = self._frame(X, fitting=True)
        targets = _targets(y, len(frame))
        self.targets_ = list(map(str, targets.columns))
        clash = set(self.targets_) & set(map(str, frame.columns))
        if clash:
            found, remedy = f"{', '.join(sorted(clash))} in both", "drop them from X, or rename the columns of y"
            expected = "targets that are no columns of X"
            raise UsageProblem("target-among-inputs", where="fit", expected=expected, found=found, remedy=remedy)
        given = {name: copy.deepcopy(task) for name, task in (self.tasks or {}).items()}
        strange = sorted(name for name, task in given.items() if not {name, *task.targets} & set(self.targets_))
        if strange:
            expected, remedy = f"names of columns of y: {', '.join(self.targets_)}", "rename or take them out"
            raise UsageProblem(
                "unknown-target", where="tasks", expected=expected, found=", ".join(strange), remedy=remedy
            )
        answered = {name for key, task in given.items() for name in (key, *task.targets)}
        rest = targets[[name for name in targets.columns if name not in answered]]
        tasks = given | (_guessed(rest) if len(rest.columns) else {})
        self._fit(frame, targets, tasks, groups)
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
            expected, found = "a target that has classes", "numbers only"
            raise UsageProblem(
                "no-classes", where="predict_proba", expected=expected, found=found, remedy="call predict"
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
    return {str(task.target): task for task in found.values()}


def _spellings(target: pd.Series) -> dict[str, Any]:
    """Each label as text → the value that stood for it."""
    labels = parse_labels(target)
    return {label: value for label, value in zip(labels, target, strict=True) if label is not None}


def _targets(y: Any, rows: int) -> pd.DataFrame:
    made = y.to_frame("y0") if isinstance(y, pd.Series) else y
    if not isinstance(made, pd.DataFrame):
        array = np.asarray(y)
        made = pd.DataFrame(array.reshape(-1, 1) if array.ndim == 1 else array).add_prefix("y")
    if len(made) != rows:
        raise ValueError(f"X has {rows} samples and y has {len(made)}")
    return made.reset_index(drop=True).rename(columns=str)
