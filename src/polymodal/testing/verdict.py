"""How a check says that a promise is broken, and what it means for two tensors to be the same."""

from collections.abc import Mapping

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

__all__ = ["ContractBroken", "check_gradients", "check_saving", "near", "require", "same_bits", "same_parts"]


class ContractBroken(AssertionError):
    """A part does not keep a promise of its contract; the message is the promise and what was seen instead."""


def require(holds: bool, promise: str) -> None:
    """Raise ContractBroken with the promise unless it holds."""
    if not holds:
        raise ContractBroken(promise)


def same_bits(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors agree in type, shape and every entry (NaN agrees with NaN)."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    both_nan = (one != one) & (other != other)
    return bool(((one == other) | both_nan).all())


def same_parts(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    """Whether two mappings hold the same names with the same bits."""
    return one.keys() == other.keys() and all(same_bits(one[name], other[name]) for name in one)


def near(one: Tensor, other: Tensor, tolerance: float = 1e-5) -> bool:
    """Whether two tensors agree in shape and, absolutely or relatively, to the tolerance."""
    return one.shape == other.shape and torch.allclose(one.double(), other.double(), rtol=tolerance, atol=tolerance)


def check_gradients(module: nn.Module, loss: Tensor, who: str) -> None:
    """After `loss` runs backwards, every weight that can learn has a finite gradient, and not all of them are zero."""
    learning = {name: weight for name, weight in module.named_parameters() if weight.requires_grad}
    if not learning:
        return
    module.zero_grad()
    loss.backward()
    slopes = {name: weight.grad for name, weight in learning.items() if weight.grad is not None}
    unreached = sorted(learning.keys() - slopes.keys())
    require(not unreached, f"{who}: the gradient reaches every weight; none reached {', '.join(unreached)}")
    for name, slope in slopes.items():
        require(bool(torch.isfinite(slope).all()), f"{who}: gradients are finite; that of {name} is not")
    moved = any(bool((slope != 0).any()) for slope in slopes.values())
    require(moved, f"{who}: the gradient reaches the weights; every one of them is zero")


def check_saving(module: nn.Module, fresh: nn.Module, who: str) -> None:
    """Weights go through safetensors into a fresh copy unchanged."""
    try:
        content = save(module.state_dict())
        fresh.load_state_dict(load(content))
    except (RuntimeError, ValueError, KeyError) as error:
        raise ContractBroken(f"{who}: weights can be saved and loaded; {error}") from error
    require(same_parts(module.state_dict(), fresh.state_dict()), f"{who}: loaded weights equal the saved ones")
