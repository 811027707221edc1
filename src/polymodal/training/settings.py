"""How training goes about it, said once; what is left open is chosen from the number of rows."""

from dataclasses import dataclass, replace
from typing import Literal

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    """Everything that shapes training, except the loss weights.

    `epochs`, `batch_size` and `patience` are chosen from the number of training rows where they are None. `lr` is the
    highest learning rate, reached after the share `warmup` of all steps and left on a cosine (Loshchilov and Hutter
    2017). `clip` bounds the norm of the gradient. `patience` counts epochs without a better validation loss.
    `averaging` is the share of the running average of weights that a step keeps (Polyak; 0 = off).
    `modality_dropout` is the share of rows that, at each step, keep only a random non-empty subset of their modalities.
    `workers` are loader processes. `time_limit` is in seconds. `gramian_at` says where task gradients are compared,
    when the balancer asks for that. `checkpoint_seconds` is the time between checkpoints.
    """

    epochs: int | None = None
    batch_size: int | None = None
    lr: float = 2e-3
    weight_decay: float = 1e-2
    warmup: float = 0.1
    clip: float = 1.0
    patience: int | None = None
    averaging: float = 0.99
    modality_dropout: float = 0.3
    workers: int = 0
    seed: int = 0
    time_limit: float | None = None
    precision: Literal["32", "bf16"] = "32"
    gramian_at: Literal["parameters", "last_layer", "features"] = "features"
    checkpoint_seconds: float = 60.0

    def resolved(self, rows: int) -> "Settings":
        """The same settings with the open ones chosen for this number of training rows."""
        batch = self.batch_size or max(16, min(256, 2 ** round(rows**0.5 / 2).bit_length()))
        steps = max(1, -(-rows // batch))
        epochs = self.epochs or max(6, min(100, round(3000 / steps)))
        return replace(self, batch_size=batch, epochs=epochs, patience=self.patience or max(4, epochs // 4))

    def steps_per_epoch(self, rows: int) -> int:
        """Steps of one pass over the training rows; the last batch may be smaller."""
        return max(1, -(-rows // (self.batch_size or rows)))
