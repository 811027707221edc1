"""Kinds of question that can be asked of a sample. One file is one kind: its target, head, loss, decoding and metrics.

A task is described first and fitted later, when the training rows are known. A row without a label adds exactly nothing
to the loss of that task, and the other tasks still learn from it.

>>> from polymodal.tasks import Binary
>>> Binary(target="diagnosis", positive="impaired").headline
'auroc'
"""

from polymodal.tasks.base import Decoded, Head, Task
from polymodal.tasks.binary import Binary
from polymodal.tasks.multiclass import Multiclass
from polymodal.tasks.multilabel import Multilabel
from polymodal.tasks.ordinal import Ordinal
from polymodal.tasks.regression import Regression

__all__ = ["Binary", "Decoded", "Head", "Multiclass", "Multilabel", "Ordinal", "Regression", "Task"]
