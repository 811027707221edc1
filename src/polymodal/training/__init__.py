"""Functions that you call, not a trainer that calls you.

`train(model, samples, rows, settings, balancer)` leaves the best weights in the model. What a step draws (order,
dropout, augmentation) depends on the seed and the number of the step alone, so a run that was killed and resumed ends
with the same weights as one that was not.
"""

from polymodal.training.loop import Interrupted, Trainer, train
from polymodal.training.settings import Settings

__all__ = ["Interrupted", "Settings", "Trainer", "train"]
