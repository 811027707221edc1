"""Task gradients that the tests share, and the reference matrix of the published comparison of aggregators."""

import torch
from torch import Tensor

from polymodal.balancing import Balancer
from polymodal.core.seeding import torch_generator

CONFLICT = torch.tensor([[-4.0, 1.0, 1.0], [6.0, 1.0, 1.0]], dtype=torch.float64)
NAN = float("nan")


def step(balancer: Balancer, jacobian: Tensor) -> Tensor:
    """The weighted sum of the gradients (tasks, numbers)."""
    return given(balancer, jacobian) @ jacobian


def given(balancer: Balancer, jacobian: Tensor) -> Tensor:
    """(tasks,) weights for losses of 1 and these gradients."""
    return balancer.weights(torch.ones(len(jacobian), dtype=torch.float64), jacobian @ jacobian.T)


def drawn(seed: int, tasks: int, ratio: float = 1.0, width: int = 20) -> Tensor:
    """(tasks, width) gradients of which two conflict, the largest `ratio` times the smallest."""
    draw = torch_generator(seed, "gradients", tasks)
    rows = torch.randn(tasks, width, generator=draw, dtype=torch.float64)
    rows[1] -= 1.5 * rows[0]
    sizes = torch.logspace(0, torch.tensor(ratio).log10().item(), tasks, dtype=torch.float64)
    return torch.nn.functional.normalize(rows) * sizes[torch.randperm(tasks, generator=draw)].unsqueeze(1)
