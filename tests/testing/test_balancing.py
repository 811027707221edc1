"""Each way of breaking a balancing method is found, and named; a method that keeps its claims passes."""

import pytest
import torch

from polymodal.balancing import Equal
from polymodal.balancing.base import Balancer
from polymodal.testing import ContractBroken, check_balancer


class Inverse(Balancer):
    """Each task by one over its loss."""

    claims = frozenset({"permutation_invariant", "scale_invariant"})

    def weights(self, losses, gramian):
        here = ~losses.isnan()
        inverse = torch.where(here, 1 / losses, 0.0)
        return inverse / inverse.sum() * here.sum()


class Cone(Balancer):
    """The shortest vector in the hull of unit gradients (MGDA on directions), by plain Frank-Wolfe; never conflicts."""

    needs_gramian = True
    claims = frozenset({"non_conflicting"})

    def weights(self, losses, gramian):
        here = ~losses.isnan()
        sizes = gramian.diagonal().clamp(min=1e-300).sqrt()
        unit = gramian / sizes / sizes.unsqueeze(1)
        share = here.double() / here.sum()
        for _ in range(300):
            slope = torch.where(here, unit @ share, torch.inf)
            way = torch.nn.functional.one_hot(slope.argmin(), len(share)).double() - share
            bend = way @ unit @ way
            if bend <= 0:
                break
            share = share + way * (-(share @ unit @ way) / bend).clamp(0, 1)
        weights = torch.where(here, share / sizes, 0.0)
        return (weights / weights.sum()).to(losses.dtype)


def changed(**methods):
    return type("Changed", (Equal,), methods)()


def claiming(claim, kind=Equal):
    """A method that promises what it does not keep."""
    return type("Claiming", (kind,), {"claims": frozenset({claim})})()


def in_order(self, losses, gramian):
    weights = torch.linspace(1, 2, len(losses)) if len(losses) > 1 else torch.ones(1)
    return torch.where(losses.isnan(), 0.0, weights)


class Counting(Inverse):
    """Keeps a count that changes its weights, and forgets to write it down."""

    def __init__(self):
        self.steps = 0

    def weights(self, losses, gramian):
        self.steps += 1
        weights = super().weights(losses, gramian)
        return weights if len(losses) == 1 else weights * self.steps


class Dividing(Balancer):
    """Each gradient at unit length, whether it has one or not."""

    needs_gramian = True

    def weights(self, losses, gramian):
        here = ~losses.isnan()
        sizes = gramian.diagonal().sqrt()
        return torch.where(here, sizes.sum() / sizes / here.sum(), 0.0).to(losses.dtype)


def signed(losses):
    weights = torch.where(torch.arange(len(losses)) == 1, -1.0, 1.0)
    return torch.where(losses.isnan(), 0.0, weights)


BROKEN = {
    "one weight for each task": changed(weights=lambda s, losses, g: torch.ones(1 + len(losses))),
    "weights are finite": changed(weights=lambda s, losses, g: losses / 0),
    "weight 0": changed(weights=lambda s, losses, g: torch.ones_like(losses)),
    "single task has weight 1": changed(weights=lambda s, losses, g: torch.where(losses.isnan(), 0.0, 2.0)),
    "not functions": changed(weights=lambda s, losses, g: Equal.weights(s, losses, g).requires_grad_()),
    "same losses give": changed(weights=lambda s, losses, g: Equal.weights(s, losses, g) * torch.rand(())),
    "permutation_invariant": changed(weights=in_order),
    "scale_invariant": changed(claims=frozenset({"scale_invariant"})),
    "non_conflicting": changed(claims=frozenset({"non_conflicting"})),
    "linear_under_scaling": claiming("linear_under_scaling", Inverse),
    "non_negative": changed(claims=frozenset({"non_negative"}), weights=lambda s, losses, g: signed(losses)),
    "equal_projections": claiming("equal_projections"),
    "equal_products": claiming("equal_products"),
    "shortest": claiming("shortest"),
    "one gradient is zero": Dividing(),
    "nobody knows how": changed(claims=frozenset({"always_right"})),
    "plain JSON": changed(state=lambda s: {"running": torch.zeros(2)}),
    "bit for bit": Counting(),
}


@pytest.mark.parametrize("kind", [Inverse, Cone, Equal])
def test_a_method_that_keeps_its_claims_passes(kind):
    check_balancer(kind(), draws=8)


@pytest.mark.parametrize("promise", BROKEN)
def test_a_broken_promise_is_named(promise):
    with pytest.raises(ContractBroken, match=promise):
        check_balancer(BROKEN[promise])
