"""Runs: a spec and its data in, a folder with a trained model and the truth about it out.

`fit` trains into a run folder, `pretrain` does so by objectives alone, `evaluate` judges a run on its own test rows or
another table, `predict` writes predictions for a table, and `open_run` gives the fitted objects back; `opened_table`
gives those of a run that answers nothing, too. Without a spec or a folder, `prepare` divides and examines a table for
given parts, and `fit_parts` trains on it: the same weights come of it.
"""

from polymodal.run.fitting import Fitted, Watch, fit_parts
from polymodal.run.launching import Lesson, Run
from polymodal.run.pretraining import pretrain
from polymodal.run.retrieving import Query, retrieve
from polymodal.run.session import answers_nothing, evaluate, fit, open_run, opened_table, predict
from polymodal.run.tables import Rules, prepare

__all__ = [
    "Fitted",
    "Lesson",
    "Query",
    "Rules",
    "Run",
    "Watch",
    "answers_nothing",
    "evaluate",
    "fit",
    "fit_parts",
    "open_run",
    "opened_table",
    "predict",
    "prepare",
    "pretrain",
    "retrieve",
]
