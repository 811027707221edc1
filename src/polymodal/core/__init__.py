"""The carrier objects and the rules that every other part obeys.

`Batch` holds some rows: per modality its distinct values and which row has which (-1 = absent), and the targets in the
same form. Encoders turn values into `Tokens`; fusion turns tokens into a `Representation`; tasks read that.

>>> import torch
>>> from polymodal.core import Values
>>> drug = Values({"weight": torch.tensor([[180.2], [46.1]])}, index=torch.tensor([0, 1, 1, -1]))
>>> drug.count, drug.present.tolist()
(2, [True, True, True, False])
"""

from polymodal.core.batch import Batch, Combine, Grid, Refusal, Representation, Tokens, Values
from polymodal.core.errors import (
    DamagedError,
    DataError,
    DivergedError,
    GateError,
    PolymodalError,
    PolymodalWarning,
    ResourceError,
    SpecError,
    UsageProblem,
    did_you_mean,
    missing_extra,
)

__all__ = [
    "Batch",
    "Combine",
    "DamagedError",
    "DataError",
    "DivergedError",
    "GateError",
    "Grid",
    "PolymodalError",
    "PolymodalWarning",
    "Refusal",
    "Representation",
    "ResourceError",
    "SpecError",
    "Tokens",
    "UsageProblem",
    "Values",
    "did_you_mean",
    "missing_extra",
]
