"""Runs: a spec and its data in, a folder with a trained model and the truth about it out.

`fit` trains into a run folder, `evaluate` judges a run on its own test rows or another table, `predict` writes
predictions for a table, and `open_run` gives the fitted objects back.
"""

from polymodal.run.fitting import Fitted, Watch, fit_parts
from polymodal.run.session import Run, evaluate, fit, open_run, predict

__all__ = ["Fitted", "Run", "Watch", "evaluate", "fit", "fit_parts", "open_run", "predict"]
