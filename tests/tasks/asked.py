"""Tasks that were asked of a few cells."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from polymodal.core import Representation
from polymodal.data.base import DataTable
from polymodal.tasks import Task


def asked(task: Task, cells: list) -> Task:
    """The task, fitted on a column of these cells."""
    table = DataTable(pd.DataFrame({task.target: pd.Series(cells, dtype=object)}))
    task.reader.fit(table, np.arange(len(cells)))
    return task


def first_answer(task: Task) -> Tensor:
    """(1, outputs) what a fresh head says of a row of which nothing is known."""
    head: nn.Module = task.head(2, 4, "mean")
    nothing = Representation(torch.zeros(1, 2, 4), torch.zeros(1, 2, dtype=torch.bool), "mean", {}, {})
    with torch.no_grad():
        return head(nothing)
