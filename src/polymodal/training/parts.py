"""A step whose rows are seen in parts, one after another or by several processes, is the step of all rows at once."""

from collections.abc import Sequence

import torch
from torch import Tensor

from polymodal.training import gradients
from polymodal.training.company import Company
from polymodal.training.learner import Judged

__all__ = ["Sums"]


class Sums:
    """What the parts of a step have said so far, summed over rows.

    A mean over all rows is linear in its parts, and so are its gradients; rows of different parts share no features.
    So the losses, the inner products of the tasks' gradients and the step come out as if all rows had been seen
    together, but for losses that compare rows with one another, which compare those of a part. A backward pass for each
    task and part, and a copy of all gradients for each task, are what it costs.

    `losses` (2, names) are told and lowered losses times `counts` (names,), and `products` (2, names, names) inner
    products of their gradients where these were asked for.
    """

    def __init__(self, names: int, live: Sequence[Tensor]) -> None:
        self.weights = [weight for weight in live if weight.requires_grad]
        self.parts = torch.zeros(1, dtype=torch.float64)
        self.counts = torch.zeros(names, dtype=torch.float64)
        self.losses = torch.zeros(2, names, dtype=torch.float64)
        self.products = torch.zeros(2, names, names, dtype=torch.float64)
        self.slopes: list[list[Tensor | None]] = [[None] * len(self.weights) for _ in range(names + 1)]

    def add(
        self, judged: Judged, penalty: Tensor | None, looked: Sequence[Tensor] = (), compared: Sequence[Tensor] = ()
    ) -> None:
        """One more part: its losses, what parts of its net ask for themselves, and two lists of places.

        Gradients are compared at these places: those of the losses that are told at `looked`, and those of the lowered
        ones at `compared`.
        """
        both = torch.stack([judged.losses, judged.lowered]) * judged.counts
        self.counts += judged.counts.cpu()
        self.losses += torch.where(judged.known, both.detach(), 0.0).cpu()
        self.parts += 1
        for number, places in enumerate((looked, compared)):
            if places:
                self.products[number] += gradients.gramian(both[number], places).cpu()
        asks = penalty is not None and penalty.requires_grad
        rest = penalty if penalty is not None and asks else torch.full((), torch.nan, device=both.device)
        rows = gradients.TaskGradients.of(torch.cat([both[1], rest.to(both).reshape(1)]), self.weights).rows
        for held, more in zip(self.slopes, rows, strict=True):
            for place, slope in enumerate(more):
                if slope is not None:
                    before = held[place]
                    held[place] = slope if before is None else before + slope

    def share(self, company: Company) -> None:
        """Become the sums over all processes, but for the gradients."""
        shapes = [self.parts, self.counts, self.losses, self.products]
        whole = company.total(torch.cat([each.flatten() for each in shapes])).split([each.numel() for each in shapes])
        self.parts, self.counts, self.losses, self.products = (
            part.view_as(each) for part, each in zip(whole, shapes, strict=True)
        )

    def share_slopes(self, company: Company) -> None:
        """Become the sums over all processes of the gradients of each task, too."""
        self.slopes = [company.slopes(row, self.weights) for row in self.slopes]

    @property
    def known(self) -> Tensor:
        """(names,) whether any part has something to say."""
        return self.counts > 0

    def means(self) -> Tensor:
        """(2, names) the losses that are told and those that are lowered; NaN where nothing is known."""
        return torch.where(self.known, self.losses / self.counts.clamp(min=1), torch.nan)

    def gramian(self, number: int) -> Tensor:
        """(names, names) inner products of the gradients of the mean losses: 0 of those told, 1 of those lowered."""
        return self.products[number] / torch.outer(self.counts, self.counts).clamp(min=1)

    def gramian_of_weights(self, places: Sequence[Tensor]) -> Tensor:
        """(names, names) inner products of the gradients of the mean lowered losses at some of the weights."""
        whole = gradients.TaskGradients(self.weights, self.slopes[:-1]).gramian(places).cpu()
        return whole / torch.outer(self.counts, self.counts).clamp(min=1)

    def fill(self, shares: Tensor) -> None:
        """Set the gradients of all weights to those of the mean lowered losses, by `shares` (names,), and the rest."""
        each = torch.where(self.known, shares.to(self.counts) / self.counts.clamp(min=1), 0.0)
        whole = torch.cat([each, 1 / self.parts.clamp(min=1)])
        gradients.TaskGradients(self.weights, self.slopes).fill(whole)

    def share_step(self, company: Company) -> None:
        """Set the gradients of all weights to their sums over processes."""
        whole = company.slopes([weight.grad for weight in self.weights], self.weights)
        for weight, slope in zip(self.weights, whole, strict=True):
            weight.grad = slope
