"""Modalities kept in balance while they learn, by what becomes of their gradients.

A modality that is easy to learn soon explains the labels; what is left to the others by the fused loss is little, and
they stop learning. Each method here looks at what every view of a fusion loses when it decides alone.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from polymodal.core import UsageProblem
from polymodal.core.masking import keep, masked_sum
from polymodal.core.seeding import numpy_generator, reseed
from polymodal.data.base import Rows
from polymodal.fusion import Late
from polymodal.model import Model
from polymodal.tasks.base import TaughtHead
from polymodal.training.learner import Judged
from polymodal.training.settings import Settings

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = [
    "GradientBlending",
    "MMPareto",
    "Measure",
    "Modulation",
    "OgmGe",
    "blended",
    "blending_shares",
    "common_descent",
    "make_modulation",
    "slowing",
]

Measure = Callable[[Rows], Tensor]
"""(tasks, 1 + views) of some rows: the mean fused loss, then that of each view alone; NaN where nothing is labelled."""
LEAST = 0.1  # of an equal share: what is not trained at all cannot be seen to generalise either


class Modulation(ABC):
    """What a step of training lowers, and what its gradients become, so that every modality learns.

    `encoders` are the weights that a modality has to itself below the heads, its encoder and its layers in the fusion,
    in the order of the views: the papers know no layers between an encoder and the last one, which decides.
    """

    def __init__(self, model: Model) -> None:
        self.names = sorted(model.modalities)
        self.weights = [task.weight for task in model.balanced.values()]
        stacks = model.fusion.stacks if isinstance(model.fusion, Late) else [nn.Identity() for _ in self.names]
        own = [(model.encoders[name], stack) for name, stack in zip(self.names, stacks, strict=True)]
        self.encoders = [
            [weight for part in parts for weight in part.parameters() if weight.requires_grad] for parts in own
        ]

    def asked(self, judged: Judged) -> Judged:
        """The losses of a step, `lowered` being what it shall lower."""
        return judged

    @abstractmethod
    def backward(self, fabric: "Fabric", loss: Tensor, judged: Judged, weights: Tensor, step: int) -> None:
        """Fill the gradients of all weights for the weighted sum `loss`; `weights` (names,) are those of the losses."""

    def close_epoch(self, measure: Measure) -> dict[str, Any]:
        """Look back on an epoch, and before the first one at what training begins with; what is to be told of it."""
        return {}

    def state(self) -> dict[str, Any]:
        """What must survive an interruption, as JSON data."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become the modulation that gave this state."""
        if state:
            raise ValueError(f"{type(self).__name__} keeps no state, found {sorted(state)}")


class OgmGe(Modulation):
    """The encoder of a modality that is ahead of the others learns more slowly (Peng et al. 2022).

    A modality's score is what it believes in the true label, exp(-loss), as the mean over its labelled rows (eq. 8, for
    any kind of task). Its ratio is the score over the mean of those of the other modalities there (eq. 9; the paper has
    two of them), as the mean over tasks. Where the ratio is above 1 the gradient of its encoder is multiplied by
    1 - tanh(strength · ratio) (eq. 10), and Gaussian noise with the standard deviation of each of its tensors makes up
    for the noise of the step that is lost by that. The noise is a function of the seed and the step.
    """

    def __init__(self, model: Model, strength: float, seed: int) -> None:
        super().__init__(model)
        self.strength, self.seed = strength, seed
        self.last = [1.0] * len(self.names)

    def backward(self, fabric: "Fabric", loss: Tensor, judged: Judged, weights: Tensor, step: int) -> None:
        """The gradients of the loss, and those of the encoders that are ahead made smaller and noisier."""
        fabric.backward(loss)
        if judged.alone is None:
            return
        scores, counts = judged.alone.by_view(
            {name: torch.exp(-each.detach().float()) for name, each in judged.alone.losses.items()}
        )
        self.last = slowing(scores, counts > 0, self.strength).tolist()
        reseed(self.seed, "modulation", step)
        for factor, encoder in zip(self.last, self.encoders, strict=True):
            for gradient in (weight.grad for weight in encoder if factor < 1 and weight.grad is not None):
                noise = torch.randn_like(gradient) * gradient.std(correction=0)
                gradient.mul_(factor).add_(noise)

    def close_epoch(self, measure: Measure) -> dict[str, Any]:
        """The factors of the last step, by modality."""
        return {"factors": dict(zip(self.names, self.last, strict=True))}


class GradientBlending(Modulation):
    """The fused loss and each modality's own weigh as much as they generalise (Wang, Tran and Feiszli 2020).

    In an epoch each loss gains G on the validation rows, and its overfitting (validation less training loss) grows by
    O. The smallest ratio of overfitting to generalisation (eq. 3) belongs to weights in proportion to G / O²
    (proposition 1). They are measured anew at the end of each epoch, on as many training rows as there are validation
    rows and with the averaged weights, and begin equal. The paper trains each modality apart for that; here the run
    itself is measured, so that a loss which fell behind keeps a tenth of an equal share.
    """

    def __init__(self, model: Model, seed: int, rows: Mapping[str, Rows]) -> None:
        super().__init__(model)
        train, self.validation = rows["train"], rows["validation"]
        count = min(len(train), len(self.validation))
        drawn = numpy_generator(seed, "modulation").choice(train, count, replace=False)
        drawn.sort()
        self.train: Rows = drawn
        self.shares = torch.full((len(self.weights), 1 + len(self.names)), 1.0 / (1 + len(self.names)))
        self.before: tuple[Tensor, Tensor] | None = None

    def asked(self, judged: Judged) -> Judged:
        """Each task's losses, weighed by their shares."""
        return blended(judged, self.weights, self.shares)[0]

    def backward(self, fabric: "Fabric", loss: Tensor, judged: Judged, weights: Tensor, step: int) -> None:
        """The gradients of the loss, which is blended already."""
        fabric.backward(loss)

    def close_epoch(self, measure: Measure) -> dict[str, Any]:
        """Measure again, and weigh anew by what became of the losses since."""
        now = measure(self.train), measure(self.validation)
        if self.before is not None:
            self.shares = blending_shares(self.before, now, self.shares)
        self.before = now
        fused, *alone = self.shares.T.tolist()
        return {"fused": fused, "alone": dict(zip(self.names, alone, strict=True))}

    def state(self) -> dict[str, Any]:
        """The shares, and what was measured last."""
        before = None if self.before is None else [_listed(each) for each in self.before]
        return {"shares": self.shares.tolist(), "before": before}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take both over."""
        self.shares = torch.tensor(state["shares"])
        before = state["before"]
        self.before = None if before is None else (_tensor(before[0]), _tensor(before[1]))


class MMPareto(Modulation):
    """No encoder learns by the fused loss against its own, or the other way (Wei and Hu 2024, sections 3.2 and 3.3).

    Where the gradients of the two agree in an encoder, it takes their sum; where they conflict, the shortest vector
    between them, which conflicts with neither, at the length of the sum. Everything else takes the sum. What is not a
    view's own decision (objectives, penalties) counts as fused. The factor by which the authors' program lengthens all
    of these gradients is left out: the optimiser's own scaling would undo it.
    """

    def asked(self, judged: Judged) -> Judged:
        """Each task's losses, all of equal weight."""
        return self._blended(judged)[0]

    def backward(self, fabric: "Fabric", loss: Tensor, judged: Judged, weights: Tensor, step: int) -> None:
        """The gradients of the loss, and those of the encoders free of conflict; one more pass through the encoders."""
        own = self._blended(judged)[1]
        if not own.requires_grad:
            fabric.backward(loss)
            return
        known = judged.known[: len(own)]
        places = [weight for encoder in self.encoders for weight in encoder]
        total = keep(own * weights[: len(own)], known).sum()
        alone = iter(torch.autograd.grad(total, places, retain_graph=True, allow_unused=True))
        fabric.backward(loss)
        for encoder in self.encoders:
            pairs = [(weight.grad, next(alone)) for weight in encoder]
            _reconcile([(both, one) for both, one in pairs if both is not None and one is not None])

    def _blended(self, judged: Judged) -> tuple[Judged, Tensor]:
        return blended(judged, self.weights, torch.ones(len(self.weights), 1 + len(self.names)))


def make_modulation(model: Model, settings: Settings, rows: Mapping[str, Rows]) -> Modulation | None:
    """What the settings ask for, and None where that is nothing, or where there are no tasks, as in pretraining.

    Raises UsageProblem where there is nothing to keep in balance: a single modality, a fusion that does not decide on
    each of them, or tasks that do not decide; and where validation rows are needed and missing.
    """
    asked = settings.modulation
    if asked == "none" or not model.tasks:
        return None
    many, views, fusion = len(model.modalities), model.fusion.views, type(model.fusion).__name__
    if many < 2:
        raise _problem("two modalities or more", f"{many}", "leave train.modulation out: there is nothing to balance")
    if views != many:
        remedy = "set model.fusion to {type: late}, or leave train.modulation out"
        raise _problem("a fusion that decides on each modality", f"{fusion}, which gives {views} view", remedy)
    if all(isinstance(head, TaughtHead) for head in model.heads.values()):
        found = ", ".join(type(task).__name__ for task in model.tasks.values())
        raise _problem("a task that decides on each view, such as binary", found, "leave train.modulation out")
    if asked == "gradient_blending" and not len(rows["validation"]):
        remedy = "give validation rows, or choose ogm_ge or mm_pareto"
        raise _problem("validation rows, on which generalisation is measured", "none", remedy)
    if asked == "ogm_ge":
        return OgmGe(model, settings.modulation_strength, settings.seed)
    return MMPareto(model) if asked == "mm_pareto" else GradientBlending(model, settings.seed, rows)


def slowing(scores: Tensor, there: Tensor, strength: float) -> Tensor:
    """(views,) factors for the gradients of the encoders: below 1 for a view whose score is above that of the others.

    `scores` (tasks, views) count where they are `there` (tasks, views); a view of which nothing is there, or nothing
    that it could be compared with, keeps a factor of 1 (Peng et al. 2022, eq. 10).
    """
    total, count = masked_sum(scores, there), there.sum(1)
    others = (total.unsqueeze(1) - scores) / (count - 1).clamp(min=1).unsqueeze(1)
    compared = there & (count > 1).unsqueeze(1)
    ratios = keep(scores / others.clamp(min=1e-12), compared).sum(0) / compared.sum(0).clamp(min=1)
    return torch.where(ratios > 1, 1 - torch.tanh(strength * ratios), 1.0)


def blended(judged: Judged, weights: Sequence[float], shares: Tensor) -> tuple[Judged, Tensor]:
    """The losses of a step, of which each task lowers its fused loss and its views' own by their shares.

    `weights` are those of the tasks, `shares` (tasks, 1 + views). Also (tasks,) what the own losses add to that. A view
    without labelled rows counts for nothing, the others for more.
    """
    if judged.alone is None:
        return judged, torch.zeros(len(weights), device=judged.lowered.device)
    own, counts = judged.alone.by_view(judged.alone.losses)
    shares = shares.to(own)
    lit = keep(shares[:, 1:], counts > 0)
    total = (shares[:, 0] + lit.sum(1)).clamp(min=1e-12)
    added = (own * lit).sum(1) * own.new_tensor(weights) / total
    tasks = len(weights)
    lowered = torch.cat([judged.losses[:tasks] * shares[:, 0] / total + added, judged.lowered[tasks:]])
    return replace(judged, lowered=lowered), added


def blending_shares(before: tuple[Tensor, Tensor], now: tuple[Tensor, Tensor], old: Tensor) -> Tensor:
    """(tasks, 1 + views) shares in proportion to G / O², which sum to 1 for each task.

    `before` and `now` hold the losses (tasks, 1 + views) on training and on validation rows. A loss that gained nothing
    has the least share; where none did, or a task was not measured, its `old` shares stay.
    """
    gained = before[1] - now[1]
    overfitted = (now[1] - now[0]) - (before[1] - before[0])
    raw = (gained.clamp(min=0) / overfitted.square().clamp(min=1e-12)).nan_to_num(0.0)
    total = raw.sum(1, keepdim=True)
    shares = (raw / total.clamp(min=1e-300)).clamp(min=LEAST / raw.shape[1])
    return torch.where(total > 0, shares / shares.sum(1, keepdim=True), old.to(raw)).float()


def common_descent(fused: Tensor, product: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
    """The factors of two gradients in their common one, from their squared lengths and their inner product.

    Both are 1 where the gradients agree. Else they give the shortest vector between them (the closed form for two tasks
    of Sener and Koltun 2018), at the length of the sum; and nothing where the two are opposite, and no step helps
    one without harm to the other.
    """
    least = torch.finfo(fused.dtype).tiny
    apart = (fused + own - 2 * product).clamp(min=least)
    share = (own - product) / apart
    shortest = (fused * own - product.square()) / apart
    length = ((fused + own + 2 * product).clamp(min=0) / shortest.clamp(min=least)).sqrt()
    length = torch.where(fused * own - product.square() > 1e-9 * fused * own, length, 0.0)
    conflict = product < 0
    return torch.where(conflict, share * length, 1.0), torch.where(conflict, (1 - share) * length, 1.0)


def _reconcile(pairs: Sequence[tuple[Tensor, Tensor]]) -> None:
    """Turn an encoder's gradients (of the sum, of its own loss) into the common ones, in place."""
    if not pairs:
        return
    own = torch.cat([one.flatten() for _, one in pairs]).double()
    fused = torch.cat([both.flatten() for both, _ in pairs]).double() - own
    first, second = common_descent(fused @ fused, fused @ own, own @ own)
    for both, one in pairs:
        both.sub_(one).mul_(first.to(both)).add_(one * second.to(both))


def _problem(expected: str, found: str, remedy: str) -> UsageProblem:
    return UsageProblem("nothing-to-modulate", where="train.modulation", expected=expected, found=found, remedy=remedy)


def _listed(measured: Tensor) -> list[list[float | None]]:
    return [[None if math.isnan(loss) else loss for loss in row] for row in measured.tolist()]


def _tensor(listed: Sequence[Sequence[float | None]]) -> Tensor:
    return torch.tensor([[math.nan if loss is None else loss for loss in row] for row in listed], dtype=torch.float64)
