"""The small exact solvers behind the balancing methods: float64, a handful of tasks, well below a millisecond.

All of them see gradients of unit length, so that tasks whose gradients differ a millionfold in size are no harder than
others. NumPy, because at three tasks a call costs more than the sum that it does.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = [
    "Solve",
    "Vector",
    "bisector",
    "dual_projections",
    "fair_point",
    "least",
    "mean_one",
    "over_known",
    "shortest",
    "weighed",
]

Vector = NDArray[np.float64]
Solve = Callable[[Vector, Vector], Vector]
"""(k, k) cosines of the task gradients and (k,) their sizes, of geometric mean 1, to (k,) weights."""

RIDGE = 1e-13  # of a unit gradient: lets parallel and opposite gradients be solved for, below what float64 can tell
STALLED = 1e-12  # a slope this close to zero is zero
SWEEPS = 20  # active-set changes for each task; a few for each are common
FLAT = 1e-11  # the ridge under a barrier: it bounds the point that opposite gradients would send to infinity
NEWTON = 60  # steps; six to ten are common, about 25 where no step helps all tasks
ENOUGH = 1e-4  # the share by which a last Newton step moves: what remains is about its square
HALVINGS = 40


def over_known(losses: Tensor, usable: NDArray[np.bool_], solve: Callable[[NDArray[np.intp]], Vector]) -> Tensor:
    """(tasks,) weights: `solve`d where `usable` (tasks,), 1 where a labelled task is not, 0 where the loss is NaN.

    `solve` gets the numbers of the usable tasks, and is not asked where there is only one.
    """
    known = ~np.isnan(_array(losses))
    weights = known.astype(np.float64)
    places = np.flatnonzero(known & usable)
    if len(places) > 1:
        found = solve(places)
        if np.isfinite(found).all():
            weights[places] = found
    return torch.from_numpy(weights).to(losses)


def weighed(losses: Tensor, gramian: Tensor | None, solve: Solve) -> Tensor:
    """(tasks,) weights of a method that looks at gradients alone, solved on the tasks that have one.

    Raises ValueError without a Gramian.
    """
    if gramian is None:
        raise ValueError("this method needs the Gramian of the task gradients, found None")
    products = _array(gramian)
    squares = products.diagonal()
    usable = np.isfinite(squares) & (squares > np.finfo(np.float64).tiny)

    def solved(places: NDArray[np.intp]) -> Vector:
        sizes = np.sqrt(squares[places])
        sizes_apart = np.outer(sizes, sizes) if sizes.max() < 1e150 and sizes.min() > 1e-150 else None
        some = products[np.ix_(places, places)]
        cosines = some / sizes_apart if sizes_apart is not None else some / sizes / sizes[:, None]
        np.fill_diagonal(cosines, 1.0)
        return solve(cosines.clip(-1.0, 1.0), sizes / np.exp(np.log(sizes).mean()))

    return over_known(losses, usable, solved)


def mean_one(weights: Vector) -> Vector:
    """Weights whose sizes have a mean of 1; all zero stays zero."""
    total = float(np.abs(weights).sum())
    return weights * (len(weights) / total) if total > 0 else weights


def least(products: Vector, slopes: Vector, units: Vector | None = None) -> Vector:
    """(k,) the x ≥ 0 with the least xᵀAx / 2 + bᵀx, exactly, by an active set; with `units` c only where cᵀx = 1.

    `products` A (k, k) is positive semidefinite with a diagonal of ones, `slopes` b (k,). This is the algorithm of
    Lawson and Hanson (1974, chapter 23) on the normal equations: take in the task with the steepest slope, solve for
    those taken in, go there or as far as none falls below zero, and drop what reached it.
    """
    count = len(slopes)
    curved = products + RIDGE * np.eye(count)
    x, inside = np.zeros(count), np.zeros(count, dtype=bool)
    if units is not None:
        first = int(np.argmin(0.5 / units**2 + slopes / units))
        x[first], inside[first] = 1.0 / units[first], True
    for _ in range(SWEEPS * count):
        wanted, pull = _solved(curved, slopes, units, inside)
        if (wanted[inside] < 0).any():
            falling = inside & (wanted < 0)
            steps = x[falling] / (x[falling] - wanted[falling])
            x = x + steps.min() * (wanted - x)
            dropped = np.flatnonzero(falling)[steps <= steps.min()]
            inside[dropped] = False
            x[~inside] = 0.0
            continue
        x = wanted
        rest = curved @ x + slopes - (0.0 if units is None else pull * units)
        steepest = int(np.argmin(np.where(inside, np.inf, rest)))
        scale = 1.0 + float(np.abs(x).max())
        if inside.all() or rest[steepest] >= -STALLED * scale:
            break
        inside[steepest] = True
    return x


def shortest(cosines: Vector, sizes: Vector) -> Vector:
    """(k,) weights ≥ 0 of sum 1 of the shortest vector in the hull of the gradients (Sener and Koltun 2018)."""
    found = least(cosines, np.zeros(len(sizes)), 1.0 / sizes) / sizes
    return found / found.sum()


def bisector(cosines: Vector) -> Vector:
    """(k,) weights of the gradients of unit length whose sum has the same projection, 1, on each of them.

    Zero where gradients are opposite: what float64 cannot tell from that is taken for it.
    """
    solved: Vector = np.linalg.pinv(cosines, rcond=1e-12, hermitian=True).sum(1)
    projections = cosines @ solved
    return solved if projections.min() > 0 else np.zeros(len(solved))


def dual_projections(cosines: Vector, sizes: Vector) -> Vector:
    """(k,) weights of the sum of the gradients, each projected on the cone of steps that harm no task.

    Quinton and Rey 2024; the cone does not know the sizes, so that the rows may be of unit length.
    """
    total = sizes.copy()
    for place in np.flatnonzero((cosines < 0).any(1)):
        total += sizes[place] * least(cosines, cosines[place])
    return total / sizes


def fair_point(cosines: Vector, pulls: Vector, power: float) -> Vector:
    """(k,) the x > 0 with (Ax)ᵢ = qᵢ xᵢ⁻ᵖ, by Newton's method on the convex xᵀAx / 2 − Σ qᵢ xᵢ¹⁻ᵖ / (1 − p).

    `cosines` A, `pulls` q (k,) > 0, `power` p > 0; p = 1 is −Σ qᵢ log xᵢ. Where gradients are opposite the least value
    would be at infinity; the ridge keeps it where the direction can be read off.
    """
    curved = cosines + FLAT * np.eye(len(pulls))

    def value(x: Vector) -> float:
        gain = np.log(x) if power == 1 else x ** (1 - power) / (1 - power)
        return float(0.5 * x @ curved @ x - pulls @ gain)

    x = pulls ** (1 / (1 + power))  # right for gradients that are orthogonal
    now = value(x)
    for _ in range(NEWTON):
        slope = curved @ x - pulls * x**-power
        scaled = curved * np.outer(x, x)  # in units of x itself the barrier is q p x¹⁻ᵖ, however far apart the x
        bend = power * pulls * x ** (1 - power)
        scaled[np.diag_indices_from(scaled)] += bend
        stretch = 1.0 / np.sqrt(scaled.diagonal())
        inner = np.linalg.solve(scaled * np.outer(stretch, stretch), -(slope * x) * stretch) * stretch
        gain = float(-(slope * x) @ inner)
        share = 1.0 if inner.min() >= -0.9 else -0.9 / float(inner.min())
        x, now = _descended(value, x, now, x * inner * share, gain * share)
        if not np.abs(inner).max() > ENOUGH:
            break
    return x


def _descended(
    value: Callable[[Vector], float], x: Vector, now: float, way: Vector, gain: float
) -> tuple[Vector, float]:
    """Half the way, and half again, until enough is gained (Armijo 1966)."""
    for _ in range(HALVINGS):
        there = x + way
        found = value(there)
        # Near the end a value has no digits left to tell a gain by.
        if found <= now - 1e-4 * gain or gain < 1e-12 * (1.0 + abs(now)):
            return there, found
        way, gain = way / 2, gain / 2
    return x, now


def _solved(curved: Vector, slopes: Vector, units: Vector | None, inside: NDArray[np.bool_]) -> tuple[Vector, float]:
    """The least value among those inside, whatever their sign, and the multiplier of cᵀx = 1."""
    wanted = np.zeros(len(slopes))
    if not inside.any():
        return wanted, 0.0
    block = curved[np.ix_(inside, inside)]
    if units is None:
        wanted[inside] = np.linalg.solve(block, -slopes[inside])
        return wanted, 0.0
    own, pulled = np.linalg.solve(block, np.stack([slopes[inside], units[inside]], axis=1)).T
    pull = float((1.0 + units[inside] @ own) / (units[inside] @ pulled))
    wanted[inside] = pull * pulled - own
    return wanted, pull


def _array(values: Tensor) -> Vector:
    """float64 on the CPU."""
    return values.detach().double().cpu().numpy()
