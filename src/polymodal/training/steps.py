"""One step of gradient descent: all rows at once, or part by part where memory or processes ask for that."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from polymodal.core import Batch, UsageProblem
from polymodal.core.masking import keep
from polymodal.core.seeding import reseed, torch_generator
from polymodal.training import gradients
from polymodal.training.company import Company
from polymodal.training.gradients import Suspects
from polymodal.training.learner import Judged, Learner
from polymodal.training.parts import Sums
from polymodal.training.settings import Settings
from polymodal.training.state import TrainingState

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["Stepper", "check_parts"]


@dataclass
class Stepper:
    """Moves the weights of a training state by the losses of some rows; tells `report` how gradients lie."""

    fabric: "Fabric"
    state: TrainingState
    settings: Settings
    report: Callable[[Mapping[str, Any]], None]
    company: Company = field(default_factory=Company, kw_only=True)

    def move(self, parts: Sequence[Batch], lr: float) -> Tensor:
        """Take one step; (names,) the losses over all parts of all processes, NaN where nothing is labelled.

        Raises DivergedError, before the weights are touched, for a loss or gradient that is not finite.
        """
        for group in self.state.optimiser.param_groups:
            group["lr"] = lr
        if self.company.size == 1 and len(parts) == 1:
            return self._whole(parts[0])
        return self._by_parts(parts)

    @property
    def _compares(self) -> bool:
        """Whether this step tells the cosines of gradients."""
        return bool(self.settings.cosines) and self.state.counters.step % self.settings.cosines == 0

    def _whole(self, batch: Batch) -> Tensor:
        state = self.state
        batch, judged, penalty = self._judged(batch)
        objective, known = judged.lowered, judged.known
        if self._compares:
            self._tell(gradients.gramian(judged.losses, gradients.features(state.model, *judged.seen)))
        products, held = self._compared(objective, judged)
        weights = state.balancer.weights(objective.detach(), products)
        if known.any():
            total = objective @ weights if known.all() else keep(objective * weights, known).sum()
            loss = total if penalty is None else total + penalty
            self._guard(loss, "loss", lambda: self._suspects(judged, batch))
            state.optimiser.zero_grad()
            if held is not None:
                held.fill(weights, penalty)
            elif state.modulation is not None:
                state.modulation.backward(self.fabric, loss, judged, weights, state.counters.step)
            else:
                self.fabric.backward(loss)
            self._descend(lambda: self._suspects(judged, batch))
        return judged.losses.detach()

    def _by_parts(self, parts: Sequence[Batch]) -> Tensor:
        state, company, balancer = self.state, self.company, self.state.balancer
        sums, suspects = Sums(len(state.learner.names), state.live), Suspects()
        at_features = balancer.needs_gramian and self.settings.gramian_at == "features"
        for place, part in enumerate(parts):
            batch, judged, penalty = self._judged(part, company.rank, place)
            read = gradients.features(state.model, *judged.seen)
            sums.add(judged, penalty, read if self._compares else (), read if at_features else ())
            finite = bool(judged.lowered[judged.known].isfinite().all())
            suspects |= Suspects(seen=frozenset(batch.rows.tolist())) if finite else self._suspects(judged, batch)
        sums.share(company)
        told, lowered = sums.means()
        self._guard(lowered[sums.known].sum(), "loss", lambda: self._united(suspects))
        if self._compares:
            self._tell(sums.gramian(0))
        if balancer.needs_gramian and not at_features:
            sums.share_slopes(company)
        products = self._products(sums) if balancer.needs_gramian else None
        weights = company.first(balancer.weights(lowered, products))
        if sums.known.any():
            state.optimiser.zero_grad()
            sums.fill(weights)
            if at_features or not balancer.needs_gramian:
                sums.share_step(company)
            self._descend(lambda: self._united(suspects))
        return told

    def _products(self, sums: Sums) -> Tensor:
        """The inner products that the balancer asks for."""
        if self.settings.gramian_at == "features":
            return sums.gramian(1)
        return sums.gramian_of_weights(gradients.gramian_places(self.state.model, (), self.settings))

    def _judged(self, batch: Batch, *place: int) -> tuple[Batch, Judged, Tensor | None]:
        """A part of the step's rows as it was changed, what it says, and what parts of the net ask for themselves.

        What is drawn for it depends on the step and, behind the first part of the first process, on its place.
        """
        settings, learner = self.settings, self.state.learner
        names = (self.state.counters.step, *(place if any(place) else ()))
        generator = torch_generator(settings.seed, "perturb", *names)
        reseed(settings.seed, "dropout", *names)
        with self.fabric.autocast():
            changed, representation = learner.represented(batch, settings.modality_dropout, generator)
            judged = learner.judge(changed, representation, batch)
            if self.state.modulation is not None:
                judged = self.state.modulation.asked(judged)
            return changed, judged, learner.penalties()

    def _compared(self, objective: Tensor, judged: Judged) -> tuple[Tensor | None, gradients.TaskGradients | None]:
        """The inner products of the task gradients, where the balancer asks for them.

        Also the gradients themselves, where they are compared at all weights: the step then needs no further pass.
        """
        state, settings = self.state, self.settings
        if not state.balancer.needs_gramian:
            return None, None
        places = gradients.gramian_places(state.model, judged.seen, settings)
        if settings.gramian_at != "parameters" or state.modulation is not None:
            return gradients.gramian(objective, places), None
        held = gradients.TaskGradients.of(objective, state.live)
        return held.gramian(places), held

    def _descend(self, suspects: Callable[[], Suspects]) -> None:
        """Move the weights by their gradients."""
        norm = torch.nn.utils.clip_grad_norm_(self.state.live, self.settings.clip)
        self._guard(norm, "gradient", suspects)
        self.state.optimiser.step()

    def _guard(self, value: Tensor, what: str, suspects: Callable[[], Suspects]) -> None:
        """Stop before the weights are touched by a number that is not finite."""
        if not math.isfinite(value.item()):
            raise gradients.diverged(suspects(), self.state.counters.step, what)

    def _suspects(self, judged: Judged, batch: Batch) -> Suspects:
        names = self.state.learner.names
        others = {name: judged.losses[at] for at, name in enumerate(names) if judged.known[at] and "." in name}
        return Suspects.of(self.state.model, judged.outputs, batch, others)

    def _united(self, suspects: Suspects) -> Suspects:
        """Those of all processes."""
        whole = Suspects()
        for each in self.company.every([suspects]):
            whole |= each
        return whole

    def _tell(self, products: Tensor) -> None:
        names = self.state.learner.names
        found = gradients.cosines(products)
        self.report({"event": "cosines", "step": self.state.counters.step, "names": names, "cosines": found})


def check_parts(settings: Settings, learner: Learner) -> None:
    """Raise UsageProblem where nothing weighs, for a training that cannot be cut into parts, or not among processes."""
    if learner.names and not (learner.built or any(task.weight for task in learner.model.tasks.values())):
        raise UsageProblem(
            "nothing-weighs",
            where="tasks.*.weight",
            expected="a task, or an objective, with a weight above 0",
            found=f"0 for {', '.join(learner.model.tasks)}",
            remedy="give one of them a weight, or leave weight out, which is 1",
        )
    if settings.accumulate * settings.processes > 1 and settings.modulation != "none":
        raise _uncut("accumulate and train.processes", f"train.modulation: {settings.modulation}")
    if settings.processes > 1 and learner.contests:
        raise _uncut("processes", "an objective with a net of its own that learns beside (adversarial)")
    if settings.processes > 1 and 0 < torch.cuda.device_count() < settings.processes:
        raise _uncut("processes", f"{torch.cuda.device_count()} accelerators, one for each process")


def _uncut(where: str, found: str) -> UsageProblem:
    return UsageProblem(
        "cannot-be-cut",
        where=f"train.{where}",
        expected="1 here",
        found=found,
        remedy="leave it out; precision: bf16 or a smaller batch needs less memory, too",
    )
