"""How training goes about it, said once; what is left open is chosen from the number of rows."""

from dataclasses import dataclass, replace
from functools import cache
from typing import Annotated, Any, Literal, get_type_hints

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    TypeAdapter,
    ValidationError,
)

from polymodal.core import UsageProblem

__all__ = ["Settings"]

STEPS = 1000
"""Steps that the open number of epochs aims at. Measured on reviews, emoji and brain measures, 900 to 10,000 rows: the
best weights come within 150 to 600 steps, and a learning rate that falls within 700 does no worse than one that falls
within 3,000, for a third of the time."""


@dataclass(frozen=True)
class Settings:
    """Everything that shapes training, except the loss weights.

    `epochs`, `batch_size` and `patience` are chosen from the number of training rows where they are None. `lr` is the
    highest learning rate, reached after the share `warmup` of all steps and left on a cosine (Loshchilov and Hutter
    2017). `clip` bounds the norm of the gradient. `patience` counts epochs without a better validation loss.
    `averaging` is the share of the running average of weights that a step keeps (Polyak; 0 = off). `modality_dropout`
    is the share of rows that, at each step, keep only a random non-empty subset of their modalities. `own_loss` is the
    weight of the loss of each modality's own decision, beside that of the fused one, where a fusion decides on several
    views (late). `modulation` keeps a strong modality from stopping a weak one there, by what becomes of their
    gradients: "ogm_ge" slows the encoder of the modality that is ahead, all the more with `modulation_strength`, and
    adds noise to it; "gradient_blending" weighs the fused loss and each modality's own by how well they generalise,
    measured on the validation rows; "mm_pareto" lets no encoder learn by one of these losses against the other. The
    last two weigh the own losses themselves, and leave to `own_loss` how the best weights are told from others.
    `members` are models that learn from different draws of training and validation rows and whose outputs are averaged;
    None takes several where rows are few and one where they are many. `workers` are loader processes. The rows of a
    step are seen in `accumulate` parts, one after another, which needs less memory, and by so many `processes` of this
    machine at once (times `accumulate` parts); the step stays what it is, but for losses that compare rows with one
    another, which compare those of a part, and for own losses, whose means are taken part by part. `together` names a
    column whose equal values are drawn in one step, so that a picture which many rows ask about is encoded once for all
    of them; rows of `mix` such steps are shuffled with one another, since a step in which everything shares a few
    values learns little about values (some 8 to 64 of them are well). `time_limit` is in seconds. `gramian_at` says
    where task gradients are compared, when the balancer asks for that. Every `cosines` steps the directions of the
    tasks' gradients at the features are compared and told (0 = never). `checkpoint_seconds` is the time between
    checkpoints. Raises UsageProblem for a value out of range.
    """

    epochs: PositiveInt | None = None
    batch_size: PositiveInt | None = None
    lr: PositiveFloat = 2e-3
    weight_decay: NonNegativeFloat = 1e-2
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.1
    clip: PositiveFloat = 1.0
    patience: PositiveInt | None = None
    averaging: Annotated[float, Field(ge=0, lt=1)] = 0.99
    modality_dropout: Annotated[float, Field(ge=0, le=1)] = 0.3
    own_loss: NonNegativeFloat = 1.0
    modulation: Literal["none", "ogm_ge", "gradient_blending", "mm_pareto"] = "none"
    modulation_strength: PositiveFloat = 1.0
    members: Annotated[int, Field(ge=1, le=100)] | None = None
    workers: Annotated[int, Field(ge=0, le=256)] = 0
    accumulate: Annotated[int, Field(ge=1, le=1024)] = 1
    processes: Annotated[int, Field(ge=1, le=64)] = 1
    seed: NonNegativeInt = 0
    together: str | None = None
    mix: PositiveInt = 1
    time_limit: PositiveFloat | None = None
    precision: Literal["32", "bf16"] = "32"
    gramian_at: Literal["parameters", "last_layer", "features"] = "features"
    cosines: NonNegativeInt = 0
    checkpoint_seconds: NonNegativeFloat = 60.0

    def __post_init__(self) -> None:
        for name, check in _checks().items():
            value = getattr(self, name)
            try:
                check.validate_python(value)
            except ValidationError as failure:
                told = failure.errors()[-1]
                raise UsageProblem(
                    "bad-setting",
                    where=f"Settings({name}=...)",
                    expected=str(told["msg"]),
                    found=repr(value),
                    remedy="change it, or leave it out for the default",
                ) from failure

    def resolved(self, rows: int, several: bool = True, contrasts: bool = False) -> "Settings":
        """The same settings with the open ones chosen for this number of training rows.

        Where the answers of `several` models cannot be brought together, there is one, unless more are asked for. What
        `contrasts` rows learns from as many others as a step holds: batches are 256 rows then, or a quarter of all.
        """
        usual = 2 ** round(rows**0.5 / 2).bit_length()
        most = 2 ** max(0, (rows // 4).bit_length() - 1) if contrasts else usual
        batch = self.batch_size or max(16, min(256, max(usual, most)))
        steps = max(1, -(-rows // batch))
        epochs = self.epochs or max(8, min(60, round(STEPS / steps)))
        members = self.members or (1 if not several or rows >= 3000 else 6 if rows < 600 else 3)
        patience = self.patience or max(4, epochs // 4)
        return replace(self, batch_size=batch, epochs=epochs, patience=patience, members=members)

    def steps_per_epoch(self, rows: int) -> int:
        """Steps of one pass over the training rows; the last batch may be smaller."""
        return max(1, -(-rows // (self.batch_size or rows)))


@cache
def _checks() -> dict[str, TypeAdapter[Any]]:
    """What each setting may be."""
    return {name: TypeAdapter(hint) for name, hint in get_type_hints(Settings, include_extras=True).items()}
