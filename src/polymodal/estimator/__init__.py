"""The scikit-learn face: estimators that take a DataFrame of any columns, or a plain array. Wiring only."""

from polymodal.estimator.base import Multimodal
from polymodal.estimator.several import MultimodalEstimator
from polymodal.estimator.single import MultimodalClassifier, MultimodalRegressor

__all__ = ["Multimodal", "MultimodalClassifier", "MultimodalEstimator", "MultimodalRegressor"]
