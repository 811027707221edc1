"""Does a balancing method keep its promises, also for tasks whose gradients differ a millionfold."""

import copy
import json
from collections.abc import Callable

import torch
from torch import Tensor

from polymodal.balancing.base import Balancer
from polymodal.core.seeding import torch_generator
from polymodal.testing.making import check_options
from polymodal.testing.verdict import ContractBroken, near, require, same_bits

__all__ = ["check_balancer"]

# How much larger the largest task gradient is than the smallest.
RATIOS = (1.0, 1e2, 1e4, 1e6)


def check_balancer(balancer: Balancer, draws: int = 20) -> None:
    """Hold a balancing method to its contract and to every claim it makes, on random losses and task gradients.

    `balancer` has seen nothing yet and stays as it is. Raises ContractBroken.
    """
    check_options(balancer)
    unknown = set(balancer.claims) - set(CLAIMS)
    require(not unknown, f"{_who(balancer)}: claims can be tested; nobody knows how for {', '.join(sorted(unknown))}")
    for number in range(draws):
        losses, jacobian = _draw(number, tasks=2 + number % 4, ratio=RATIOS[number % len(RATIOS)])
        _check_weights(balancer, losses, jacobian)
        _check_one_task(balancer, losses, jacobian)
        for claim in sorted(balancer.claims):
            CLAIMS[claim](balancer, losses, jacobian)
    _check_hard_gradients(balancer)
    _check_state(balancer)


def _who(balancer: Balancer) -> str:
    return type(balancer).__name__


def _draw(seed: int, tasks: int, ratio: float) -> tuple[Tensor, Tensor]:
    """Losses (tasks,) and task gradients (tasks, 8) whose sizes spread over `ratio`; some of them point apart."""
    draw = torch_generator(seed, "balancer", tasks)
    sizes = torch.logspace(0, float(torch.log10(torch.tensor(ratio))), tasks, dtype=torch.float64)
    order = torch.randperm(tasks, generator=draw)
    jacobian = torch.randn(tasks, 8, generator=draw, dtype=torch.float64) * sizes[order].unsqueeze(1)
    return torch.rand(tasks, generator=draw) * sizes[order].float() + 0.1, jacobian


def _weigh(balancer: Balancer, losses: Tensor, jacobian: Tensor) -> Tensor:
    """Weights of a method that has seen nothing before."""
    return _step(copy.deepcopy(balancer), losses, jacobian)


def _step(balancer: Balancer, losses: Tensor, jacobian: Tensor) -> Tensor:
    return balancer.weights(losses, jacobian @ jacobian.T if balancer.needs_gramian else None)


def _check_weights(balancer: Balancer, losses: Tensor, jacobian: Tensor) -> None:
    who, before = _who(balancer), losses.clone()
    found = _weigh(balancer, losses, jacobian)
    require(found.shape == losses.shape, f"{who}: one weight for each task, found {tuple(found.shape)}")
    require(bool(torch.isfinite(found).all()), f"{who}: weights are finite, found {found.tolist()}")
    require(not found.requires_grad, f"{who}: weights are numbers, not functions of the losses")
    require(same_bits(before, losses), f"{who}: the losses stay as they are")
    require(same_bits(found, _weigh(balancer, losses, jacobian)), f"{who}: the same losses give the same weights")
    for unlabelled in range(len(losses)):
        some, slopes = losses.clone(), jacobian.clone()
        some[unlabelled], slopes[unlabelled] = torch.nan, 0.0
        weights = _weigh(balancer, some, slopes)
        fits = bool(torch.isfinite(weights).all()) and float(weights[unlabelled]) == 0.0
        require(fits, f"{who}: a task without labels has weight 0 and spoils no other, found {weights.tolist()}")


def _check_one_task(balancer: Balancer, losses: Tensor, jacobian: Tensor) -> None:
    alone = copy.deepcopy(balancer)
    for step in range(3):
        (weight,) = _step(alone, losses[:1] / (step + 1), jacobian[:1]).tolist()
        require(abs(weight - 1) < 1e-6, f"{_who(balancer)}: a single task has weight 1, found {weight}")


def _check_hard_gradients(balancer: Balancer) -> None:
    """Gradients that are zero, equal, parallel or opposite, and very small or large ones: weights stay finite."""
    losses, (first, second, third) = torch.tensor([0.5, 1.0, 2.0]), _draw(0, tasks=3, ratio=1.0)[1]
    hard = {
        "one gradient is zero": [first, 0 * first, second],
        "all gradients are zero": [0 * first, 0 * first, 0 * first],
        "equal gradients": [first, first, second],
        "parallel gradients": [first, 3 * first, 1e-3 * first],
        "opposite gradients": [first, -first, second],
        "opposite gradients alone": [first, -2 * first, -first],
        "gradients without a common way": [first, second, -first - second],
    }
    for name, rows in hard.items():
        for unit in (1e-12, 1.0, 1e12):
            found = _weigh(balancer, losses, torch.stack(rows) * unit)
            fits = bool(torch.isfinite(found).all())
            require(fits, f"{_who(balancer)}: weights are finite where {name} (times {unit:g}), found {found.tolist()}")
    far = _weigh(balancer, losses * 1e-12, torch.stack([first, 1e12 * second, 1e-12 * third]))
    require(bool(torch.isfinite(far).all()), f"{_who(balancer)}: weights are finite for far sizes, found {far}")


def _check_permutation(balancer: Balancer, losses: Tensor, jacobian: Tensor) -> None:
    order = torch.arange(len(losses)).flip(0).roll(1)
    found = _weigh(balancer, losses[order], jacobian[order])
    wanted = _weigh(balancer, losses, jacobian)[order]
    require(near(found, wanted), f"{_who(balancer)}: permutation_invariant, found {found.tolist()}, {wanted.tolist()}")


def _check_scale(balancer: Balancer, losses: Tensor, jacobian: Tensor) -> None:
    """A task measured in another unit pulls the step as much as before: the direction of the step stays."""
    factors = torch.logspace(-1, 2, len(losses), dtype=torch.float64)
    plain = _weigh(balancer, losses, jacobian).double()
    scaled = _weigh(balancer, losses * factors.to(losses.dtype), jacobian * factors.unsqueeze(1)).double() * factors
    cosine = float(torch.nn.functional.cosine_similarity(plain, scaled, dim=0))
    require(cosine > 1 - 1e-4, f"{_who(balancer)}: scale_invariant, the shares turn by a cosine of {cosine:.6f}")


def _check_conflict(balancer: Balancer, losses: Tensor, jacobian: Tensor) -> None:
    step = _weigh(balancer, losses, jacobian).double() @ jacobian
    sizes = jacobian.norm(dim=1) * step.norm()
    worst = float((jacobian @ step / sizes.clamp(min=1e-300)).min())
    require(worst > -1e-4, f"{_who(balancer)}: non_conflicting, a task is pulled back with a cosine of {worst:.4f}")


def _check_linear(balancer: Balancer, losses: Tensor, jacobian: Tensor) -> None:
    """Units of the losses that are the sum of two others give the sum of the two steps."""
    one = torch.logspace(-1, 1, len(losses), dtype=torch.float64)
    other = one.flip(0) + 0.5

    def step(units: Tensor) -> Tensor:
        scaled = jacobian * units.unsqueeze(1)
        return _weigh(balancer, losses.double() * units, scaled) @ scaled

    found, wanted = step(one + other), step(one) + step(other)
    apart = float((found - wanted).norm() / wanted.norm().clamp(min=1e-300))
    require(apart < 1e-6, f"{_who(balancer)}: linear_under_scaling, the steps are apart by a share of {apart:.2g}")


def _check_sign(balancer: Balancer, losses: Tensor, jacobian: Tensor) -> None:
    found = _weigh(balancer, losses, jacobian)
    require(bool((found >= 0).all()), f"{_who(balancer)}: non_negative, found {found.tolist()}")


def _check_projections(balancer: Balancer, losses: Tensor, jacobian: Tensor) -> None:
    """Every task gains the same for a unit of its gradient, and something."""
    found = jacobian @ (_weigh(balancer, losses.double(), jacobian) @ jacobian) / jacobian.norm(dim=1)
    fits = float(found.min()) > 0 and float(found.max() / found.min()) < 1 + 1e-4
    require(fits, f"{_who(balancer)}: equal_projections, found {found.tolist()}")


def _check_products(balancer: Balancer, losses: Tensor, jacobian: Tensor) -> None:
    """The Nash condition but for a factor: one over the weight is what the task gains."""
    weights = _weigh(balancer, losses.double(), jacobian)
    found = weights * (jacobian @ (weights @ jacobian))
    fits = float(found.min()) > 0 and float(found.max() / found.min()) < 1 + 1e-4
    require(fits, f"{_who(balancer)}: equal_products, found {found.tolist()}")


def _check_shortest(balancer: Balancer, losses: Tensor, jacobian: Tensor) -> None:
    """No gradient lies nearer to zero, seen along the step: what a shortest vector of a hull is known by."""
    weights = _weigh(balancer, losses.double(), jacobian)
    step = weights / weights.sum() @ jacobian
    share = float((jacobian @ step).min() / (step @ step))
    fits = bool((weights >= 0).all()) and share > 1 - 1e-4
    require(fits, f"{_who(balancer)}: shortest, a gradient reaches only {share:.6f} of the step, weights {weights}")


CLAIMS: dict[str, Callable[[Balancer, Tensor, Tensor], None]] = {
    "permutation_invariant": _check_permutation,
    "scale_invariant": _check_scale,
    "linear_under_scaling": _check_linear,
    "non_conflicting": _check_conflict,
    "non_negative": _check_sign,
    "equal_projections": _check_projections,
    "equal_products": _check_products,
    "shortest": _check_shortest,
}


def _check_state(balancer: Balancer) -> None:
    """Interrupted after some steps and restored from plain data, it goes on as if nothing had happened."""
    who = _who(balancer)
    going, resumed = copy.deepcopy(balancer), copy.deepcopy(balancer)
    for seed in range(4):
        losses, jacobian = _draw(seed, tasks=3, ratio=10.0)
        if seed == 0:
            losses[1] = torch.nan
        _step(going, losses, jacobian)
    try:
        text = json.dumps(going.state(), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ContractBroken(f"{who}: the state is plain JSON data; {error}") from error
    resumed.restore(json.loads(text))
    for seed in range(4, 8):
        losses, jacobian = _draw(seed, tasks=3, ratio=10.0)
        wanted, found = _step(going, losses, jacobian), _step(resumed, losses, jacobian)
        require(same_bits(wanted, found), f"{who}: restored from its state it goes on the same, bit for bit")
