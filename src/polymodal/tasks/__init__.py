"""Kinds of question that can be asked of a sample. One file is one kind: its target, head, loss, decoding and metrics.

A task is described first and fitted later, when the training rows are known. A row without a label adds exactly nothing
to the loss of that task, and the other tasks still learn from it. What is written, drawn or found, and not decided, has
a head that is taught.

>>> from polymodal.tasks import Binary
>>> Binary(target="diagnosis", positive="impaired").headline
'auroc'
"""

from polymodal.tasks.answer import Answer
from polymodal.tasks.base import Aspect, Decoded, Head, Task, TaughtHead
from polymodal.tasks.binary import Binary
from polymodal.tasks.caption import Caption
from polymodal.tasks.count import Count
from polymodal.tasks.depth import Depth
from polymodal.tasks.detection import Detection
from polymodal.tasks.embedding import Embedding
from polymodal.tasks.family import Family
from polymodal.tasks.multiclass import Multiclass
from polymodal.tasks.multilabel import Multilabel
from polymodal.tasks.ordinal import Ordinal
from polymodal.tasks.picture import Picture
from polymodal.tasks.potential import Potential
from polymodal.tasks.ranking import retrieval_metrics
from polymodal.tasks.regression import Regression
from polymodal.tasks.retrieval import Retrieval
from polymodal.tasks.segmentation import Segmentation
from polymodal.tasks.survival import Survival
from polymodal.tasks.token_labels import TokenLabels
from polymodal.tasks.token_values import TokenValues
from polymodal.tasks.transcript import Transcript

__all__ = [
    "Answer",
    "Aspect",
    "Binary",
    "Caption",
    "Count",
    "Decoded",
    "Depth",
    "Detection",
    "Embedding",
    "Family",
    "Head",
    "Multiclass",
    "Multilabel",
    "Ordinal",
    "Picture",
    "Potential",
    "Regression",
    "Retrieval",
    "Segmentation",
    "Survival",
    "Task",
    "TaughtHead",
    "TokenLabels",
    "TokenValues",
    "Transcript",
    "retrieval_metrics",
]
