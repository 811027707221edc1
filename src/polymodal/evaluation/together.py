"""What runs that were taught apart say together: late fusion of their decisions."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from polymodal.core import UsageProblem
from polymodal.core.masking import masked_mean
from polymodal.run import Run
from polymodal.tasks.base import Decoded
from polymodal.training.predicting import answers, outputs

__all__ = ["mean_decisions", "told_together"]


def told_together(runs: Sequence[Run], task: str) -> tuple[Decoded, np.ndarray]:
    """What runs say of the labels of tokens in the test rows of the first, and what is true.

    The chances that they give are averaged, token by token (the sum rule of Kittler et al. 1998); nothing is
    learned. Raises UsageProblem where they were not taught the same labels, or see other tokens.
    """
    fitted = [each.fitted for each in runs]
    first, rows = fitted[0], fitted[0].split.test
    classes = [list(each.model.tasks[task].classes) for each in fitted]
    made = [outputs(each.model, each.samples, rows, taught=True)[task] for each in fitted]
    if any(each != classes[0] for each in classes) or len({each.shape for each in made}) > 1:
        raise UsageProblem(
            "runs-misfit",
            where=f'the task "{task}" of {len(runs)} runs',
            expected="the same labels, and the same tokens in the rows that are asked",
            found="; ".join(
                f"{len(names)} labels, outputs {tuple(each.shape)}" for names, each in zip(classes, made, strict=True)
            ),
            remedy="teach them by the same table and the same division",
        )
    return answers(first.model, first.samples, rows, {task: mean_decisions(made, len(classes[0]))})[task][:2]


def mean_decisions(made: Sequence[Tensor], classes: int) -> Tensor:
    """Outputs of several models for labels of tokens, (n, tokens · (classes + 1)) each, as those of one.

    Their logits become the logarithm of the mean chance of each class, over the models that have the token.
    """
    told = torch.stack([each.reshape(len(each), -1, classes + 1) for each in made], dim=2)
    there = told[..., -1] > 0.5
    chances = masked_mean(told[..., :-1].softmax(dim=-1), there, dim=2)
    some = there.any(dim=2).unsqueeze(-1)
    logits = torch.where(some, chances.clamp(min=torch.finfo(chances.dtype).tiny).log(), 0.0)
    return torch.cat([logits, some.to(logits.dtype)], dim=-1).flatten(1)
