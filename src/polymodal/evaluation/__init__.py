"""How good a model is, how sure that is, and what it would be without us or without one of its senses.

Everything here takes predictions and truths (`Answers`), or a function that predicts, and returns tables; nothing here
trains our own models. `fit_baselines` makes the plain floors, `bootstrap` says what chance alone could have done,
`alone_and_dark` asks the same model with one modality and with one missing, and `missing_map` counts what is missing
where. `probes` says what a fresh model can still read of what was to be kept out. `judge_run` does all of it for a
finished run.

>>> import numpy as np
>>> from polymodal.tasks.metrics import Answers
>>> answers = Answers("numbers", np.arange(50.0), np.arange(50.0) + 1)
>>> intervals(answers, seed=0)["mae"]
(1.0, 1.0)
"""

from polymodal.evaluation.baselines import Baseline, Question, fit_baselines
from polymodal.evaluation.design import Design
from polymodal.evaluation.missing import MissingMap, missing_map
from polymodal.evaluation.probes import probes
from polymodal.evaluation.runs import judge_run
from polymodal.evaluation.subsets import Subsets, alone_and_dark
from polymodal.tasks.intervals import Bootstrap, Difference, bootstrap, intervals

__all__ = [
    "Baseline",
    "Bootstrap",
    "Design",
    "Difference",
    "MissingMap",
    "Question",
    "Subsets",
    "alone_and_dark",
    "bootstrap",
    "fit_baselines",
    "intervals",
    "judge_run",
    "missing_map",
    "probes",
]
