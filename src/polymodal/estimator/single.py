"""One target: a classifier and a regressor."""

from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets

from polymodal.estimator.base import TARGET, Multimodal
from polymodal.estimator.checking import one_column
from polymodal.tasks import Binary, Multiclass, Regression

__all__ = ["MultimodalClassifier", "MultimodalRegressor"]


class MultimodalClassifier(ClassifierMixin, Multimodal):
    """A classifier for rows that hold numbers, categories, dates, texts or pictures, any of which may be missing.

    X is a DataFrame or an array (rows, columns); y (rows,) are labels of two or more classes. Unless `modalities` are
    given (a mapping of names to objects of `polymodal.modalities`), they are chosen from the content of the columns.
    Names of files are relative to the folder `files`. Options left at None are chosen from the number of rows;
    `random_state` is a seed, or draws one (kept as `seed_`) as scikit-learn does. A DataFrame to predict for may lack
    all columns of a modality: that one is absent in every row. Raises ValueError for what scikit-learn refuses,
    UsageProblem for an option that cannot be used, and DataError for what cannot be learned from.
    """

    def fit(self, X: Any, y: Any, groups: Any = None) -> Self:
        """Learn from X (rows, columns) and y (rows,); rows of one of the `groups` (rows,) are validated together."""
        frame = self._frame(X, fitting=True)
        y = one_column(y, len(frame))
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y needs at least two classes, found one class: {self.classes_[0]!r}")
        kind = Binary if len(self.classes_) == 2 else Multiclass
        self._fit(frame, pd.DataFrame({TARGET: codes.astype(str)}), {TARGET: kind(TARGET)}, groups)
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


class MultimodalRegressor(RegressorMixin, Multimodal):
    """A regressor for rows that hold numbers, categories, dates, texts or pictures, any of which may be missing.

    The same as `MultimodalClassifier`, for a number y (rows,) in its own unit.
    """

    def fit(self, X: Any, y: Any, groups: Any = None) -> Self:
        """Learn from X (rows, columns) and y (rows,); rows of one of the `groups` (rows,) are validated together."""
        frame = self._frame(X, fitting=True)
        y = one_column(y, len(frame), numeric=True)
        self._fit(frame, pd.DataFrame({TARGET: y}), {TARGET: Regression(TARGET)}, groups)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """(rows,) numbers in the unit of y."""
        return self._decoded(X)[TARGET].prediction
